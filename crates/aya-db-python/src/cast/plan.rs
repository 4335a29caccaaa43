//! Builds the rows of a table.
//!
//! Tuples and lists are filled by the macros of Python's C API, which are what fetching many rows
//! spends its time in otherwise.
#![expect(unsafe_code, reason = "tuples are filled by Python's C API")]

use aya_pgwire::{Column, Row, Rows};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use super::builtin::decoder_for;
use super::decoder::Decoder;
use super::scene::Scene;
use crate::cursor::Cursor;

/// What casts each column of a table.
#[derive(Debug)]
pub(crate) struct Plan {
    decoders: Vec<Decoder>,
    /// Whether no row can be part of a cycle, so that the collector need not look at them.
    is_atomic: bool,
}

impl Plan {
    /// For these columns, on this cursor.
    pub(crate) fn new(cursor: &Bound<'_, Cursor>, columns: &[Column]) -> PyResult<Self> {
        let py = cursor.py();
        let decoders = columns
            .iter()
            .map(|column| decoder_for(cursor, column.type_oid.into_pyobject(py)?.as_any()))
            .collect::<PyResult<Vec<_>>>()?;
        let is_atomic = decoders.iter().all(Decoder::is_atomic);
        Ok(Self { decoders, is_atomic })
    }

    /// Whether rows may be made at any time, since nothing of the user's takes part in it.
    pub(crate) fn is_plain(&self) -> bool {
        self.decoders.iter().all(Decoder::is_plain)
    }

    /// Makes the rows up to this number, behind those that are made.
    pub(crate) fn extend(
        &self,
        cursor: &Bound<'_, Cursor>,
        rows: &Rows,
        to: usize,
        made: &mut Vec<Option<Py<PyTuple>>>,
    ) -> PyResult<()> {
        let scene = Scene::of(cursor)?;
        while made.len() < to {
            let Some(row) = rows.get(made.len()) else { break };
            made.push(Some(self.build(&scene, row)?.unbind()));
        }
        Ok(())
    }

    /// One value.
    pub(crate) fn value<'py>(
        &self,
        cursor: &Bound<'py, Cursor>,
        column: usize,
        value: Option<&[u8]>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let scene = Scene::of(cursor)?;
        self.decoders.get(column).unwrap_or(&Decoder::Text).decode(&scene, value)
    }

    /// One row.
    pub(crate) fn row<'py>(
        &self,
        cursor: &Bound<'py, Cursor>,
        row: Row<'_>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        self.build(&Scene::of(cursor)?, row)
    }

    /// `count` rows from the one of the number `from`, of which some may be made already.
    pub(crate) fn rows<'py>(
        &self,
        cursor: &Bound<'py, Cursor>,
        rows: &Rows,
        (from, count): (usize, usize),
        made: Vec<Option<Py<PyTuple>>>,
    ) -> PyResult<Bound<'py, PyList>> {
        let scene = Scene::of(cursor)?;
        let length = ffi::Py_ssize_t::try_from(count)?;
        // SAFETY: the scene holds Python's lock; the list is ours alone until it is returned, and
        // a list with places that are not filled may be dropped.
        let list = unsafe {
            Bound::from_owned_ptr_or_err(scene.py, ffi::PyList_New(length))?
                .cast_into_unchecked::<PyList>()
        };
        let mut made = made.into_iter();
        for place in 0..count {
            let row = match made.next().flatten() {
                Some(row) => row.into_bound(scene.py),
                None => {
                    let Some(row) = rows.get(from + place) else { break };
                    self.build(&scene, row)?
                }
            };
            // SAFETY: as above; the place is within the length, and empty.
            unsafe {
                ffi::PyList_SET_ITEM(list.as_ptr(), place as ffi::Py_ssize_t, row.into_ptr());
            }
        }
        Ok(list)
    }

    #[inline]
    fn build<'py>(&self, scene: &Scene<'py>, row: Row<'_>) -> PyResult<Bound<'py, PyTuple>> {
        let length = ffi::Py_ssize_t::try_from(self.decoders.len())?;
        // SAFETY: the scene holds Python's lock; the tuple is ours alone until it is returned, and
        // a tuple with places that are not filled may be dropped.
        let tuple = unsafe {
            Bound::from_owned_ptr_or_err(scene.py, ffi::PyTuple_New(length))?
                .cast_into_unchecked::<PyTuple>()
        };
        let mut cells = row.cells();
        for (place, decoder) in self.decoders.iter().enumerate() {
            let value = decoder.decode(scene, cells.next().flatten())?;
            // SAFETY: as above; the place is within the length, and empty.
            unsafe {
                ffi::PyTuple_SET_ITEM(tuple.as_ptr(), place as ffi::Py_ssize_t, value.into_ptr());
            }
        }
        if self.is_atomic && length > 0 {
            // SAFETY: a new tuple that is not empty is tracked, and this one holds nothing that
            // the collector follows; the collector would find out and do the same.
            unsafe { ffi::PyObject_GC_UnTrack(tuple.as_ptr().cast()) };
        }
        Ok(tuple)
    }
}

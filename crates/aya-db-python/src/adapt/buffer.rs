//! The bytes of an object, without a copy.
#![expect(unsafe_code, reason = "PyO3's buffers tell their items' types apart, and refuse some")]

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::slice;

use pyo3::ffi;
use pyo3::prelude::*;

/// The bytes of an object that has some in one piece, of whatever type its items are.
pub(super) struct Bytes<'py> {
    view: Box<ffi::Py_buffer>,
    _py: Python<'py>,
}

impl<'py> Bytes<'py> {
    /// Those of this object; none if it has no buffer at all.
    ///
    /// # Errors
    /// `BufferError`, if they are not in one piece.
    pub(super) fn of(object: &Bound<'py, PyAny>) -> PyResult<Option<Self>> {
        // SAFETY: the object is alive, and this thread is attached to Python.
        if unsafe { ffi::PyObject_CheckBuffer(object.as_ptr()) } == 0 {
            return Ok(None);
        }
        let mut view = Box::new(MaybeUninit::<ffi::Py_buffer>::uninit());
        // SAFETY: as above; the view is memory for one, which Python fills in.
        let failed: c_int = unsafe {
            ffi::PyObject_GetBuffer(object.as_ptr(), view.as_mut_ptr(), ffi::PyBUF_CONTIG_RO)
        };
        if failed != 0 {
            return Err(PyErr::fetch(object.py()));
        }
        // SAFETY: Python has filled it in.
        let view = unsafe { view.assume_init() };
        Ok(Some(Self { view, _py: object.py() }))
    }

    /// Them, as they are now. Nothing of Python may run while they are borrowed, as that could
    /// change them.
    pub(super) fn as_slice(&self) -> &[u8] {
        let length = usize::try_from(self.view.len).unwrap_or_default();
        if length == 0 {
            return &[];
        }
        // SAFETY: the view is contiguous, and keeps its memory alive and in place until it is
        // released.
        unsafe { slice::from_raw_parts(self.view.buf.cast::<u8>(), length) }
    }
}

impl Drop for Bytes<'_> {
    fn drop(&mut self) {
        // SAFETY: the view was filled in by Python, is released once, and by an attached thread.
        unsafe { ffi::PyBuffer_Release(&raw mut *self.view) };
    }
}

//! `Binary`: bytes.

use std::sync::Mutex;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::buffer::Bytes;
use super::literal::{Notation, bytea};
use super::quote::Scope;
use super::type_name::type_name;
use super::wrapper::adapter;
use crate::connection::Connection;
use crate::lock::Locked as _;

adapter! {
    /// Writes the bytes of an object that has some as ``bytea``.
    #[pyclass(frozen, subclass, module = "aya_db.extensions")]
    Binary { buffer: Mutex<Option<Py<PyBytes>>>, }
    quoted by Self::quoted;

    #[pyo3(signature = (obj, /, **_kwargs))]
    fn __init__(&self, obj: &Bound<'_, PyAny>, _kwargs: Option<&Bound<'_, PyDict>>) {
        self.wrapped.set(obj);
    }

    /// Takes the connection that it is written for.
    #[pyo3(signature = (conn, /))]
    fn prepare(&self, conn: &Bound<'_, Connection>) {
        self.wrapped.prepare(conn);
    }

    /// The SQL, once it was asked for.
    #[getter]
    fn buffer(&self, py: Python<'_>) -> Option<Py<PyBytes>> {
        self.buffer.locked().as_ref().map(|buffer| buffer.clone_ref(py))
    }
}

impl Binary {
    /// The SQL, which is made once: to prepare it later does not change it.
    fn quoted<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        if let Some(buffer) = self.buffer(py) {
            return Ok(buffer.into_bound(py));
        }
        let mut out = Vec::new();
        let value = self.wrapped.value(py);
        Scope::with(py, self.wrapped.connection(py).as_ref(), |scope| {
            binary(&mut out, &value, scope)
        })?;
        let quoted = PyBytes::new(py, &out);
        *self.buffer.locked() = Some(quoted.clone().unbind());
        Ok(quoted)
    }
}

/// Appends the bytes of an object.
pub(super) fn binary(
    out: &mut Vec<u8>,
    value: &Bound<'_, PyAny>,
    scope: &Scope<'_, '_>,
) -> PyResult<()> {
    if value.is_none() {
        out.extend_from_slice(b"NULL");
        return Ok(());
    }
    let Some(bytes) = Bytes::of(value)? else {
        return Err(PyTypeError::new_err(format!("can't escape {} to binary", type_name(value))));
    };
    let notation = if scope.connection.is_some() { Notation::Hex } else { Notation::Escape };
    bytea(out, bytes.as_slice(), notation, scope.dialect);
    Ok(())
}

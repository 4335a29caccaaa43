//! How values have to be written for one connection.

use std::sync::Arc;

use pyo3::prelude::*;

use crate::connection::Connection;
use crate::cursor::Cursor;
use crate::encoding::Encoding;

/// How values have to be written for one connection.
#[derive(Debug, Clone)]
pub(crate) struct Dialect {
    /// Its client encoding.
    pub(crate) encoding: Arc<Encoding>,
    /// Whether a backslash in a plain string is just that (`standard_conforming_strings`).
    pub(crate) standard_strings: bool,
}

impl Dialect {
    /// For values that no connection asks for.
    pub(crate) fn unbound(py: Python<'_>) -> PyResult<Self> {
        Ok(Self { encoding: Encoding::latin1(py)?, standard_strings: true })
    }
}

/// The connection that a connection or a cursor stands for.
///
/// # Errors
/// `TypeError` if it is neither; `InterfaceError` if the cursor was never given a connection.
pub(crate) fn connection_of<'py>(scope: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Connection>> {
    if let Ok(connection) = scope.cast::<Connection>() {
        return Ok(connection.clone());
    }
    if let Ok(cursor) = scope.cast::<Cursor>() {
        return cursor.get().connection(scope.py());
    }
    Err(pyo3::exceptions::PyTypeError::new_err("argument 2 must be a connection or a cursor"))
}

//! From what a user passes as a statement to the bytes that are sent.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use super::object::Cursor;
use crate::connection::Connection;
use crate::error;

/// The text of a statement: `str`, `bytes`, or an object of `aya_db.sql`.
pub(super) fn text_of(
    slf: &Bound<'_, Cursor>,
    connection: &Bound<'_, Connection>,
    query: &Bound<'_, PyAny>,
) -> PyResult<Vec<u8>> {
    let py = slf.py();
    if !query.is_truthy()? {
        let empty = error::programming(py, "can't execute an empty query");
        return Err(error::on_cursor(py, empty, slf.as_any()));
    }
    if let Some(text) = plain(connection, query)? {
        return Ok(text);
    }
    let composable = py.import("aya_db.sql")?.getattr("Composable")?;
    if !query.is_instance(&composable)? {
        return Err(PyTypeError::new_err(format!(
            "argument 1 must be a string or unicode object: got {} instead",
            query.get_type().name()?
        )));
    }
    let composed = query.call_method1("as_string", (connection,))?;
    match plain(connection, &composed)? {
        Some(text) => Ok(text),
        None => Err(PyTypeError::new_err(format!(
            "as_string() should return a string: got {} instead",
            composed.get_type().name()?
        ))),
    }
}

fn plain(
    connection: &Bound<'_, Connection>,
    query: &Bound<'_, PyAny>,
) -> PyResult<Option<Vec<u8>>> {
    if let Ok(bytes) = query.cast::<PyBytes>() {
        return Ok(Some(bytes.as_bytes().to_vec()));
    }
    match query.cast::<PyString>() {
        Ok(text) => {
            let encoding = connection.get().dialect().encoding;
            Ok(Some(encoding.encode(text)?.into_owned()))
        }
        Err(_) => Ok(None),
    }
}

/// The statement with its values in it.
pub(super) fn merged(
    slf: &Bound<'_, Cursor>,
    connection: &Bound<'_, Connection>,
    text: &[u8],
    vars: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<u8>> {
    let Some(vars) = vars.filter(|vars| !vars.is_none()) else {
        return Ok(text.to_vec());
    };
    let dialect = connection.get().dialect();
    crate::adapt::merge(text, Some(vars), connection, &dialect)
        .map_err(|error| error::on_cursor(slf.py(), error, slf.as_any()))
}

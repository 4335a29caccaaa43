//! `quote_ident`: names as SQL writes them.

use memchr::{memchr, memchr_iter};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use super::characters::{Character, Characters};
use super::literal::{double, each_character};
use super::type_name::type_name;
use crate::dialect::connection_of;
use crate::encoding::Encoding;
use crate::error;

/// The name as a quoted identifier, in the encoding of a connection or cursor.
#[pyfunction]
#[pyo3(signature = (ident, scope))]
pub(super) fn quote_ident<'py>(
    ident: &Bound<'py, PyAny>,
    scope: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyString>> {
    let py = ident.py();
    let connection = connection_of(scope)?;
    if connection.get().is_closed() {
        return Err(error::interface(py, "connection not valid"));
    }
    let encoding = connection.get().dialect().encoding;
    let quoted = if let Ok(text) = ident.cast::<PyString>() {
        quote_identifier(py, &encoding.encode(text)?, &encoding)?
    } else if let Ok(bytes) = ident.cast::<PyBytes>() {
        quote_identifier(py, bytes.as_bytes(), &encoding)?
    } else {
        return Err(PyTypeError::new_err(format!(
            "Expected bytes or unicode string, got {} instead",
            type_name(ident)
        )));
    };
    // Bytes may be characters for PostgreSQL and none for Python.
    Ok(encoding.decode_lossy(py, &quoted))
}

/// The same of bytes in this encoding. As in libpq, a NUL ends them.
///
/// # Errors
/// `InterfaceError` if they are no text of it.
pub(crate) fn quote_identifier(
    py: Python<'_>,
    ident: &[u8],
    encoding: &Encoding,
) -> PyResult<Vec<u8>> {
    let ident = memchr(0, ident).map_or(ident, |end| &ident[..end]);
    let characters = Characters::of(encoding);
    if let Some(fault) = first_fault(ident, characters) {
        return Err(error::interface(py, format!("failed to escape identifier: {fault}\n")));
    }
    let mut out = Vec::with_capacity(ident.len() + 2);
    out.push(b'"');
    match ident.is_ascii() {
        true => double_quotes(&mut out, ident),
        false => each_character(&mut out, ident, characters, double_quotes),
    }
    out.push(b'"');
    Ok(out)
}

fn double_quotes(out: &mut Vec<u8>, text: &[u8]) {
    double(out, text, memchr_iter(b'"', text));
}

/// What libpq says of a text that is none. It looks at the first character that is not ASCII by
/// itself, and at all behind it together.
fn first_fault(ident: &[u8], characters: Characters) -> Option<&'static str> {
    let start = ident.iter().position(|byte| !byte.is_ascii())?;
    let mut rest = &ident[start..];
    let first = characters.first(rest);
    loop {
        match characters.first(rest) {
            Character::Whole(length) => rest = &rest[length..],
            _ if first == Character::Incomplete => return Some("incomplete multibyte character"),
            _ => return Some("invalid multibyte character"),
        }
        if rest.is_empty() {
            return None;
        }
    }
}

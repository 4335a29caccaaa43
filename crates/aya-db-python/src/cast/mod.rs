//! Typecasters: from the text of a value to Python's.
//!
//! ```text
//!  Caster (what users register)  --> Decoder (what it does) --> number, moment, interval, bytea, array
//!  Plan: a decoder for each column of a table, and the building of rows
//! ```

mod array;
mod builtin;
mod bytea;
mod caster;
mod decoder;
mod interval;
mod moment;
mod number;
mod plan;
mod scene;

use pyo3::prelude::*;
use pyo3::types::PyString;

pub(crate) use self::builtin::register;
pub(crate) use self::bytea::bytes as bytes_of_bytea;
pub(crate) use self::caster::{new_array_type, new_type, register_type};
pub(crate) use self::plan::Plan;
use self::scene::Scene;
use crate::cursor::Cursor;

/// A value given as text, by the typecaster that a cursor has for its type.
pub(crate) fn cast_value<'py>(
    cursor: &Bound<'py, Cursor>,
    oid: &Bound<'py, PyAny>,
    value: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let scene = Scene::of(cursor)?;
    let decoder = builtin::decoder_for(cursor, oid)?;
    let text = caster::text_of(value)?;
    decoder.decode(&scene, text.as_deref())
}

/// The text of bytes, for messages.
fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Python's text of bytes that are ASCII in all but damaged answers.
fn text<'py>(py: Python<'py>, bytes: &[u8]) -> Bound<'py, PyString> {
    PyString::new(py, &String::from_utf8_lossy(bytes))
}

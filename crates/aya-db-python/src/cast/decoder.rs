//! What a typecaster does.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes};

use super::scene::Scene;
use super::{array, bytea, interval, moment, number, shown};
use crate::error;

/// What a typecaster does with the text of a value.
#[derive(Debug)]
pub(super) enum Decoder {
    Integer,
    Float,
    Decimal,
    Text,
    Bytes,
    Boolean,
    Date,
    Time,
    Timestamp,
    TimestampTz,
    Interval,
    Binary,
    /// An array of what this one casts.
    Array(Box<Self>),
    /// A function of Python's, which is given the text and the cursor.
    Function(Py<PyAny>),
    /// Nothing was given to cast by.
    Nothing,
}

impl Decoder {
    /// Casts the text of a value; `None` for NULL, which only functions see.
    #[inline]
    pub(super) fn decode<'py>(
        &self,
        scene: &Scene<'py>,
        value: Option<&[u8]>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = scene.py;
        let value = match (value, self) {
            (Some(value), _) => value,
            (None, Self::Function(function)) => {
                return function.bind(py).call1((py.None(), scene.cursor()));
            }
            (None, _) => return Ok(py.None().into_bound(py)),
        };
        match self {
            Self::Integer => number::integer(py, value),
            Self::Float => number::float(py, value),
            Self::Decimal => number::decimal(py, value),
            Self::Text => Ok(scene.encoding.decode(py, value)?.into_any()),
            Self::Bytes => Ok(PyBytes::new(py, value).into_any()),
            Self::Boolean => boolean(py, value),
            Self::Date => moment::date(py, value),
            Self::Time => moment::time(scene, value),
            Self::Timestamp => moment::timestamp(scene, value),
            Self::TimestampTz => moment::timestamp_tz(scene, value),
            Self::Interval => interval::interval(py, value),
            Self::Binary => bytea::bytea(py, value),
            Self::Array(items) => array::array(scene, items, value),
            Self::Function(function) => {
                let text = scene.encoding.decode(py, value)?;
                function.bind(py).call1((text, scene.cursor()))
            }
            Self::Nothing => Err(error::new(
                py,
                error::Class::Error,
                "internal error: no casting function found",
            )),
        }
    }

    /// Whether what it makes never refers to anything that refers back.
    pub(super) const fn is_atomic(&self) -> bool {
        !matches!(self, Self::Array(_) | Self::Function(_) | Self::Binary)
    }

    /// Whether it takes nothing but the bytes of a value and the encoding, and runs nothing of the user's.
    pub(super) const fn is_plain(&self) -> bool {
        matches!(self, Self::Integer | Self::Float | Self::Text | Self::Boolean)
    }

    pub(super) fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Self::Integer => Self::Integer,
            Self::Float => Self::Float,
            Self::Decimal => Self::Decimal,
            Self::Text => Self::Text,
            Self::Bytes => Self::Bytes,
            Self::Boolean => Self::Boolean,
            Self::Date => Self::Date,
            Self::Time => Self::Time,
            Self::Timestamp => Self::Timestamp,
            Self::TimestampTz => Self::TimestampTz,
            Self::Interval => Self::Interval,
            Self::Binary => Self::Binary,
            Self::Array(items) => Self::Array(Box::new(items.clone_ref(py))),
            Self::Function(function) => Self::Function(function.clone_ref(py)),
            Self::Nothing => Self::Nothing,
        }
    }
}

fn boolean<'py>(py: Python<'py>, value: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let truth = match value.first() {
        Some(b't' | b'T') => true,
        Some(b'f' | b'F') => false,
        _ => {
            let text = format!("can't parse boolean: '{}'", shown(value));
            return Err(error::interface(py, text));
        }
    };
    Ok(PyBool::new(py, truth).to_owned().into_any())
}

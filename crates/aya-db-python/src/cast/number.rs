//! Numbers.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyFloat, PyInt, PyType};

use super::text;
use crate::error;

/// `int`.
pub(super) fn integer<'py>(py: Python<'py>, value: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    if let Some(number) = small(value) {
        return Ok(number.into_pyobject(py)?.into_any());
    }
    if value.len() >= LONGEST {
        return Err(error::data(py, "int64 representation too long"));
    }
    py.get_type::<PyInt>().call1((text(py, value), 0))
}

/// A number of up to 18 digits without leading zeros, which cannot overflow.
#[inline]
fn small(value: &[u8]) -> Option<i64> {
    let (negative, digits) = match value {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 18 || (digits[0] == b'0' && digits.len() > 1) {
        return None;
    }
    let mut number = 0_i64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        number = number * 10 + i64::from(digit - b'0');
    }
    Some(if negative { -number } else { number })
}

/// `float`.
pub(super) fn float<'py>(py: Python<'py>, value: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let plain = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    let number = match value.iter().all(plain) {
        true => std::str::from_utf8(value).ok().and_then(|value| value.parse::<f64>().ok()),
        false => None,
    };
    match number {
        Some(number) => Ok(PyFloat::new(py, number).into_any()),
        // `NaN`, `Infinity`, and Python's words for what is none.
        None => py.get_type::<PyFloat>().call1((text(py, value),)),
    }
}

/// `decimal.Decimal`.
pub(super) fn decimal<'py>(py: Python<'py>, value: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    static DECIMAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    DECIMAL.import(py, "decimal", "Decimal")?.call1((text(py, value),))
}

/// Longer than any integer of 64 bits.
const LONGEST: usize = 24;

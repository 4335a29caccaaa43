//! Bytes, in both of the formats that PostgreSQL writes
//! (<https://www.postgresql.org/docs/18/datatype-binary.html>).

use std::ffi::c_char;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView};

/// A `memoryview` of the bytes; its items are bytes of length one, as psycopg2's are.
pub(super) fn bytea<'py>(py: Python<'py>, value: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let view = PyMemoryView::from(PyBytes::new(py, &bytes(value)).as_any())?;
    view.call_method1("cast", ("c",))
}

/// The bytes themselves.
pub(crate) fn bytes(value: &[u8]) -> Vec<u8> {
    match value {
        [b'\\', b'x', digits @ ..] => from_hex(digits),
        _ => from_escaped(value),
    }
}

/// Pairs of digits; what is none is passed over.
fn from_hex(text: &[u8]) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let mut digits = text.iter().filter_map(digit);
    let mut bytes = Vec::with_capacity(text.len() / 2);
    while let (Some(high), Some(low)) = (digits.next(), digits.next()) {
        bytes.push(high << 4 | low);
    }
    bytes
}

/// Bytes as they are, but for `\\` and `\ooo`.
fn from_escaped(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..]) => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                tail
            }
            (b'\\', [escaped, tail @ ..]) => {
                bytes.push(*escaped);
                tail
            }
            (b'\\', []) => tail,
            (plain, tail) => {
                bytes.push(*plain);
                tail
            }
        };
    }
    bytes
}

/// What psycopg2 offers to C, and its tests call.
///
/// # Safety
/// `text` is null or points to `length` bytes, and the caller holds Python's lock.
#[expect(unsafe_code, reason = "it is called by C")]
#[expect(unreachable_pub, reason = "it is found by its name")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn typecast_BINARY_cast(
    text: *const c_char,
    length: ffi::Py_ssize_t,
    _cursor: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the caller holds Python's lock.
    let py = unsafe { Python::assume_attached() };
    let Ok(length) = usize::try_from(length) else { return py.None().into_ptr() };
    if text.is_null() {
        return py.None().into_ptr();
    }
    // SAFETY: the caller says that there are as many bytes.
    let text = unsafe { std::slice::from_raw_parts(text.cast::<u8>(), length) };
    match bytea(py, text) {
        Ok(view) => view.into_ptr(),
        Err(error) => {
            error.restore(py);
            std::ptr::null_mut()
        }
    }
}

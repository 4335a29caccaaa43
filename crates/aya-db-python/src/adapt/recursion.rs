//! Python's limit of recursion, for our own.
#![expect(unsafe_code, reason = "PyO3 has no safe form of it")]

use std::ffi::CStr;
use std::marker::PhantomData;

use pyo3::ffi;
use pyo3::prelude::*;

/// One level of recursion, until it is dropped.
#[derive(Debug)]
pub(super) struct Deeper<'py>(PhantomData<Python<'py>>);

impl Deeper<'_> {
    /// Goes one level deeper.
    ///
    /// # Errors
    /// `RecursionError`, with this end of its sentence, if that is too deep.
    pub(super) fn enter<'py>(py: Python<'py>, place: &CStr) -> PyResult<Deeper<'py>> {
        // SAFETY: this thread is attached to Python, and the text ends with a NUL.
        match unsafe { ffi::Py_EnterRecursiveCall(place.as_ptr()) } {
            0 => Ok(Deeper(PhantomData)),
            _ => Err(PyErr::fetch(py)),
        }
    }
}

impl Drop for Deeper<'_> {
    fn drop(&mut self) {
        // SAFETY: this undoes what `enter` did, on the same thread, as it cannot be sent to another.
        unsafe { ffi::Py_LeaveRecursiveCall() };
    }
}

//! The callback that waits in place of a blocking call, for coroutine libraries
//! (`set_wait_callback`).

use std::sync::Mutex;

use pyo3::prelude::*;

use crate::lock::Locked as _;

static CALLBACK: Mutex<Option<Py<PyAny>>> = Mutex::new(None);

/// The callback, if there is one.
pub(crate) fn callback(py: Python<'_>) -> Option<Py<PyAny>> {
    CALLBACK.locked().as_ref().map(|callback| callback.clone_ref(py))
}

/// Whether there is one.
pub(crate) fn is_set() -> bool {
    CALLBACK.locked().is_some()
}

/// Have this called, with the connection, whenever a call on a connection would block; ``None``
/// for blocking calls.
#[pyfunction]
#[pyo3(signature = (callback, /))]
pub(crate) fn set_wait_callback(callback: &Bound<'_, PyAny>) {
    let callback = (!callback.is_none()).then(|| callback.clone().unbind());
    let former = std::mem::replace(&mut *CALLBACK.locked(), callback);
    drop(former);
}

/// Return the callback that is called when a call would block, or ``None``.
#[pyfunction]
pub(crate) fn get_wait_callback(py: Python<'_>) -> Option<Py<PyAny>> {
    callback(py)
}

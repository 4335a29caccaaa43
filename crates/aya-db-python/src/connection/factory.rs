//! What `connect()` calls.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::object::Connection;

/// What `connect()` calls: makes the connection by its factory.
#[pyfunction]
#[pyo3(name = "_connect", signature = (dsn, connection_factory = None, **kwasync))]
pub(crate) fn connect<'py>(
    py: Python<'py>,
    dsn: &Bound<'py, PyAny>,
    connection_factory: Option<&Bound<'py, PyAny>>,
    kwasync: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let mut asynchronous = 0_i64;
    for (name, value) in kwasync.iter().flat_map(|given| given.iter()) {
        match name.cast::<PyString>()?.to_str()? {
            "async" | "async_" => {
                let value: i64 = value.extract()?;
                if value != 0 {
                    asynchronous = value;
                }
            }
            other => {
                let text = format!("_connect() got an unexpected keyword argument '{other}'");
                return Err(PyTypeError::new_err(text));
            }
        }
    }
    let default = py.get_type::<Connection>();
    let factory = connection_factory.unwrap_or(default.as_any());
    match asynchronous {
        0 => factory.call1((dsn,)),
        _ => factory.call1((dsn, asynchronous)),
    }
}

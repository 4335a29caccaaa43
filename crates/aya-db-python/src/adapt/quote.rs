//! From a value to its SQL: the one way that everybody takes.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyString};

use super::registry::{Registry, adapt_to};
use super::type_name::type_name;
use crate::connection::Connection;
use crate::dialect::Dialect;

/// For whom a value is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a, 'py> {
    /// The connection, if one asked for it.
    pub(super) connection: Option<&'a Bound<'py, Connection>>,
    /// How values are written for it.
    pub(super) dialect: &'a Dialect,
}

impl<'a, 'py> Scope<'a, 'py> {
    /// For this connection, or for none.
    pub(super) fn with<T>(
        py: Python<'py>,
        connection: Option<&Bound<'py, Connection>>,
        work: impl FnOnce(&Scope<'_, 'py>) -> PyResult<T>,
    ) -> PyResult<T> {
        let dialect = match connection {
            Some(connection) => connection.get().dialect(),
            None => UNBOUND.get_or_try_init(py, || Dialect::unbound(py))?.clone(),
        };
        work(&Scope { connection, dialect: &dialect })
    }

    /// For a connection whose dialect is at hand.
    pub(super) fn of(connection: &'a Bound<'py, Connection>, dialect: &'a Dialect) -> Self {
        Self { connection: Some(connection), dialect }
    }
}

static UNBOUND: PyOnceLock<Dialect> = PyOnceLock::new();

/// Appends a value as SQL. `None` is NULL, whatever the registry says of it.
pub(super) fn quote_into(
    out: &mut Vec<u8>,
    value: &Bound<'_, PyAny>,
    scope: &Scope<'_, '_>,
) -> PyResult<()> {
    if value.is_none() {
        out.extend_from_slice(b"NULL");
        return Ok(());
    }
    match Registry::get(value.py())?.writer_of(value)? {
        Some(writer) => writer.write(out, value, scope),
        None => by_adapter(out, value, scope),
    }
}

/// By whatever object can write it: one that users made, perhaps.
fn by_adapter(out: &mut Vec<u8>, value: &Bound<'_, PyAny>, scope: &Scope<'_, '_>) -> PyResult<()> {
    let registry = Registry::get(value.py())?;
    let adapted = adapt_to(value, registry.protocol(value.py()))?;
    if let Some(connection) = scope.connection
        && let Ok(prepare) = adapted.getattr("prepare")
    {
        prepare.call1((connection,))?;
    }
    let quoted = adapted.call_method0("getquoted")?;
    if let Ok(bytes) = quoted.cast::<PyBytes>() {
        out.extend_from_slice(bytes.as_bytes());
    } else if let Ok(text) = quoted.cast_exact::<PyString>() {
        match scope.connection {
            Some(_) => out.extend_from_slice(&scope.dialect.encoding.encode(text)?),
            None => out.extend_from_slice(text.to_str()?.as_bytes()),
        }
    } else {
        return Err(PyValueError::new_err(format!(
            "only bytes values expected, got {}",
            type_name(&quoted)
        )));
    }
    Ok(())
}

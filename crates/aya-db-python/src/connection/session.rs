//! Isolation, access mode and autocommit.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyString};

use super::object::Connection;
use super::running::command;
use crate::lock::Locked as _;

/// The levels of isolation, from 1.
pub(super) const LEVELS: [&str; 4] =
    ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE", "READ UNCOMMITTED"];

/// What of the session is to change.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Change {
    pub(super) autocommit: Option<bool>,
    pub(super) isolation: Option<Option<u8>>,
    pub(super) readonly: Option<Option<bool>>,
    pub(super) deferrable: Option<Option<bool>>,
}

/// Makes the change. Under autocommit, no BEGIN says how a transaction is to be: the session's
/// defaults do.
pub(super) fn change(slf: &Bound<'_, Connection>, change: Change) -> PyResult<()> {
    let this = slf.get();
    let _turn = this.turns.take(slf.py());
    let now = this.state.locked().session;
    let set = |name: &str, value: &str| {
        let sql = match value {
            "default" => format!("SET {name} TO DEFAULT"),
            _ => format!("SET {name} TO '{value}'"),
        };
        command(slf, sql.as_bytes()).map(|_| ())
    };
    let level = |level: Option<u8>| level.map_or("default", |level| LEVELS[usize::from(level) - 1]);
    if change.autocommit.unwrap_or(now.autocommit) {
        if let Some(isolation) = change.isolation {
            set("default_transaction_isolation", level(isolation))?;
        }
        if let Some(readonly) = change.readonly {
            set("default_transaction_read_only", on_off(readonly))?;
        }
        if let Some(deferrable) = change.deferrable {
            set("default_transaction_deferrable", on_off(deferrable))?;
        }
    } else if now.autocommit {
        // From here on BEGIN says it.
        if now.isolation.is_some() {
            set("default_transaction_isolation", "default")?;
        }
        if now.readonly.is_some() {
            set("default_transaction_read_only", "default")?;
        }
        if now.deferrable.is_some() {
            set("default_transaction_deferrable", "default")?;
        }
    }
    let mut state = this.state.locked();
    let session = &mut state.session;
    session.autocommit = change.autocommit.unwrap_or(session.autocommit);
    session.isolation = change.isolation.unwrap_or(session.isolation);
    session.readonly = change.readonly.unwrap_or(session.readonly);
    session.deferrable = change.deferrable.unwrap_or(session.deferrable);
    Ok(())
}

const fn on_off(value: Option<bool>) -> &'static str {
    match value {
        Some(true) => "on",
        Some(false) => "off",
        None => "default",
    }
}

/// A level of isolation: its number, its name, or `None` for the server's default.
pub(super) fn isolation(value: &Bound<'_, PyAny>) -> PyResult<Option<u8>> {
    if value.is_none() {
        return Ok(None);
    }
    if value.is_instance_of::<PyInt>() {
        let level: i64 = value.extract()?;
        return match level {
            1..=4 => Ok(u8::try_from(level).ok()),
            _ => Err(PyValueError::new_err("isolation_level must be between 1 and 4")),
        };
    }
    let name = text(value)?;
    if name.eq_ignore_ascii_case("default") {
        return Ok(None);
    }
    match (1_u8..).zip(LEVELS).find(|(_, level)| level.eq_ignore_ascii_case(&name)) {
        Some((level, _)) => Ok(Some(level)),
        None => Err(PyValueError::new_err(format!("bad value for isolation_level: '{name}'"))),
    }
}

/// On, off, or `None` for the server's default.
pub(super) fn switch(value: &Bound<'_, PyAny>) -> PyResult<Option<bool>> {
    if value.is_none() {
        return Ok(None);
    }
    if value.is_exact_instance_of::<PyString>() || value.is_exact_instance_of::<PyBytes>() {
        let name = text(value)?;
        if name.eq_ignore_ascii_case("default") {
            return Ok(None);
        }
        let text = format!("the only string accepted is 'default'; got {name}");
        return Err(PyValueError::new_err(text));
    }
    Ok(Some(value.is_truthy()?))
}

/// The text of a `str` or `bytes`.
pub(crate) fn text(value: &Bound<'_, PyAny>) -> PyResult<String> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(String::from_utf8_lossy(bytes.as_bytes()).into_owned());
    }
    match value.cast::<PyString>() {
        Ok(text) => Ok(text.to_str()?.to_owned()),
        Err(_) => Err(pyo3::exceptions::PyTypeError::new_err(format!(
            "Expected bytes or unicode string, got {} instead",
            value.get_type().name()?
        ))),
    }
}

/// The name of a cursor or the like, given as `str` or `bytes`.
pub(crate) fn bytes_of(value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    match value.cast::<PyBytes>() {
        Ok(bytes) => Ok(bytes.as_bytes().to_vec()),
        Err(_) => text(value).map(String::into_bytes),
    }
}

//! Exceptions: where every failure becomes one.

mod classes;
mod conditions;
mod diagnostics;
mod exception;
mod unsurvived;

use std::sync::Arc;

use aya_pgwire::{Field, ServerMessage};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

pub(crate) use self::classes::{Class, register};
pub(crate) use self::diagnostics::Diagnostics;
pub(crate) use self::exception::{Error, Told};
pub(crate) use self::unsurvived::of_survivor;
use crate::encoding::Encoding;

/// An exception of this class with this text.
pub(crate) fn new(py: Python<'_>, class: Class, text: impl Into<String>) -> PyErr {
    match classes::of(py, class) {
        Ok(class) => PyErr::from_type(class, (text.into(),)),
        Err(error) => error,
    }
}

/// `InterfaceError`: the module was used in a way that it cannot be.
pub(crate) fn interface(py: Python<'_>, text: impl Into<String>) -> PyErr {
    new(py, Class::Interface, text)
}

/// `ProgrammingError`.
pub(crate) fn programming(py: Python<'_>, text: impl Into<String>) -> PyErr {
    new(py, Class::Programming, text)
}

/// `OperationalError`.
pub(crate) fn operational(py: Python<'_>, text: impl Into<String>) -> PyErr {
    new(py, Class::Operational, text)
}

/// `DataError`.
pub(crate) fn data(py: Python<'_>, text: impl Into<String>) -> PyErr {
    new(py, Class::Data, text)
}

/// `InternalError`.
pub(crate) fn internal(py: Python<'_>, text: impl Into<String>) -> PyErr {
    new(py, Class::Internal, text)
}

/// `NotSupportedError`.
pub(crate) fn not_supported(py: Python<'_>, text: impl Into<String>) -> PyErr {
    new(py, Class::NotSupported, text)
}

/// The exception of what a server said of a query, with everything that it said. `more` is what
/// followed, if the session was lost with it.
pub(crate) fn of_server(
    py: Python<'_>,
    message: ServerMessage,
    query: Option<&[u8]>,
    more: &str,
    encoding: &Arc<Encoding>,
    cursor: Option<&Bound<'_, PyAny>>,
) -> PyErr {
    let mut report = message.report(query, encoding.name().as_bytes());
    report.extend_from_slice(more.as_bytes());
    let report = encoding.decode_lossy(py, &report);
    let code = message.get(Field::Code).map(|code| String::from_utf8_lossy(code).into_owned());
    let class = match (&code, more) {
        (Some(code), _) => classes::of_code(py, code),
        (None, "") => classes::of(py, Class::Database),
        (None, _) => classes::of(py, Class::Operational),
    };
    let text = without_severity(&report.to_string_lossy()).to_owned();
    let told = Told {
        pgerror: Some(report.unbind()),
        pgcode: code,
        cursor: cursor.map(|cursor| cursor.clone().unbind()),
        fate: None,
        message: Some((message, Arc::clone(encoding))),
    };
    raise(class, told, text)
}

/// The exception of a lost connection of which the server said nothing.
pub(crate) fn of_loss(py: Python<'_>, text: &str, cursor: Option<&Bound<'_, PyAny>>) -> PyErr {
    let told = Told {
        pgerror: Some(PyString::new(py, text).unbind()),
        cursor: cursor.map(|cursor| cursor.clone().unbind()),
        ..Told::default()
    };
    raise(classes::of(py, Class::Operational), told, text.to_owned())
}

fn raise(class: PyResult<Bound<'_, PyType>>, told: Told, text: String) -> PyErr {
    match class.and_then(|class| told.raise(&class, text)) {
        Ok(error) | Err(error) => error,
    }
}

fn without_severity(text: &str) -> &str {
    let severities = ["ERROR:  ", "FATAL:  ", "PANIC:  "];
    severities.iter().find_map(|severity| text.strip_prefix(severity)).unwrap_or(text)
}

/// Adds the cursor that it happened on, if it is one of our exceptions.
pub(crate) fn on_cursor(py: Python<'_>, error: PyErr, cursor: &Bound<'_, PyAny>) -> PyErr {
    if let Ok(ours) = error.value(py).cast::<Error>() {
        ours.get().set_cursor(cursor);
    }
    error
}

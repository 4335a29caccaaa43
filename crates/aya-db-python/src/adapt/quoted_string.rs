//! `QuotedString`: text.

use std::sync::Mutex;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use super::literal::string;
use super::quote::Scope;
use super::type_name::type_name;
use super::wrapper::adapter;
use crate::connection::Connection;
use crate::dialect::Dialect;
use crate::encoding::Encoding;
use crate::lock::Locked as _;

adapter! {
    /// Writes a text, in the encoding of the connection that it is prepared for.
    #[pyclass(frozen, subclass, module = "aya_db.extensions")]
    QuotedString { buffer: Mutex<Option<Py<PyBytes>>>, encoding: Mutex<Option<String>>, }
    quoted by Self::quoted;

    #[pyo3(signature = (obj, /, **_kwargs))]
    fn __init__(&self, obj: &Bound<'_, PyAny>, _kwargs: Option<&Bound<'_, PyDict>>) {
        self.wrapped.set(obj);
    }

    /// Takes the connection that it is written for.
    #[pyo3(signature = (conn, /))]
    fn prepare(&self, conn: &Bound<'_, Connection>) {
        self.wrapped.prepare(conn);
    }

    /// The SQL, once it was asked for.
    #[getter]
    fn buffer(&self, py: Python<'_>) -> Option<Py<PyBytes>> {
        self.buffer.locked().as_ref().map(|buffer| buffer.clone_ref(py))
    }

    /// The codec that the text is written with: the connection's, or else the one set here.
    #[getter]
    fn get_encoding(&self, py: Python<'_>) -> String {
        match self.wrapped.connection(py) {
            Some(connection) => connection.get().dialect().encoding.codec_name().to_owned(),
            None => self.encoding.locked().clone().unwrap_or_else(|| DEFAULT.to_owned()),
        }
    }

    #[setter]
    fn set_encoding(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let name = if let Ok(text) = value.cast::<PyString>() {
            text.to_str()?.to_owned()
        } else if let Ok(bytes) = value.cast::<PyBytes>() {
            String::from_utf8_lossy(bytes.as_bytes()).into_owned()
        } else {
            return Err(PyTypeError::new_err(format!(
                "Expected bytes or unicode string, got {} instead",
                type_name(value)
            )));
        };
        *self.encoding.locked() = Some(name);
        Ok(())
    }
}

impl QuotedString {
    /// The SQL, which is made once: to prepare it later does not change it.
    fn quoted<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        if let Some(buffer) = self.buffer(py) {
            return Ok(buffer.into_bound(py));
        }
        let mut out = Vec::new();
        let value = self.wrapped.value(py);
        let chosen = self.encoding.locked().clone();
        match (self.wrapped.connection(py), chosen) {
            (None, Some(codec)) => {
                let encoding = Encoding::of_codec(py, &codec)?;
                text(&mut out, &value, &Dialect { encoding, standard_strings: true })?;
            }
            (connection, _) => {
                Scope::with(py, connection.as_ref(), |scope| text(&mut out, &value, scope.dialect))?
            }
        }
        let quoted = PyBytes::new(py, &out);
        *self.buffer.locked() = Some(quoted.clone().unbind());
        Ok(quoted)
    }
}

/// Appends a text. Bytes are taken for text that is encoded already.
pub(super) fn text(out: &mut Vec<u8>, value: &Bound<'_, PyAny>, dialect: &Dialect) -> PyResult<()> {
    if let Ok(text) = value.cast::<PyString>() {
        string(out, &dialect.encoding.encode(text)?, dialect)?;
    } else if let Ok(bytes) = value.cast::<PyBytes>() {
        string(out, bytes.as_bytes(), dialect)?;
    } else {
        return Err(PyTypeError::new_err("can't quote non-string object"));
    }
    Ok(())
}

/// Python's name of the encoding in which text is written that no connection asks for.
const DEFAULT: &str = "latin1";

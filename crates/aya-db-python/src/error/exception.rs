//! `Error`, with what the server said.

use std::sync::{Arc, Mutex};

use aya_pgwire::ServerMessage;
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

use super::diagnostics::Diagnostics;
use crate::encoding::Encoding;
use crate::lock::Locked as _;

/// The base of every exception that tells of an error.
#[pyclass(extends = PyException, subclass, frozen, module = "aya_db", name = "Error")]
#[derive(Debug)]
pub(crate) struct Error {
    told: Mutex<Told>,
}

/// What an exception carries beside its text.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The whole report, as libpq words it.
    pub(crate) pgerror: Option<Py<PyString>>,
    /// The SQLSTATE.
    pub(crate) pgcode: Option<String>,
    /// The cursor that it happened on.
    pub(crate) cursor: Option<Py<PyAny>>,
    /// What became of the work, where that is known.
    pub(crate) fate: Option<&'static str>,
    /// Every field, and how its text is written.
    pub(crate) message: Option<(ServerMessage, Arc<Encoding>)>,
}

impl Told {
    /// An exception of this class with all of it.
    pub(super) fn raise(self, class: &Bound<'_, PyType>, text: String) -> PyResult<PyErr> {
        let error = class.call1((text,))?;
        let made = error.cast::<Error>()?;
        *made.get().told.locked() = self;
        Ok(PyErr::from_value(error))
    }
}

impl Error {
    pub(super) fn set_cursor(&self, cursor: &Bound<'_, PyAny>) {
        let former = self.told.locked().cursor.replace(cursor.clone().unbind());
        drop(former);
    }

    pub(super) fn message(&self) -> Option<(ServerMessage, Arc<Encoding>)> {
        self.told.locked().message.clone()
    }
}

/// The words for what became of work.
pub(super) const FATES: [&str; 4] = ["not_sent", "rolled_back", "unknown", "committed"];

#[pymethods]
impl Error {
    // The arguments are for BaseException's own __init__.
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self { told: Mutex::default() }
    }

    /// What the server reported, if it did.
    #[getter]
    fn pgerror(&self, py: Python<'_>) -> Option<Py<PyString>> {
        self.told.locked().pgerror.as_ref().map(|text| text.clone_ref(py))
    }

    /// The SQLSTATE that the server gave, if it did.
    #[getter]
    fn pgcode(&self) -> Option<String> {
        self.told.locked().pgcode.clone()
    }

    /// The cursor that it happened on, if on one.
    #[getter]
    fn cursor(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.told.locked().cursor.as_ref().map(|cursor| cursor.clone_ref(py))
    }

    /// What became of the work that failed: ``not_sent``, ``rolled_back``, ``unknown`` or
    /// ``committed``; ``None`` where nobody asked.
    #[getter]
    fn fate(&self) -> Option<&'static str> {
        self.told.locked().fate
    }

    /// Every field of the server's report.
    #[getter]
    fn diag(slf: &Bound<'_, Self>) -> PyResult<Py<Diagnostics>> {
        Py::new(slf.py(), Diagnostics::of(slf))
    }

    // What a pickle cannot keep is left behind: the cursor, and the fields.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        let state = PyDict::new(py);
        let this = slf.get();
        if let Some(report) = this.pgerror(py) {
            state.set_item("pgerror", report)?;
        }
        if let Some(code) = this.pgcode() {
            state.set_item("pgcode", code)?;
        }
        if let Some(fate) = this.fate() {
            state.set_item("fate", fate)?;
        }
        let arguments = slf.as_any().getattr("args")?;
        (slf.get_type(), arguments, state).into_pyobject(py)
    }

    fn __setstate__(&self, state: &Bound<'_, PyAny>) -> PyResult<()> {
        if state.is_none() {
            return Ok(());
        }
        let Ok(state) = state.cast::<PyDict>() else {
            return Err(PyTypeError::new_err("state is not a dictionary"));
        };
        let report = state.get_item("pgerror")?.and_then(|it| it.cast_into::<PyString>().ok());
        let code = state.get_item("pgcode")?.and_then(|it| it.extract().ok());
        let fate = state.get_item("fate")?.and_then(|it| it.extract::<String>().ok());
        let fate = fate.and_then(|fate| FATES.into_iter().find(|known| *known == fate));
        let told =
            Told { pgerror: report.map(Bound::unbind), pgcode: code, fate, ..Told::default() };
        let former = std::mem::replace(&mut *self.told.locked(), told);
        drop(former);
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.told.try_lock() {
            Ok(told) => visit.call(&told.cursor),
            Err(_) => Ok(()),
        }
    }

    fn __clear__(&self) {
        let cursor = self.told.locked().cursor.take();
        drop(cursor);
    }
}

//! `Diagnostics`: the fields of a server's report.

use aya_pgwire::Field;
use pyo3::PyTraverseError;
use pyo3::exceptions::PyTypeError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::exception::Error;

/// The fields of a server's report, which outlive its connection, and keep the exception alive. A field that did not come is
/// `None`.
#[pyclass(frozen, subclass, module = "aya_db.extensions", name = "Diagnostics")]
#[derive(Debug)]
pub(crate) struct Diagnostics {
    error: Py<Error>,
}

impl Diagnostics {
    pub(super) fn of(error: &Bound<'_, Error>) -> Self {
        Self { error: error.clone().unbind() }
    }

    fn get<'py>(&self, py: Python<'py>, field: Field) -> Option<Bound<'py, PyString>> {
        let (message, encoding) = self.error.get().message()?;
        Some(encoding.decode_lossy(py, message.get(field)?))
    }
}

#[pymethods]
impl Diagnostics {
    #[new]
    fn new(exc: &Bound<'_, PyAny>) -> PyResult<Self> {
        match exc.cast::<Error>() {
            Ok(error) => Ok(Self::of(error)),
            Err(_) => Err(PyTypeError::new_err("The argument must be a psycopg2.Error")),
        }
    }

    /// The column that it is about.
    #[getter]
    fn column_name<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.get(py, Field::Column)
    }

    /// The constraint that it is about.
    #[getter]
    fn constraint_name<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.get(py, Field::Constraint)
    }

    /// Where it happened, innermost first.
    #[getter]
    fn context<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.get(py, Field::Context)
    }

    /// The type that it is about.
    #[getter]
    fn datatype_name<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.get(py, Field::DataType)
    }

    /// The character of an internal query that it is about.
    #[getter]
    fn internal_position<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.get(py, Field::InternalPosition)
    }

    /// The text of an internal query.
    #[getter]
    fn internal_query<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.get(py, Field::InternalQuery)
    }

    /// More about it.
    #[getter]
    fn message_detail<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.get(py, Field::Detail)
    }

    /// What might help.
    #[getter]
    fn message_hint<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.get(py, Field::Hint)
    }

    /// What happened, in one line.
    #[getter]
    fn message_primary<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.get(py, Field::Message)
    }

    /// The schema that it is about.
    #[getter]
    fn schema_name<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.get(py, Field::Schema)
    }

    /// How bad it is, perhaps translated.
    #[getter]
    fn severity<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.get(py, Field::LocalizedSeverity)
    }

    /// How bad it is.
    #[getter]
    fn severity_nonlocalized<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.get(py, Field::Severity)
    }

    /// The file of the server's source that tells it.
    #[getter]
    fn source_file<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.get(py, Field::File)
    }

    /// The function there.
    #[getter]
    fn source_function<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.get(py, Field::Routine)
    }

    /// The line of that file.
    #[getter]
    fn source_line<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.get(py, Field::Line)
    }

    /// The SQLSTATE.
    #[getter]
    fn sqlstate<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.get(py, Field::Code)
    }

    /// The character of the query that it is about.
    #[getter]
    fn statement_position<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.get(py, Field::Position)
    }

    /// The table that it is about.
    #[getter]
    fn table_name<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.get(py, Field::Table)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.error)
    }
}

//! `ISQLQuote`: the protocol of what can write itself as SQL.

use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::wrapper::Wrapped;

/// The protocol of what can write itself as SQL: it has a method ``getquoted()``.
#[pyclass(frozen, subclass, module = "aya_db.extensions", name = "ISQLQuote")]
#[derive(Debug, Default)]
pub(crate) struct IsqlQuote {
    wrapped: Wrapped,
}

#[pymethods]
impl IsqlQuote {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self::default()
    }

    #[pyo3(signature = (wrapped, /, **_kwargs))]
    fn __init__(&self, wrapped: &Bound<'_, PyAny>, _kwargs: Option<&Bound<'_, PyDict>>) {
        self.wrapped.set(wrapped);
    }

    /// The value that it wraps.
    #[getter]
    fn _wrapped<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.wrapped.value(py)
    }

    /// The value as SQL.
    fn getquoted(&self) {}

    /// The value as SQL, in binary.
    fn getbinary(&self) {}

    /// The object itself.
    fn getbuffer(&self) {}

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.wrapped.traverse(&visit)
    }

    fn __clear__(&self) {
        self.wrapped.clear();
    }
}

//! `Notify`: a notification.

use pyo3::basic::CompareOp;
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

/// A notification: the server's process that sent it, its channel, and what it carries.
///
/// It is a pair of the process and the channel, as it was before notifications carried anything.
#[pyclass(frozen, subclass, module = "aya_db.extensions", name = "Notify")]
#[derive(Debug)]
pub(crate) struct Notify {
    /// The server's process that sent it.
    #[pyo3(get)]
    pid: Py<PyAny>,
    /// The channel.
    #[pyo3(get)]
    channel: Py<PyAny>,
    /// What it carries; perhaps nothing.
    #[pyo3(get)]
    payload: Py<PyAny>,
}

impl Notify {
    pub(crate) fn make<'py>(
        py: Python<'py>,
        pid: i32,
        channel: Bound<'py, PyString>,
        payload: Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, Self>> {
        let pid = pid.into_pyobject(py)?.into_any().unbind();
        let (channel, payload) = (channel.into_any().unbind(), payload.into_any().unbind());
        Bound::new(py, Self { pid, channel, payload })
    }

    fn pair<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, [&self.pid, &self.channel])
    }

    fn triple<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, [&self.pid, &self.channel, &self.payload])
    }
}

#[pymethods]
impl Notify {
    #[new]
    #[pyo3(signature = (pid, channel, payload = None))]
    fn new(py: Python<'_>, pid: Py<PyAny>, channel: Py<PyAny>, payload: Option<Py<PyAny>>) -> Self {
        let payload = payload.unwrap_or_else(|| PyString::intern(py, "").into_any().unbind());
        Self { pid, channel, payload }
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!(
            "Notify({}, {}, {})",
            self.pid.bind(py).repr()?,
            self.channel.bind(py).repr()?,
            self.payload.bind(py).repr()?,
        ))
    }

    fn __len__(&self) -> usize {
        2
    }

    fn __getitem__<'py>(
        &self,
        py: Python<'py>,
        index: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let item = self.pair(py)?.as_any().get_item(index);
        item.map_err(|error| match error.is_instance_of::<PyIndexError>(py) {
            true => PyIndexError::new_err("index out of range"),
            false => error,
        })
    }

    fn __richcmp__(
        &self,
        py: Python<'_>,
        other: &Bound<'_, PyAny>,
        how: CompareOp,
    ) -> PyResult<Py<PyAny>> {
        let result = if let Ok(other) = other.cast_exact::<Self>() {
            self.triple(py)?.rich_compare(other.get().triple(py)?, how)?
        } else if other.is_instance_of::<PyTuple>() {
            self.pair(py)?.rich_compare(other, how)?
        } else {
            return Ok(py.NotImplemented());
        };
        Ok(result.unbind())
    }

    // One without a payload is equal to a pair, so it has its hash.
    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        match self.payload.bind(py).is_truthy()? {
            true => self.triple(py)?.hash(),
            false => self.pair(py)?.hash(),
        }
    }
}

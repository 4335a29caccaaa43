//! `ReplicationMessage`.

use pyo3::PyTraverseError;
use pyo3::exceptions::PyTypeError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::PyDateTime;

use super::stream::EPOCH_MICROS;
use crate::cursor::Cursor;

/// A piece of a stream.
#[pyclass(frozen, subclass, module = "aya_db.extensions", name = "ReplicationMessage")]
#[derive(Debug)]
pub(crate) struct ReplicationMessage {
    pub(super) cursor: Py<PyAny>,
    pub(super) payload: Py<PyAny>,
    pub(super) data_size: usize,
    pub(super) data_start: u64,
    pub(super) wal_end: u64,
    /// In microseconds since 2000.
    pub(super) sent: i64,
}

impl ReplicationMessage {
    pub(super) fn of(cursor: &Bound<'_, PyAny>, payload: Bound<'_, PyAny>) -> Self {
        Self {
            cursor: cursor.clone().unbind(),
            payload: payload.unbind(),
            data_size: 0,
            data_start: 0,
            wal_end: 0,
            sent: 0,
        }
    }
}

#[pymethods]
impl ReplicationMessage {
    #[new]
    #[pyo3(signature = (cursor, payload, /))]
    fn new(cursor: &Bound<'_, PyAny>, payload: &Bound<'_, PyAny>) -> PyResult<Self> {
        match cursor.is_instance_of::<Cursor>() {
            true => Ok(Self::of(cursor, payload.clone())),
            false => Err(PyTypeError::new_err("argument 1 must be a cursor")),
        }
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        let this = slf.get();
        let lsn = |lsn: u64| format!("{:X}/{:X}", lsn >> 32, lsn & 0xffff_ffff);
        format!(
            "<ReplicationMessage object at {:p}; data_size: {}; data_start: {}; wal_end: {}; send_time: {}>",
            slf.as_ptr(),
            this.data_size,
            lsn(this.data_start),
            lsn(this.wal_end),
            this.sent,
        )
    }

    /// The cursor that it came by.
    #[getter]
    fn cursor(&self, py: Python<'_>) -> Py<PyAny> {
        self.cursor.clone_ref(py)
    }

    /// What it carries: bytes, or text if the stream decodes.
    #[getter]
    fn payload(&self, py: Python<'_>) -> Py<PyAny> {
        self.payload.clone_ref(py)
    }

    /// How many bytes it carries.
    #[getter]
    fn data_size(&self) -> usize {
        self.data_size
    }

    /// Where it begins in the log.
    #[getter]
    fn data_start(&self) -> u64 {
        self.data_start
    }

    /// Where the log ended on the server when it was sent.
    #[getter]
    fn wal_end(&self) -> u64 {
        self.wal_end
    }

    /// When it was sent, by the server's clock, in local time.
    #[getter]
    fn send_time<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        local_time(py, self.sent.saturating_add(EPOCH_MICROS))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.cursor)?;
        visit.call(&self.payload)
    }
}

/// A moment, in microseconds since the epoch of Unix, as a `datetime` of local time.
pub(super) fn local_time(py: Python<'_>, micros: i64) -> PyResult<Bound<'_, PyAny>> {
    let seconds = micros as f64 / 1e6;
    py.get_type::<PyDateTime>().call_method1("fromtimestamp", (seconds,))
}

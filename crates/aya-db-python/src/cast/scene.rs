//! What a value is cast in: the cursor that it came by.

use std::cell::RefCell;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDelta, PyType};

use crate::cursor::Cursor;
use crate::encoding::Encoding;

/// What a value is cast in. One serves for all values of a fetch.
pub(super) struct Scene<'py> {
    pub(super) py: Python<'py>,
    cursor: Option<Bound<'py, Cursor>>,
    pub(super) encoding: Arc<Encoding>,
    zones: Option<Bound<'py, PyAny>>,
    /// The time zone that was made last: most values of a fetch share it.
    zone: RefCell<Option<(i32, Bound<'py, PyAny>)>>,
}

impl<'py> Scene<'py> {
    /// Of a cursor.
    pub(super) fn of(cursor: &Bound<'py, Cursor>) -> PyResult<Self> {
        let py = cursor.py();
        let this = cursor.get();
        Ok(Self {
            py,
            encoding: this.connection(py)?.get().dialect().encoding,
            zones: this.tzinfo_factory_of(py),
            cursor: Some(cursor.clone()),
            zone: RefCell::new(None),
        })
    }

    /// Without a cursor, as when a user calls a typecaster.
    pub(super) fn bare(py: Python<'py>) -> PyResult<Self> {
        Ok(Self {
            py,
            cursor: None,
            encoding: Encoding::utf8(),
            zones: Some(timezone(py)?.clone().into_any()),
            zone: RefCell::new(None),
        })
    }

    /// The cursor, or `None`.
    pub(super) fn cursor(&self) -> Bound<'py, PyAny> {
        match &self.cursor {
            Some(cursor) => cursor.clone().into_any(),
            None => self.py.None().into_bound(self.py),
        }
    }

    /// Whether moments get time zones.
    pub(super) const fn has_zones(&self) -> bool {
        self.zones.is_some()
    }

    /// The time zone at this distance from UTC, in seconds.
    pub(super) fn zone(&self, seconds: i32) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(factory) = &self.zones else { return Ok(None) };
        if let Some((known, zone)) = &*self.zone.borrow()
            && *known == seconds
        {
            return Ok(Some(zone.clone()));
        }
        let zone = factory.call1((PyDelta::new(self.py, 0, seconds, 0, true)?,))?;
        // Somebody else's factory may want to be asked each time.
        if factory.is(timezone(self.py)?) {
            *self.zone.borrow_mut() = Some((seconds, zone.clone()));
        }
        Ok(Some(zone))
    }
}

/// `datetime.timezone`.
fn timezone(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static TIMEZONE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    TIMEZONE.import(py, "datetime", "timezone")
}

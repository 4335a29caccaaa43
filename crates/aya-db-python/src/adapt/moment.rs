//! `datetime`: what makes SQL of dates, times, timestamps and intervals.

use std::io::Write as _;
use std::sync::Mutex;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{
    PyBytes, PyDate, PyDateAccess, PyDateTime, PyDelta, PyDeltaAccess as _, PyDict, PyString,
    PyTime, PyTimeAccess, PyTzInfoAccess as _,
};

use super::type_name::type_name;
use super::wrapper::adapter;
use crate::lock::Locked as _;

/// As what a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Time,
    Date,
    Timestamp,
    Interval,
}

adapter! {
    /// Writes a value of the module ``datetime``.
    #[pyclass(frozen, subclass, module = "aya_db._psycopg", name = "datetime")]
    Moment { kind: Mutex<Option<Kind>>, }
    quoted by Self::quoted;

    #[pyo3(signature = (obj, r#type = -1, /, **_kwargs))]
    fn __init__(
        &self,
        obj: &Bound<'_, PyAny>,
        r#type: i32,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) {
        self.set(obj, Kind::numbered(r#type));
    }

    /// As what it is written: 0 a time, 1 a date, 2 a timestamp, 3 an interval.
    #[getter]
    fn r#type(&self) -> i32 {
        self.kind.locked().map_or(-1, |kind| kind as i32)
    }
}

impl Moment {
    /// One that writes this value so.
    pub(super) fn of(value: &Bound<'_, PyAny>, kind: Kind) -> Self {
        let moment = Self::default();
        moment.set(value, Some(kind));
        moment
    }

    fn set(&self, value: &Bound<'_, PyAny>, kind: Option<Kind>) {
        self.wrapped.set(value);
        *self.kind.locked() = kind;
    }

    fn quoted<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let kind = *self.kind.locked();
        let Some(kind) = kind else {
            return Err(PyValueError::new_err("the type of date or time was not given"));
        };
        let mut out = Vec::new();
        kind.write(&mut out, &self.wrapped.value(py))?;
        Ok(PyBytes::new(py, &out))
    }
}

impl Kind {
    const fn numbered(number: i32) -> Option<Self> {
        match number {
            0 => Some(Self::Time),
            1 => Some(Self::Date),
            2 => Some(Self::Timestamp),
            3 => Some(Self::Interval),
            _ => None,
        }
    }

    /// Whether a value is one that is written so.
    pub(super) fn takes(self, value: &Bound<'_, PyAny>) -> bool {
        match self {
            Self::Time => value.is_instance_of::<PyTime>(),
            Self::Date => value.is_instance_of::<PyDate>(),
            Self::Timestamp => value.is_instance_of::<PyDateTime>(),
            Self::Interval => value.is_instance_of::<PyDelta>(),
        }
    }

    /// Appends a value as this.
    pub(super) fn write(self, out: &mut Vec<u8>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        out.push(b'\'');
        let cast = match self {
            Self::Interval => {
                interval(out, value)?;
                "interval"
            }
            Self::Date => {
                iso(out, value)?;
                "date"
            }
            Self::Time if is_aware(value)? => {
                iso(out, value)?;
                "timetz"
            }
            Self::Time => {
                iso(out, value)?;
                "time"
            }
            Self::Timestamp if is_aware(value)? => {
                iso(out, value)?;
                "timestamptz"
            }
            Self::Timestamp => {
                iso(out, value)?;
                "timestamp"
            }
        };
        let _ = write!(out, "'::{cast}");
        Ok(())
    }
}

fn is_aware(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(!value.getattr("tzinfo")?.is_none())
}

/// Appends what `isoformat()` says, without a call where the value holds no surprise.
fn iso(out: &mut Vec<u8>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Ok(date) = value.cast_exact::<PyDate>() {
        day(out, date);
    } else if let Ok(moment) = value.cast_exact::<PyDateTime>()
        && moment.get_tzinfo().is_none()
    {
        day(out, moment);
        out.push(b'T');
        clock(out, moment);
    } else if let Ok(time) = value.cast_exact::<PyTime>()
        && time.get_tzinfo().is_none()
    {
        clock(out, time);
    } else {
        let text = value.call_method0("isoformat")?;
        if let Ok(text) = text.cast::<PyString>() {
            out.extend_from_slice(text.to_str()?.as_bytes());
        } else if let Ok(bytes) = text.cast::<PyBytes>() {
            out.extend_from_slice(bytes.as_bytes());
        } else {
            return Err(PyTypeError::new_err(format!(
                "Expected bytes or unicode string, got {} instead",
                type_name(&text)
            )));
        }
    }
    Ok(())
}

fn day(out: &mut Vec<u8>, date: &impl PyDateAccess) {
    let (year, month, day) = (date.get_year(), date.get_month(), date.get_day());
    let _ = write!(out, "{year:04}-{month:02}-{day:02}");
}

fn clock(out: &mut Vec<u8>, time: &impl PyTimeAccess) {
    let (hour, minute, second) = (time.get_hour(), time.get_minute(), time.get_second());
    let _ = write!(out, "{hour:02}:{minute:02}:{second:02}");
    match time.get_microsecond() {
        0 => {}
        micro => {
            let _ = write!(out, ".{micro:06}");
        }
    }
}

fn interval(out: &mut Vec<u8>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let delta = value.cast::<PyDelta>()?;
    let (days, seconds) = (delta.get_days(), delta.get_seconds());
    let _ = write!(out, "{days} days {seconds}.{:06} seconds", delta.get_microseconds());
    Ok(())
}

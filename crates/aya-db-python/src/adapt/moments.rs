//! The constructors of dates and times that DB-API asks for, and ours from Python's own.

use pyo3::prelude::*;
use pyo3::types::{PyDate, PyDateTime, PyDelta, PyTime};

use super::moment::{Kind, Moment};
use crate::error;

/// A date.
#[pyfunction]
#[pyo3(name = "Date", signature = (year, month, day, /))]
pub(super) fn date(py: Python<'_>, year: i32, month: i32, day: i32) -> PyResult<Moment> {
    let date = py.get_type::<PyDate>().call1((year, month, day))?;
    Ok(Moment::of(&date, Kind::Date))
}

/// A time of day.
#[pyfunction]
#[pyo3(name = "Time", signature = (hour, minutes, seconds, tzinfo = None, /))]
pub(super) fn time<'py>(
    py: Python<'py>,
    hour: i32,
    minutes: i32,
    seconds: f64,
    tzinfo: Option<Bound<'py, PyAny>>,
) -> PyResult<Moment> {
    let (second, micro) = split(seconds);
    let time = py.get_type::<PyTime>().call1((hour, minutes, second, micro, tzinfo))?;
    Ok(Moment::of(&time, Kind::Time))
}

/// A moment.
#[pyfunction]
#[pyo3(
    name = "Timestamp",
    signature = (year, month, day, hour = 0, minutes = 0, seconds = 0.0, tzinfo = None, /)
)]
#[expect(clippy::too_many_arguments, reason = "so says DB-API")]
pub(super) fn timestamp<'py>(
    py: Python<'py>,
    year: i32,
    month: i32,
    day: i32,
    hour: i32,
    minutes: i32,
    seconds: f64,
    tzinfo: Option<Bound<'py, PyAny>>,
) -> PyResult<Moment> {
    let (second, micro) = split(seconds);
    let fields = (year, month, day, hour, minutes, second, micro, tzinfo);
    let moment = py.get_type::<PyDateTime>().call1(fields)?;
    Ok(Moment::of(&moment, Kind::Timestamp))
}

/// The date at so many seconds since the epoch, in the time zone of this machine.
#[pyfunction]
#[pyo3(name = "DateFromTicks", signature = (ticks, /))]
pub(super) fn date_from_ticks(py: Python<'_>, ticks: f64) -> PyResult<Moment> {
    let there = Local::at(py, ticks)?;
    date(py, there.year, there.month, there.day)
}

/// The time of day at so many seconds since the epoch, in the time zone of this machine.
#[pyfunction]
#[pyo3(name = "TimeFromTicks", signature = (ticks, /))]
pub(super) fn time_from_ticks(py: Python<'_>, ticks: f64) -> PyResult<Moment> {
    let there = Local::at(py, ticks)?;
    time(py, there.hour, there.minute, there.seconds, None)
}

/// The moment at so many seconds since the epoch, in the time zone of this machine.
#[pyfunction]
#[pyo3(name = "TimestampFromTicks", signature = (ticks, /))]
pub(super) fn timestamp_from_ticks(py: Python<'_>, ticks: f64) -> PyResult<Moment> {
    let Local { year, month, day, hour, minute, seconds } = Local::at(py, ticks)?;
    let (second, micro) = split(seconds);
    let fields = (year, month, day, hour, minute, second, micro);
    let naive = py.get_type::<PyDateTime>().call1(fields)?;
    Ok(Moment::of(&naive.call_method0("astimezone")?, Kind::Timestamp))
}

/// What writes a `datetime.date`.
#[pyfunction]
#[pyo3(name = "DateFromPy", signature = (date, /))]
pub(super) fn date_from_py(date: &Bound<'_, PyDate>) -> Moment {
    Moment::of(date, Kind::Date)
}

/// What writes a `datetime.time`.
#[pyfunction]
#[pyo3(name = "TimeFromPy", signature = (time, /))]
pub(super) fn time_from_py(time: &Bound<'_, PyTime>) -> Moment {
    Moment::of(time, Kind::Time)
}

/// What writes a `datetime.datetime`.
#[pyfunction]
#[pyo3(name = "TimestampFromPy", signature = (moment, /))]
pub(super) fn timestamp_from_py(moment: &Bound<'_, PyDateTime>) -> Moment {
    Moment::of(moment, Kind::Timestamp)
}

/// What writes a `datetime.timedelta`.
#[pyfunction]
#[pyo3(name = "IntervalFromPy", signature = (interval, /))]
pub(super) fn interval_from_py(interval: &Bound<'_, PyDelta>) -> Moment {
    Moment::of(interval, Kind::Interval)
}

/// A moment in the time zone of this machine.
struct Local {
    year: i32,
    month: i32,
    day: i32,
    hour: i32,
    minute: i32,
    seconds: f64,
}

impl Local {
    fn at(py: Python<'_>, ticks: f64) -> PyResult<Self> {
        let whole = ticks.floor();
        let Ok(there) = py.import("time")?.call_method1("localtime", (whole,)) else {
            return Err(error::interface(py, "failed localtime call"));
        };
        let field = |index: usize| there.get_item(index)?.extract::<i32>();
        Ok(Self {
            year: field(0)?,
            month: field(1)?,
            day: field(2)?,
            hour: field(3)?,
            minute: field(4)?,
            seconds: f64::from(field(5)?) + (ticks - whole),
        })
    }
}

/// Whole seconds, and the microseconds of the rest.
#[expect(clippy::cast_possible_truncation, reason = "Python refuses what is out of range anyway")]
fn split(seconds: f64) -> (i32, i32) {
    let whole = seconds.floor();
    (whole as i32, ((seconds - whole) * 1_000_000.0).round() as i32)
}

//! Intervals in the style `postgres`, such as `1 year 2 mons -3 days 04:05:06.789`
//! (<https://www.postgresql.org/docs/18/datatype-datetime.html#DATATYPE-INTERVAL-OUTPUT>).

use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDelta, PyInt};

use super::{shown, text};
use crate::error;

/// What the number in front of a mark stands for, in the order in which they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Years,
    Months,
    Days,
    Hours,
    Minutes,
    Seconds,
    Micros,
}

/// `timedelta`; a month has 30 days, a year 365.
pub(super) fn interval<'py>(py: Python<'py>, value: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let mut part = Part::Years;
    let (mut number, mut sign, mut scale) = (0_i64, 1_i64, 1_i64);
    let (mut days, mut hours, mut minutes, mut seconds) = (0_i64, 0_i64, 0_i64, 0_i64);
    let mut rest = value;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'-' => sign = -1,
            b'0'..=b'9' => {
                number = number * 10 + i64::from(byte - b'0');
                if number > i64::from(i32::MAX) {
                    // A server that is like PostgreSQL may write microseconds.
                    return micros(py, value)
                        .map_err(|_| PyOverflowError::new_err("interval component too big"));
                }
                if part == Part::Micros && scale <= i64::from(i32::MAX) / 10 {
                    scale *= 10;
                }
            }
            b'y' if part == Part::Years => {
                days += 365 * number * sign;
                (number, sign, part) = (0, 1, Part::Months);
                rest = behind_word(rest);
            }
            b'm' if part <= Part::Months => {
                days += 30 * number * sign;
                (number, sign, part) = (0, 1, Part::Days);
                rest = behind_word(rest);
            }
            b'd' if part <= Part::Days => {
                days += number * sign;
                (number, sign, part) = (0, 1, Part::Hours);
                rest = behind_word(rest);
            }
            b':' if part <= Part::Hours => (hours, number, part) = (number, 0, Part::Minutes),
            b':' if part == Part::Minutes => (minutes, number, part) = (number, 0, Part::Seconds),
            b'.' if part == Part::Seconds => (seconds, number, part) = (number, 0, Part::Micros),
            b'P' => {
                let text = "iso_8601 intervalstyle currently not supported";
                return Err(error::not_supported(py, text));
            }
            _ => {}
        }
    }
    let mut fraction = 0;
    match part {
        Part::Years => return micros(py, value),
        Part::Minutes => minutes = number,
        Part::Seconds => seconds = number,
        Part::Micros => fraction = number * MICROS / scale,
        Part::Months | Part::Days | Part::Hours => {}
    }
    let seconds = sign * (seconds + 60 * minutes + 3600 * hours);
    py.get_type::<PyDelta>().call1((days, seconds, sign * fraction))
}

/// What follows the rest of a word.
fn behind_word(rest: &[u8]) -> &[u8] {
    let end = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
    &rest[end..]
}

/// A bare number is one of microseconds.
fn micros<'py>(py: Python<'py>, value: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let number = py.get_type::<PyInt>().call1((text(py, value), 0)).map_err(|_| {
        PyValueError::new_err(format!("expected number of microseconds, got {}", shown(value)))
    })?;
    py.get_type::<PyDelta>().call1((0, 0, number))
}

const MICROS: i64 = 1_000_000;

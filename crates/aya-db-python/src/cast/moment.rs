//! Dates and times in the style `ISO`
//! (<https://www.postgresql.org/docs/18/datatype-datetime.html#DATATYPE-DATETIME-OUTPUT>).

use pyo3::prelude::*;
use pyo3::types::{PyDate, PyDateTime, PyDict, PyTime, PyTzInfo};

use super::scene::Scene;
use crate::error;

/// `date`; the infinities are the first and the last that Python has.
pub(super) fn date<'py>(py: Python<'py>, value: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    if let Some(end) = infinity(value) {
        return py.get_type::<PyDate>().getattr(end);
    }
    let (day, _) = Day::read(value).ok_or_else(|| error::data(py, "unable to parse date"))?;
    day.date(py)
}

/// `datetime` without a time zone, unless the text has one.
pub(super) fn timestamp<'py>(scene: &Scene<'py>, value: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    match infinity(value) {
        Some(end) => scene.py.get_type::<PyDateTime>().getattr(end),
        None => moment(scene, value),
    }
}

/// `datetime` with a time zone.
pub(super) fn timestamp_tz<'py>(scene: &Scene<'py>, value: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let Some(end) = infinity(value) else { return moment(scene, value) };
    let end = scene.py.get_type::<PyDateTime>().getattr(end)?;
    if !scene.has_zones() {
        return Ok(end);
    }
    let zone = PyDict::new(scene.py);
    zone.set_item("tzinfo", PyTzInfo::utc(scene.py)?)?;
    end.call_method("replace", (), Some(&zone))
}

/// `time`.
pub(super) fn time<'py>(scene: &Scene<'py>, value: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let py = scene.py;
    let clock = Clock::read(value).ok_or_else(|| error::data(py, "unable to parse time"))?;
    let zone = clock.zone(scene)?;
    py.get_type::<PyTime>().call1((clock.hour, clock.minute, clock.second, clock.micro, zone))
}

fn infinity(value: &[u8]) -> Option<&'static str> {
    match value {
        b"infinity" => Some("max"),
        b"-infinity" => Some("min"),
        _ => None,
    }
}

fn moment<'py>(scene: &Scene<'py>, value: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let py = scene.py;
    let (day, rest) = Day::read(value).ok_or_else(|| error::data(py, "unable to parse date"))?;
    let clock = match rest.is_empty() {
        true => Clock::default(),
        false => Clock::read(rest).ok_or_else(|| error::data(py, "unable to parse time"))?,
    };
    let zone = clock.zone(scene)?;
    if let (Some((month, date)), Some((hour, minute, second, micro))) = (day.small(), clock.small())
    {
        let zone = zone.as_ref().map(|zone| zone.cast::<PyTzInfo>()).transpose()?;
        let made = PyDateTime::new(py, day.year, month, date, hour, minute, second, micro, zone)?;
        return Ok(made.into_any());
    }
    // What is no date has Python say so.
    let arguments =
        (day.year, day.month, day.day, clock.hour, clock.minute, clock.second, clock.micro, zone);
    py.get_type::<PyDateTime>().call1(arguments)
}

/// A date as it is written, be there such a day or not.
#[derive(Debug, Clone, Copy)]
struct Day {
    year: i32,
    month: i32,
    day: i32,
}

impl Day {
    /// Three numbers with something between them, and what follows. A year `BC` is negative,
    /// which Python does not have.
    fn read(text: &[u8]) -> Option<(Self, &[u8])> {
        let (year, rest) = number(text, |byte| byte == b'-')?;
        let (month, rest) = number(rest.get(1..)?, |byte| byte == b'-')?;
        let (day, rest) = number(rest.get(1..)?, |byte| matches!(byte, b' ' | b'T'))?;
        let year = if text.ends_with(b"BC") { -year } else { year };
        Some((Self { year, month, day }, rest.get(1..).unwrap_or_default()))
    }

    fn date(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        match self.small() {
            Some((month, day)) => Ok(PyDate::new(py, self.year, month, day)?.into_any()),
            None => py.get_type::<PyDate>().call1((self.year, self.month, self.day)),
        }
    }

    fn small(self) -> Option<(u8, u8)> {
        Some((u8::try_from(self.month).ok()?, u8::try_from(self.day).ok()?))
    }
}

/// A time of day as it is written.
#[derive(Debug, Clone, Copy, Default)]
struct Clock {
    hour: i32,
    minute: i32,
    second: i32,
    micro: i32,
    /// The distance from UTC in seconds, if there is one.
    offset: Option<i32>,
}

impl Clock {
    /// `HH:MM:SS`, perhaps with a fraction and a distance from UTC of hours, minutes and seconds.
    fn read(text: &[u8]) -> Option<Self> {
        let text = text.strip_suffix(b" BC").unwrap_or(text);
        let mut clock = Self::default();
        let mut rest;
        (clock.hour, rest) = number(text, |byte| byte == b':')?;
        (clock.minute, rest) = number(rest.get(1..)?, |byte| byte == b':')?;
        (clock.second, rest) = number(rest.get(1..)?, |byte| matches!(byte, b'.' | b'+' | b'-'))?;
        if rest.first() == Some(&b'.') {
            let fraction = &rest[1..];
            (clock.micro, rest) = number(fraction, |byte| matches!(byte, b'+' | b'-'))?;
            for _ in fraction.len() - rest.len()..6 {
                clock.micro *= 10;
            }
        }
        if let Some((sign, distance)) = rest.split_first() {
            clock.offset = Some(offset(distance)? * if *sign == b'-' { -1 } else { 1 });
        }
        // The end of a day is the beginning of one, and a leap second that of a minute.
        if clock.hour == 24 {
            clock.hour = 0;
        }
        if clock.second > 59 {
            clock.minute += 1;
            clock.second -= 60;
        }
        Some(clock)
    }

    fn zone<'py>(&self, scene: &Scene<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.offset.map_or(Ok(None), |offset| scene.zone(offset))
    }

    fn small(self) -> Option<(u8, u8, u8, u32)> {
        Some((
            u8::try_from(self.hour).ok()?,
            u8::try_from(self.minute).ok()?,
            u8::try_from(self.second).ok()?,
            u32::try_from(self.micro).ok()?,
        ))
    }
}

/// The seconds of `HH`, `HH:MM` or `HH:MM:SS`.
fn offset(text: &[u8]) -> Option<i32> {
    let mut seconds = 0_i32;
    for (part, unit) in text.split(|byte| *byte == b':').zip([3600, 60, 1]) {
        let (value, _) = number(part, |_| false)?;
        seconds = seconds.checked_add(value.checked_mul(unit)?)?;
    }
    Some(seconds)
}

/// The digits in front, up to the end or a byte that may follow them.
#[inline]
fn number(text: &[u8], may_follow: impl Fn(u8) -> bool) -> Option<(i32, &[u8])> {
    let mut value = 0_i32;
    for (place, byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => value = value.checked_mul(10)?.checked_add(i32::from(byte - b'0'))?,
            _ if place > 0 && may_follow(*byte) => return Some((value, &text[place..])),
            _ => return None,
        }
    }
    (!text.is_empty()).then_some((value, &[]))
}

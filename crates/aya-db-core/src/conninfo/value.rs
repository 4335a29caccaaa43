//! From the text of one value to a type, with an error that names parameter, value and what would
//! be right.

use std::time::Duration;

use super::error::{ConnInfoError, ConnInfoErrorKind};
use super::keyword::{Keyword, Privacy};
use super::settings::{Origin, Settings};

/// One value together with all that an error about it needs.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) keyword: &'static str,
    pub(super) value: &'a str,
    pub(super) origin: &'a Origin,
}

impl<'a> Given<'a> {
    /// The value of `keyword`, if it has one; an empty one counts.
    pub(super) fn find(settings: &'a Settings, keyword: &'static str) -> Option<Self> {
        let value = settings.get(keyword)?;
        let origin = settings.origin(keyword)?;
        Some(Self { keyword, value, origin })
    }

    /// The value of `keyword`, if it has one that is not empty.
    pub(super) fn filled(settings: &'a Settings, keyword: &'static str) -> Option<Self> {
        Self::find(settings, keyword).filter(|given| !given.value.is_empty())
    }

    /// One of a closed set of words.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, ConnInfoError> {
        let found = choices.iter().find(|(word, _)| *word == self.value);
        found.map(|(_, choice)| *choice).ok_or_else(|| {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            self.invalid(&format!("one of {}", words.join(", ")))
        })
    }

    /// An integer as libpq reads it: decimal, a sign, blanks at both ends, 32 bits.
    pub(super) fn integer(&self) -> Result<i32, ConnInfoError> {
        self.value.trim().parse().map_err(|_| self.invalid("a whole number"))
    }

    /// A number that is not below `lowest`.
    pub(super) fn count(&self, lowest: u32) -> Result<u32, ConnInfoError> {
        let count = self.value.trim().parse().ok().filter(|count| *count >= lowest);
        count.ok_or_else(|| self.invalid(&format!("a whole number from {lowest}")))
    }

    /// A time: a whole number of `plain` units, or one with a unit of PostgreSQL's.
    pub(super) fn duration(&self, plain: Duration) -> Result<Duration, ConnInfoError> {
        let (number, unit) = number_and_unit(self.value);
        let unit = match unit {
            "" => Some(plain),
            "us" => Some(Duration::from_micros(1)),
            "ms" => Some(Duration::from_millis(1)),
            "s" => Some(Duration::from_secs(1)),
            "min" => Some(Duration::from_secs(60)),
            "h" => Some(Duration::from_secs(3_600)),
            "d" => Some(Duration::from_secs(86_400)),
            _ => None,
        };
        let number: Option<u32> = number.parse().ok();
        number.zip(unit).and_then(|(number, unit)| unit.checked_mul(number)).ok_or_else(|| {
            self.invalid("a whole number, alone or with us, ms, s, min, h or d, like 500ms")
        })
    }

    /// A time that is not zero.
    pub(super) fn positive_duration(&self, plain: Duration) -> Result<Duration, ConnInfoError> {
        match self.duration(plain)? {
            Duration::ZERO => Err(self.invalid("a time above zero")),
            duration => Ok(duration),
        }
    }

    /// A size in bytes, or with a unit of PostgreSQL's.
    pub(super) fn bytes(&self) -> Result<u64, ConnInfoError> {
        let (number, unit) = number_and_unit(self.value);
        let unit: Option<u64> = match unit {
            "" | "B" => Some(1),
            "kB" => Some(1 << 10),
            "MB" => Some(1 << 20),
            "GB" => Some(1 << 30),
            "TB" => Some(1 << 40),
            _ => None,
        };
        let number: Option<u64> = number.parse().ok();
        number
            .zip(unit)
            .and_then(|(number, unit)| number.checked_mul(unit))
            .ok_or_else(|| self.invalid("a whole number, alone or with B, kB, MB, GB or TB"))
    }

    /// The error that the value is not `expected`.
    pub(super) fn invalid(&self, expected: &str) -> ConnInfoError {
        let message = match self.shown() {
            Some(value) => format!(
                "invalid value \"{value}\" for parameter \"{}\": expected {expected}",
                self.keyword
            ),
            None => {
                format!("invalid value for parameter \"{}\": expected {expected}", self.keyword)
            }
        };
        self.error(ConnInfoErrorKind::InvalidValue, message)
    }

    /// The error that the value asks for something that is not served.
    pub(super) fn refused(&self, reason: &str) -> ConnInfoError {
        let value = self.shown().map_or_else(String::new, |value| format!(" = \"{value}\""));
        let message = format!("parameter \"{}\"{value} is refused: {reason}", self.keyword);
        self.error(ConnInfoErrorKind::Refused, message)
    }

    /// An error about this value with a message of its own.
    pub(super) fn error(&self, kind: ConnInfoErrorKind, message: String) -> ConnInfoError {
        ConnInfoError::new(kind, message).about(self.keyword).at(self.origin.clone())
    }

    fn shown(&self) -> Option<&'a str> {
        let open = Keyword::find(self.keyword).is_some_and(|known| known.privacy == Privacy::Open);
        open.then_some(self.value)
    }
}

fn number_and_unit(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

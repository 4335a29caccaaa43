//! The one place where real time becomes the [`Moment`] that decisions take.

use std::time::Instant;

use aya_db_core::Moment;

/// A clock that began when it was made. Cheap to copy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    pub(crate) fn now(self) -> Moment {
        Moment(self.0.elapsed())
    }

    /// The moment of `instant`; the start, if it lies before.
    pub(crate) fn moment(self, instant: Instant) -> Moment {
        Moment(instant.saturating_duration_since(self.0))
    }
}

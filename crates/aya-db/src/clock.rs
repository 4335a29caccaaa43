//! The one place where real time becomes the [`Moment`] that decisions take.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use aya_db_core::{Moment, WallTime};

/// A clock that began when it was made. Cheap to copy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    began: Instant,
    began_at: WallTime,
}

impl Clock {
    pub(crate) fn start() -> Self {
        // A clock before 1970 is wrong anyway: then scheduled times are.
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { began: Instant::now(), began_at: WallTime(since_1970) }
    }

    /// The time since the start.
    pub(crate) fn now(self) -> Moment {
        Moment(self.began.elapsed())
    }

    /// The moment of `instant`; the start, if it lies before.
    pub(crate) fn moment(self, instant: Instant) -> Moment {
        Moment(instant.saturating_duration_since(self.began))
    }

    /// What the wall clock showed at the start.
    pub(crate) const fn began_at(self) -> WallTime {
        self.began_at
    }
}

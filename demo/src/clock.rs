//! The one clock of a run.

use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// Tells the time since the run began, so that what happened can be compared as plain values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
    monotonic_start: Duration,
}

impl Clock {
    /// A clock that starts now.
    pub(crate) fn start() -> Self {
        // No system that this runs on lacks this clock.
        let monotonic = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from);
        Self { start: Instant::now(), monotonic_start: monotonic.unwrap_or_default() }
    }

    /// The time since the start.
    pub(crate) fn now(self) -> Duration {
        self.start.elapsed()
    }

    /// A moment that another process has read off `CLOCK_MONOTONIC`.
    pub(crate) const fn at_monotonic(self, moment: Duration) -> Duration {
        moment.saturating_sub(self.monotonic_start)
    }

    /// What `CLOCK_MONOTONIC` said at the start.
    #[cfg(test)]
    pub(crate) const fn monotonic_start(self) -> Duration {
        self.monotonic_start
    }
}

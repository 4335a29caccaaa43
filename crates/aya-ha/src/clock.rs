//! The one clock that leases are counted by. It goes on while the machine sleeps: a leader that slept
//! through its lease must know.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aya_db_core::Moment;
use nix::time::{ClockId, clock_gettime};

/// Now.
pub(crate) fn now() -> Moment {
    // Neither clock can fail where it exists.
    Moment(clock_gettime(CLOCK).map_or(Duration::ZERO, Duration::from))
}

/// The time of day in milliseconds since 1970.
pub(crate) fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(target_os = "linux")]
const CLOCK: ClockId = ClockId::CLOCK_BOOTTIME;

/// On macOS this one counts sleep (`mach_continuous_time`).
#[cfg(not(target_os = "linux"))]
const CLOCK: ClockId = ClockId::CLOCK_MONOTONIC;

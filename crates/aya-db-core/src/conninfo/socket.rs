//! How sockets are set so that a dead server is noticed.

use std::time::Duration;

use super::error::ConnInfoError;
use super::settings::Settings;
use super::value::Given;

/// Options of TCP sockets.
///
/// Unlike libpq's, the defaults notice a server that is gone: an idle connection within
/// 10 + 3 × 3 seconds, unacknowledged data within 10 seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketSettings {
    /// Whether the kernel probes idle connections (`keepalives`).
    pub keepalives: bool,
    /// Silence before the first probe; `None` leaves it to the system (`keepalives_idle`).
    pub keepalives_idle: Option<Duration>,
    /// Time between probes; `None` leaves it to the system (`keepalives_interval`).
    pub keepalives_interval: Option<Duration>,
    /// Lost probes that end the connection; `None` leaves it to the system (`keepalives_count`).
    pub keepalives_count: Option<u32>,
    /// How long sent data may stay unacknowledged; `None` leaves it to the system
    /// (`tcp_user_timeout`).
    pub tcp_user_timeout: Option<Duration>,
}

impl SocketSettings {
    pub(super) fn from_settings(settings: &Settings) -> Result<Self, ConnInfoError> {
        let number = |keyword, default| match Given::filled(settings, keyword) {
            Some(given) => given.integer(),
            None => Ok(default),
        };
        let positive = |keyword, default| {
            number(keyword, default).map(|n| u32::try_from(n).ok().filter(|n| *n > 0))
        };
        let seconds = |keyword, default| {
            positive(keyword, default).map(|n| n.map(|n| Duration::from_secs(n.into())))
        };
        Ok(Self {
            keepalives: number("keepalives", 1)? != 0,
            keepalives_idle: seconds("keepalives_idle", 10)?,
            keepalives_interval: seconds("keepalives_interval", 3)?,
            keepalives_count: positive("keepalives_count", 3)?,
            tcp_user_timeout: positive("tcp_user_timeout", 10_000)?
                .map(|n| Duration::from_millis(n.into())),
        })
    }
}

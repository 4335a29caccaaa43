//! Sizes and times of the pool, and how far a standby may lag.

use std::time::Duration;

use super::error::ConnInfoError;
use super::settings::Settings;
use super::value::Given;

/// Sizes and times of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolSettings {
    /// The most connections to one server (`pool_max_size`).
    pub max_size: usize,
    /// Idle connections kept ready (`pool_min_idle`).
    pub min_idle: usize,
    /// The age at which a connection ends; `None` never (`pool_max_lifetime`).
    pub max_lifetime: Option<Duration>,
    /// When an idle connection ends; `None` never (`pool_idle_timeout`).
    pub idle_timeout: Option<Duration>,
    /// Connections being opened to one server at a time (`connects_per_host`).
    pub connects_per_host: usize,
}

impl PoolSettings {
    pub(super) fn from_settings(settings: &Settings) -> Result<Self, ConnInfoError> {
        let count = |keyword, default, lowest| match Given::filled(settings, keyword) {
            Some(given) => given.count(lowest).map(|count| count as usize),
            None => Ok(default),
        };
        let end = |keyword, default| match Given::filled(settings, keyword) {
            Some(given) => given.duration(SECOND),
            None => Ok(default),
        };
        let pool = Self {
            max_size: count("pool_max_size", 16, 1)?,
            min_idle: count("pool_min_idle", 0, 0)?,
            max_lifetime: some_time(end("pool_max_lifetime", Duration::ZERO)?),
            idle_timeout: some_time(end("pool_idle_timeout", Duration::from_secs(600))?),
            connects_per_host: count("connects_per_host", 8, 1)?,
        };
        if pool.min_idle > pool.max_size {
            return Err(ConnInfoError::conflict(format!(
                "pool_min_idle = {} is above pool_max_size = {}",
                pool.min_idle, pool.max_size
            )));
        }
        Ok(pool)
    }
}

/// How far a standby may lag and still get reads; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LagLimits {
    /// In bytes of log (`max_lag_bytes`).
    pub bytes: Option<u64>,
    /// In age of the last replayed commit (`max_lag_ms`).
    pub age: Option<Duration>,
}

impl LagLimits {
    pub(super) fn from_settings(settings: &Settings) -> Result<Self, ConnInfoError> {
        let bytes = Given::filled(settings, "max_lag_bytes");
        let age = Given::filled(settings, "max_lag_ms");
        Ok(Self {
            bytes: bytes.map(|given| given.bytes()).transpose()?,
            age: age.map(|given| given.duration(Duration::from_millis(1))).transpose()?,
        })
    }
}

const SECOND: Duration = Duration::from_secs(1);

fn some_time(time: Duration) -> Option<Duration> {
    (!time.is_zero()).then_some(time)
}

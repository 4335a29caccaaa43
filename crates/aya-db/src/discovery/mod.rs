//! The sources that describe the whole cluster: Patroni's keys in etcd, and its REST interface.
//!
//! Each source is one task that never ends by itself. It sends what it reads as observations
//! into the monitor's bounded queue, unchanged reports only as a heartbeat; when it cannot read,
//! it says so once and keeps trying.
//!
//! ```text
//! etcd    -> aya_dcs::Store --follow--+
//!                                     +--> Teller --> mpsc<Observation> --> monitor
//! patroni -> GET /cluster, /history --+
//!            Pace <---------------------------------------------------------- monitor
//! ```
//!
//! A source refuses to know whether what it reads is true: the servers confirm it, and
//! `aya-db-core` draws the conclusions.

#[cfg(any(feature = "etcd", test))]
mod backoff;
#[cfg(feature = "etcd")]
pub(crate) mod etcd;
#[cfg(any(feature = "etcd", test))]
mod follow;
mod https;
mod pace;
pub(crate) mod patroni;
mod rest;
mod settings;
mod teller;

pub(crate) use self::pace::Pace;
pub(crate) use self::settings::{Login, SourceSettings, TlsPem, read_settings};

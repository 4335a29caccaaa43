//! What becomes of a transaction whose connection is lost: its replay, and its commit in doubt.

use super::error::ConnInfoError;
use super::settings::Settings;
use super::value::Given;
use crate::continuity::RecordLimits;

/// How a commit whose answer was lost is resolved (`commit_resolution`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum CommitResolution {
    /// By the leader's history where a source tells it, else by the ledger where there is one.
    #[default]
    Auto,
    /// By the leader's history.
    Lsn,
    /// By a row in the table `aya_db.commit_ledger`.
    Ledger,
    /// Not at all.
    Off,
}

impl CommitResolution {
    pub(super) fn from_settings(settings: &Settings) -> Result<Self, ConnInfoError> {
        let Some(given) = Given::filled(settings, "commit_resolution") else {
            return Ok(Self::default());
        };
        given.choice(&[
            ("auto", Self::Auto),
            ("lsn", Self::Lsn),
            ("ledger", Self::Ledger),
            ("off", Self::Off),
        ])
    }
}

/// Whether and how far open transactions are replayed on a new connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplaySettings {
    /// Whether they are (`transaction_replay`).
    pub replay: Replay,
    /// How much of one is kept for it (`replay_max_statements`, `replay_max_bytes`).
    pub limits: RecordLimits,
}

/// Whether an open transaction whose connection is lost is replayed on another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Replay {
    /// It is.
    #[default]
    On,
    /// Its loss is an error.
    Off,
}

impl ReplaySettings {
    pub(super) fn from_settings(settings: &Settings) -> Result<Self, ConnInfoError> {
        let replay = match Given::filled(settings, "transaction_replay") {
            Some(given) => given.choice(&[("on", Replay::On), ("off", Replay::Off)])?,
            None => Replay::default(),
        };
        let statements = match Given::filled(settings, "replay_max_statements") {
            Some(given) => given.count(0)? as usize,
            None => 1_000,
        };
        let bytes = match Given::filled(settings, "replay_max_bytes") {
            Some(given) => usize::try_from(given.bytes()?).unwrap_or(usize::MAX),
            None => 4 << 20,
        };
        Ok(Self { replay, limits: RecordLimits { statements, bytes } })
    }
}

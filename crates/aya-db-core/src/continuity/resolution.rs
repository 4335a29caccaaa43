//! How commits in doubt are to be resolved.

use crate::conninfo::{CommitResolution, ConnInfo};

/// How commits in doubt are to be resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// Not at all.
    Off,
    /// By the leader's history.
    Lsn,
    /// By the ledger, which there must be.
    Ledger,
    /// By the ledger, where there is one, else by what the leader and its servers tell.
    LedgerOrLsn,
    /// By the ledger, where there is one.
    LedgerOrNone,
}

impl Resolution {
    /// As the connection string says. Without a source that tells the history of timelines, a mark serves
    /// where the old leader answers again, or where its successor was seen as a standby and the promotion
    /// is the only one. A single server that nobody tells of is no cluster, and its writes are not marked.
    pub fn of(info: &ConnInfo) -> Self {
        let cluster = info.cluster();
        match info.commit_resolution() {
            CommitResolution::Off => Self::Off,
            CommitResolution::Lsn => Self::Lsn,
            CommitResolution::Ledger => Self::Ledger,
            CommitResolution::Auto
                if cluster.etcd.endpoints.is_empty() && cluster.patroni.endpoints.is_empty() =>
            {
                if info.hosts().len() > 1 {
                    Self::LedgerOrLsn
                } else {
                    Self::LedgerOrNone
                }
            }
            CommitResolution::Auto => Self::Lsn,
        }
    }
}

impl Resolution {
    /// What the application may do so that commits are resolved which were not.
    pub const fn advice(self) -> Option<&'static str> {
        match self {
            Self::LedgerOrLsn | Self::LedgerOrNone => Some(NO_WAY),
            Self::Off | Self::Lsn | Self::Ledger => None,
        }
    }
}

/// How to have such commits resolved.
const NO_WAY: &str = "such commits are resolved where etcd_endpoints or patroni_endpoints tell the \
                      leader's history, or where the commit ledger of aya_db::COMMIT_LEDGER_SQL is \
                      set up";

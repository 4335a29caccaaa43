//! Whether a pooled connection may be handed out.

use std::time::Duration;

use crate::Generation;

/// What is known of a pooled connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// Whether its socket still stands.
    pub open: Openness,
    /// The generation of its node when it was made.
    pub made_under: Generation,
    /// The status that the last ReadyForQuery told; `None` before the first.
    pub status: Option<TransactionStatus>,
    /// Requests that are not answered yet.
    pub outstanding: u32,
    /// Time since it was made.
    pub age: Duration,
    /// Time since it was last used.
    pub idle: Duration,
}

/// Whether the socket of a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Openness {
    /// It does.
    Open,
    /// It was closed.
    Closed,
}

/// The transaction status of ReadyForQuery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionStatus {
    /// `I`: no transaction.
    Idle,
    /// `T`: in a transaction.
    InTransaction,
    /// `E`: in a failed transaction.
    Failed,
}

impl TransactionStatus {
    /// Reads the status byte.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            b'I' => Some(Self::Idle),
            b'T' => Some(Self::InTransaction),
            b'E' => Some(Self::Failed),
            _ => None,
        }
    }
}

/// How long a connection may live; `None` for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecyclePolicy {
    /// Since it was made.
    pub max_lifetime: Option<Duration>,
    /// Since it was last used.
    pub idle_timeout: Option<Duration>,
}

impl Default for RecyclePolicy {
    /// An hour, and ten idle minutes.
    fn default() -> Self {
        Self {
            max_lifetime: Some(Duration::from_secs(3600)),
            idle_timeout: Some(Duration::from_secs(600)),
        }
    }
}

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Recycled {
    /// It may be handed out.
    Keep,
    /// It is closed.
    Discard(DiscardReason),
}

/// Why a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DiscardReason {
    /// Its socket is closed.
    Closed,
    /// Its node runs anew, or stopped being the primary, since.
    StaleGeneration,
    /// Requests are not answered yet: their answers would go to the next user.
    Busy,
    /// A transaction is open, or nobody can tell.
    OpenTransaction,
    /// It lived long enough.
    TooOld,
    /// It was idle for too long.
    TooIdle,
}

/// Decides without a round trip whether a connection may be handed out. Its generation counts and
/// not a `SELECT 1`, which a server that came back as a standby would answer as well.
pub fn recycle(connection: &Connection, node: Generation, policy: &RecyclePolicy) -> Recycled {
    let discard = if connection.open == Openness::Closed {
        Some(DiscardReason::Closed)
    } else if connection.made_under != node {
        Some(DiscardReason::StaleGeneration)
    } else if connection.outstanding > 0 {
        Some(DiscardReason::Busy)
    } else if connection.status != Some(TransactionStatus::Idle) {
        Some(DiscardReason::OpenTransaction)
    } else if policy.max_lifetime.is_some_and(|limit| connection.age >= limit) {
        Some(DiscardReason::TooOld)
    } else if policy.idle_timeout.is_some_and(|limit| connection.idle >= limit) {
        Some(DiscardReason::TooIdle)
    } else {
        None
    };
    discard.map_or(Recycled::Keep, Recycled::Discard)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flaw_discards_for_its_own_reason() {
        let good = Connection {
            open: Openness::Open,
            made_under: Generation(3),
            status: Some(TransactionStatus::Idle),
            outstanding: 0,
            age: Duration::from_secs(60),
            idle: Duration::from_secs(1),
        };
        let hours = Duration::from_secs(7200);
        let cases = [
            (good, Recycled::Keep),
            (
                Connection { open: Openness::Closed, ..good },
                Recycled::Discard(DiscardReason::Closed),
            ),
            (
                Connection { made_under: Generation(2), ..good },
                Recycled::Discard(DiscardReason::StaleGeneration),
            ),
            (Connection { outstanding: 1, ..good }, Recycled::Discard(DiscardReason::Busy)),
            (
                Connection { status: Some(TransactionStatus::Failed), ..good },
                Recycled::Discard(DiscardReason::OpenTransaction),
            ),
            (
                Connection { status: None, ..good },
                Recycled::Discard(DiscardReason::OpenTransaction),
            ),
            (Connection { age: hours, ..good }, Recycled::Discard(DiscardReason::TooOld)),
            (Connection { idle: hours, ..good }, Recycled::Discard(DiscardReason::TooIdle)),
        ];
        for (connection, expected) in cases {
            let found = recycle(&connection, Generation(3), &RecyclePolicy::default());
            assert_eq!(found, expected, "{connection:?}");
        }
    }
}

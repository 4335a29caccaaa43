//! Whether a session that has just opened is what was wanted.

use crate::route::Intent;

/// What a server says of a session when it opens, as `ParameterStatus`, without a round trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionFacts {
    /// `in_hot_standby`: the server is in recovery.
    pub in_hot_standby: bool,
    /// `default_transaction_read_only`: transactions are read-only unless they ask.
    pub default_read_only: bool,
}

/// Why a session is not what was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A primary was wanted.
    #[error("the server is in hot standby mode")]
    InHotStandby,
    /// A session that may write was wanted.
    #[error("the session is read-only by default")]
    ReadOnlyByDefault,
    /// A standby was wanted.
    #[error("the server is not in hot standby mode")]
    NotInHotStandby,
    /// A session that may not write was wanted.
    #[error("the session is not read-only")]
    AcceptsWrites,
}

/// Whether a session with these facts serves the intent, by libpq's rules: read-write refuses a
/// primary that is read-only by default, and primary takes it.
///
/// ```
/// use aya_db_core::route::{Intent, Refusal, SessionFacts, accepts};
///
/// let facts = SessionFacts { in_hot_standby: false, default_read_only: true };
/// assert_eq!(accepts(facts, Intent::ReadWrite), Err(Refusal::ReadOnlyByDefault));
/// assert_eq!(accepts(facts, Intent::Primary), Ok(()));
/// ```
pub const fn accepts(facts: SessionFacts, intent: Intent) -> Result<(), Refusal> {
    match intent {
        Intent::Any | Intent::PreferStandby | Intent::PreferPrimary => Ok(()),
        Intent::ReadWrite | Intent::Primary if facts.in_hot_standby => Err(Refusal::InHotStandby),
        Intent::ReadWrite if facts.default_read_only => Err(Refusal::ReadOnlyByDefault),
        Intent::ReadWrite | Intent::Primary => Ok(()),
        Intent::Standby if !facts.in_hot_standby => Err(Refusal::NotInHotStandby),
        Intent::ReadOnly if !facts.in_hot_standby && !facts.default_read_only => {
            Err(Refusal::AcceptsWrites)
        }
        Intent::Standby | Intent::ReadOnly => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Per intent, what becomes of: primary, read-only primary, standby, read-only standby.
    #[test]
    fn every_intent_takes_what_libpq_takes() {
        let (recovery, default) = (Err(Refusal::InHotStandby), Err(Refusal::ReadOnlyByDefault));
        let (writes, primary) = (Err(Refusal::AcceptsWrites), Err(Refusal::NotInHotStandby));
        let table = [
            (Intent::Any, [Ok(()); 4]),
            (Intent::PreferStandby, [Ok(()); 4]),
            (Intent::PreferPrimary, [Ok(()); 4]),
            (Intent::ReadWrite, [Ok(()), default, recovery, recovery]),
            (Intent::Primary, [Ok(()), Ok(()), recovery, recovery]),
            (Intent::ReadOnly, [writes, Ok(()), Ok(()), Ok(())]),
            (Intent::Standby, [primary, primary, Ok(()), Ok(())]),
        ];
        for (intent, expected) in table {
            for (row, expected) in expected.into_iter().enumerate() {
                let facts =
                    SessionFacts { in_hot_standby: row >= 2, default_read_only: row % 2 == 1 };
                assert_eq!(accepts(facts, intent), expected, "{intent} {facts:?}");
            }
        }
    }
}

//! A change of leader that is announced or under way, by the word of a source.

use std::fmt;

use crate::observation::SwitchoverRequest;
use crate::{MemberName, Moment};

/// A change of leader that is announced or under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switchover {
    /// What tells of it.
    pub cause: SwitchoverCause,
    /// Since when it is under way; ahead, if it is scheduled.
    pub since: Moment,
    /// How far it has come.
    pub stage: SwitchoverStage,
}

impl Switchover {
    /// Whether its time has come.
    pub fn has_begun(&self, now: Moment) -> bool {
        self.since <= now
    }

    /// Whether its time has come, and no leader has taken over yet.
    pub fn is_under_way(&self, now: Moment) -> bool {
        self.has_begun(now) && self.stage != SwitchoverStage::TakenOver
    }
}

/// What tells of a change of leader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SwitchoverCause {
    /// Somebody asked Patroni for it.
    Asked(SwitchoverRequest),
    /// Patroni is stopping the leader's server, or has stopped it.
    LeaderStopping(MemberName),
    /// The leader gave its key back or let it expire: another member may take it any moment.
    LeaderKeyGone,
}

impl fmt::Display for SwitchoverCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked(SwitchoverRequest { leader, candidate, .. }) => {
                f.write_str(if leader.is_some() { "a switchover" } else { "a failover" })?;
                if let Some(leader) = leader {
                    write!(f, " of {leader}")?;
                }
                if let Some(candidate) = candidate {
                    write!(f, " to {candidate}")?;
                }
                f.write_str(" was asked for")
            }
            Self::LeaderStopping(leader) => write!(f, "the leader {leader} is being stopped"),
            Self::LeaderKeyGone => f.write_str("nobody holds the leader key"),
        }
    }
}

/// How far a change of leader has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SwitchoverStage {
    /// The source shows it. Moves on to `TakenOver` by a new leader, to `Withdrawn` if the source
    /// shows it no longer; ends there and then if the leader is confirmed still.
    Shown,
    /// The source shows it no longer, and nobody is confirmed to lead. Ends by a confirmation.
    Withdrawn,
    /// A new leader is confirmed while the source still shows it. Ends when it does so no longer.
    TakenOver,
}

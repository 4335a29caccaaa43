//! What a session is for.

use std::fmt;

use crate::conninfo::TargetSessionAttrs;
use crate::failure::FailureKind;

/// Which server a session needs; the meanings are those of libpq's `target_session_attrs`
/// (PostgreSQL documentation, "Parameter Key Words"), and prefer-primary is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Intent {
    /// Any server; the confirmed leader before all others.
    #[default]
    Any,
    /// A session that may write by default: the leader, unless it is read-only by default.
    ReadWrite,
    /// A session that may not write by default: a standby, or a leader read-only by default.
    ReadOnly,
    /// The leader, whatever its default.
    Primary,
    /// A standby.
    Standby,
    /// A standby, else the leader.
    PreferStandby,
    /// The leader, else a standby.
    PreferPrimary,
}

impl Intent {
    /// Whether only the leader will do.
    pub const fn needs_leader(self) -> bool {
        matches!(self, Self::ReadWrite | Self::Primary)
    }

    /// What is wanted in each pass over the servers, one after the other: as in libpq, a preference is one
    /// pass that insists, and one that does not.
    pub fn passes(self) -> impl Iterator<Item = Self> {
        let (first, second) = match self {
            Self::PreferStandby => (Self::Standby, Some(Self::Any)),
            Self::PreferPrimary => (Self::Primary, Some(Self::Any)),
            Self::Any | Self::ReadWrite | Self::ReadOnly | Self::Primary | Self::Standby => {
                (self, None)
            }
        };
        std::iter::once(first).chain(second)
    }

    /// The intent of work that a standby must not be given again: one that has just refused its
    /// write (25006), or that has cut it short ([`is_standby_conflict`]). Where several servers
    /// would have done, only the leader will from now on.
    #[must_use]
    pub const fn without_standbys(self) -> Self {
        match self {
            Self::Any | Self::PreferPrimary | Self::PreferStandby => Self::Primary,
            Self::ReadWrite | Self::ReadOnly | Self::Primary | Self::Standby => self,
        }
    }
}

/// Whether a failure on a standby may be its way of going on with its replay: a read that stood in
/// the way is cut short by 40001, 40P01 or 57P01 (`ProcessRecoveryConflictInterrupt` in
/// PostgreSQL's `postgres.c`). The leader has no such conflicts.
pub const fn is_standby_conflict(kind: FailureKind) -> bool {
    matches!(
        kind,
        FailureKind::SerializationFailure | FailureKind::Deadlock | FailureKind::ServerShutdown
    )
}

impl From<TargetSessionAttrs> for Intent {
    fn from(wanted: TargetSessionAttrs) -> Self {
        match wanted {
            TargetSessionAttrs::Any => Self::Any,
            TargetSessionAttrs::ReadWrite => Self::ReadWrite,
            TargetSessionAttrs::ReadOnly => Self::ReadOnly,
            TargetSessionAttrs::Primary => Self::Primary,
            TargetSessionAttrs::Standby => Self::Standby,
            TargetSessionAttrs::PreferStandby => Self::PreferStandby,
            TargetSessionAttrs::PreferPrimary => Self::PreferPrimary,
        }
    }
}

impl fmt::Display for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "any",
            Self::ReadWrite => "read-write",
            Self::ReadOnly => "read-only",
            Self::Primary => "primary",
            Self::Standby => "standby",
            Self::PreferStandby => "prefer-standby",
            Self::PreferPrimary => "prefer-primary",
        })
    }
}

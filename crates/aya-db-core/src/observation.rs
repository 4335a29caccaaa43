//! Facts as they arrive: what a source reported, what a server answered, how a statement failed.
//! An observation is never a conclusion; [`crate::topology`] draws those.

use std::fmt;
use std::time::Duration;

use crate::failure::Cause;
use crate::{
    Lsn, MemberName, NodeId, ServerIncarnation, SqlState, SystemIdentifier, Timeline, WallTime,
};

/// One of the three places from which the driver learns of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Patroni's keys in etcd, read once and then watched.
    Etcd,
    /// Patroni's REST interface.
    Patroni,
    /// The PostgreSQL servers themselves.
    Probe,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Etcd => "etcd",
            Self::Patroni => "patroni",
            Self::Probe => "probe",
        })
    }
}

/// A fact, to be folded into the snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// A source that describes the whole cluster (etcd or Patroni) reported it.
    Reported {
        /// Who says so.
        source: Source,
        /// What it says.
        report: ClusterReport,
    },
    /// A source can no longer be read; what it said before is kept, and ages.
    SourceLost {
        /// The source.
        source: Source,
        /// Why, for people; it holds no secret.
        reason: String,
    },
    /// A server was asked about itself and answered.
    Answered {
        /// The server.
        node: NodeId,
        /// Its answer.
        answer: ServerAnswer,
    },
    /// A server was asked about itself and did not answer.
    Unanswered {
        /// The server.
        node: NodeId,
        /// How it failed.
        cause: Unreachable,
        /// The details, for people; they hold no secret.
        detail: String,
    },
    /// A statement met a sign that the server's role or life has changed.
    Suspected {
        /// The server.
        node: NodeId,
        /// The sign.
        sign: Suspicion,
    },
}

/// The cluster as etcd or Patroni describes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClusterReport {
    /// The holder of the leader key; `None` while nobody holds it.
    pub leader: Option<MemberName>,
    /// Every registered member.
    pub members: Vec<MemberReport>,
    /// Patroni's `initialize` key.
    pub system_identifier: Option<SystemIdentifier>,
    /// Ended timelines, oldest first (Patroni's `history` key).
    pub history: Vec<TimelineSwitch>,
    /// The leader's log position as of its last heartbeat (Patroni's `status` key).
    pub leader_lsn: Option<Lsn>,
    /// Names of the synchronous standbys (Patroni's `sync` key).
    pub sync_standbys: Vec<MemberName>,
    /// A switchover or failover that was asked for and is not done yet (`failover` key).
    pub switchover: Option<SwitchoverRequest>,
    /// Whether automatic failover is paused.
    pub paused: bool,
    /// The store's revision, where there is one; a report of a lower revision is older.
    pub revision: Option<u64>,
}

/// A switchover or failover that somebody asked Patroni for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchoverRequest {
    /// Who is to step down; a failover names nobody.
    pub leader: Option<MemberName>,
    /// Who is to take over, where that is said.
    pub candidate: Option<MemberName>,
    /// When it is to be done; `None` means at once.
    pub scheduled_at: Option<WallTime>,
}

/// One member as etcd or Patroni describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberReport {
    /// Patroni's name of it.
    pub name: MemberName,
    /// Where its PostgreSQL listens.
    pub node: NodeId,
    /// The role it claims.
    pub role: MemberRole,
    /// Its state in Patroni's words: `running`, `streaming`, `stopping`, `start failed`, …
    pub state: String,
    /// Its timeline.
    pub timeline: Option<Timeline>,
    /// Its log position: written on the leader, received or replayed on a standby.
    pub lsn: Option<Lsn>,
    /// How many bytes it is behind the leader.
    pub lag_bytes: Option<u64>,
    /// The tag `noloadbalance`: the operator wants no reads there.
    pub no_load_balance: bool,
}

/// The role that a member claims for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberRole {
    /// The leader of a primary cluster.
    Primary,
    /// The leader of a standby cluster: in recovery, refuses writes.
    StandbyLeader,
    /// A standby.
    Replica,
    /// None of these: demoted, promoted, uninitialized.
    Other,
}

/// One row of the timeline history: `timeline` ended at `switched_at`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineSwitch {
    /// The timeline that ended.
    pub timeline: Timeline,
    /// The first position that belongs to its successor.
    pub switched_at: Lsn,
    /// The new leader, where the history names it.
    pub new_leader: Option<MemberName>,
}

/// What a server said of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAnswer {
    /// `in_hot_standby`: whether it is in recovery.
    pub in_recovery: bool,
    /// `default_transaction_read_only`.
    pub default_read_only: bool,
    /// Which database cluster it belongs to; `None` if it may not be read.
    pub system_identifier: Option<SystemIdentifier>,
    /// The timeline it writes or replays.
    pub timeline: Option<Timeline>,
    /// Written on a primary, replayed on a standby.
    pub lsn: Option<Lsn>,
    /// On a standby: the time since the last replayed commit, zero when all that was received
    /// is replayed and more is being received.
    pub replay_lag: Option<Duration>,
    /// On a primary: where the recovery ended with which its run began, if it began so.
    pub recovered_to: Option<Lsn>,
    /// Which run of the postmaster this is.
    pub incarnation: Option<ServerIncarnation>,
    /// How long the answer took.
    pub round_trip: Duration,
}

/// Why a server did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unreachable {
    /// The name has no address.
    NameResolution,
    /// Connection refused, reset, or closed.
    Refused,
    /// Nothing came before the deadline.
    Silent,
    /// The server is starting, stopping, or recovering (57P03, 57P01, 57P02).
    NotReady,
    /// The server has no connection slot left (53300).
    TooManyConnections,
    /// The server answered and refused us: password, database, TLS, protocol.
    Rejected,
}

impl Unreachable {
    /// What the end of an attempt to connect says of the server.
    pub fn of(cause: &Cause) -> Self {
        match cause {
            Cause::Server(error) => match error.sqlstate {
                SqlState::CANNOT_CONNECT_NOW
                | SqlState::ADMIN_SHUTDOWN
                | SqlState::CRASH_SHUTDOWN => Self::NotReady,
                SqlState::TOO_MANY_CONNECTIONS => Self::TooManyConnections,
                _ => Self::Rejected,
            },
            Cause::NameResolution => Self::NameResolution,
            Cause::Deadline | Cause::Silent => Self::Silent,
            Cause::Tls(_) | Cause::Protocol | Cause::Authentication | Cause::Client(_) => {
                Self::Rejected
            }
            _ => Self::Refused,
        }
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NameResolution => "its name has no address",
            Self::Refused => "connection refused or closed",
            Self::Silent => "nothing came before the deadline",
            Self::NotReady => "the server is starting, stopping or recovering",
            Self::TooManyConnections => "the server has no connection slot left",
            Self::Rejected => "the server refused us",
        })
    }
}

/// A sign, met by a statement, that a server's role or life has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suspicion {
    /// The connection broke.
    ConnectionLost,
    /// The server fell silent while a statement ran.
    Silent,
    /// The server is being stopped (57P01, 57P02, 57P03).
    ShuttingDown,
    /// A supposed primary refused a write (25006).
    ReadOnly,
    /// A new connection found the server in recovery, or out of it, against expectation.
    RoleChanged,
}

impl fmt::Display for Suspicion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ConnectionLost => "a connection broke",
            Self::Silent => "it fell silent while a statement ran",
            Self::ShuttingDown => "it is being stopped",
            Self::ReadOnly => "it refused a write",
            Self::RoleChanged => "a new connection found another role",
        })
    }
}

//! What changed in the cluster, for people, logs and metrics.

use std::fmt;
use std::time::Duration;

use crate::observation::{Source, Unreachable};
use crate::snapshot::SwitchoverCause;
use crate::{MemberName, NodeId, SystemIdentifier, Timeline};

/// A change in the picture of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterEvent {
    /// A new leader, or a new run of the same one, is confirmed.
    LeaderChanged {
        /// The leader before; `None` for the first one.
        old: Option<NodeId>,
        /// The leader now.
        new: NodeId,
        /// Its timeline, where it may be read.
        timeline: Option<Timeline>,
        /// How long nobody was confirmed to lead; zero for the first leader.
        duration: Duration,
    },
    /// The suspected leader is confirmed again: the same run, nothing was lost but time.
    LeaderRegained {
        /// The leader.
        node: NodeId,
        /// How long it was in doubt.
        duration: Duration,
    },
    /// The confirmed leader is no longer known to lead.
    LeaderLost {
        /// The leader until now.
        node: NodeId,
        /// Why, for people.
        reason: String,
    },
    /// A source names a leader which the server itself has not confirmed.
    LeaderClaimed {
        /// The server.
        node: NodeId,
        /// Who names it.
        by: Source,
    },
    /// A server says that it is the primary, and is not believed.
    PrimaryRefused {
        /// The server.
        node: NodeId,
        /// Why.
        reason: StalePrimaryReason,
    },
    /// A source can no longer be read.
    SourceLost {
        /// The source.
        source: Source,
        /// Why, for people.
        reason: String,
    },
    /// A lost source is heard again.
    SourceRecovered {
        /// The source.
        source: Source,
        /// How long it was lost.
        duration: Duration,
    },
    /// A standby fell far behind; told once until it has caught up.
    StandbyLagging {
        /// The standby.
        node: NodeId,
        /// How many bytes it is behind.
        lag_bytes: Option<u64>,
        /// How old its newest replayed commit is.
        lag: Option<Duration>,
    },
    /// A server answers, and did not before.
    NodeUp {
        /// The server.
        node: NodeId,
    },
    /// A server does not answer any more.
    NodeDown {
        /// The server.
        node: NodeId,
        /// How it failed.
        cause: Unreachable,
    },
    /// A source names a server that was not known.
    MemberAdded {
        /// The server.
        node: NodeId,
        /// Its name.
        member: MemberName,
    },
    /// No source names a server any more, nor does the configuration.
    MemberRemoved {
        /// The server.
        node: NodeId,
    },
    /// The leader is about to change: a switchover or failover was asked for, or the leader is
    /// seen to go.
    SwitchoverPending {
        /// The leader that is to step down.
        leader: Option<NodeId>,
        /// What tells of it.
        cause: SwitchoverCause,
        /// How long it is until then; zero unless it is scheduled.
        starts_in: Duration,
    },
    /// The switchover or failover is done or given up.
    SwitchoverEnded {
        /// How long it was under way; zero for a scheduled one that was taken back.
        duration: Duration,
    },
}

/// Why a server that says it is the primary is not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StalePrimaryReason {
    /// Its timeline has ended: another server was promoted since.
    OldTimeline {
        /// Its timeline.
        timeline: Timeline,
        /// The highest timeline seen.
        highest: Timeline,
    },
    /// It belongs to another database cluster.
    OtherCluster {
        /// Its system identifier.
        its: SystemIdentifier,
        /// The system identifier of our cluster.
        ours: SystemIdentifier,
    },
    /// Another server has the better claim.
    OtherLeader {
        /// That server, by address or by name.
        leader: String,
        /// The source which names it; `None` if the server itself was confirmed.
        by: Option<Source>,
    },
    /// The leader before it is in doubt and has not had its say.
    LeaderInDoubt {
        /// That leader.
        leader: NodeId,
    },
}

impl StalePrimaryReason {
    /// Whether the server's own answer rules it out, so that no report can bring it back.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::OldTimeline { .. } | Self::OtherCluster { .. })
    }
}

impl fmt::Display for StalePrimaryReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OldTimeline { timeline, highest } => {
                write!(f, "it is on timeline {timeline}, and timeline {highest} exists")
            }
            Self::OtherCluster { its, ours } => {
                write!(f, "it belongs to database cluster {its}, not to {ours}")
            }
            Self::OtherLeader { leader, by: Some(source) } => {
                write!(f, "{source} names {leader} as the leader")
            }
            Self::OtherLeader { leader, by: None } => {
                write!(f, "{leader} is confirmed on the same timeline")
            }
            Self::LeaderInDoubt { leader } => {
                write!(f, "{leader} led until now and has not answered yet")
            }
        }
    }
}

impl fmt::Display for ClusterEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeaderChanged { old, new, timeline, duration } => {
                write!(f, "leader changed to {new}")?;
                if let Some(old) = old {
                    write!(f, " from {old} after {} ms", duration.as_millis())?;
                }
                timeline.map_or(Ok(()), |timeline| write!(f, ", timeline {timeline}"))
            }
            Self::LeaderRegained { node, duration } => {
                write!(f, "leader {node} confirmed again after {} ms", duration.as_millis())
            }
            Self::LeaderLost { node, reason } => write!(f, "leader {node} lost: {reason}"),
            Self::LeaderClaimed { node, by } => write!(f, "{by} names {node} as the leader"),
            Self::PrimaryRefused { node, reason } => write!(f, "primary {node} refused: {reason}"),
            Self::SourceLost { source, reason } => write!(f, "{source} lost: {reason}"),
            Self::SourceRecovered { source, duration } => {
                write!(f, "{source} heard again after {} ms", duration.as_millis())
            }
            Self::StandbyLagging { node, lag_bytes, lag } => {
                write!(f, "standby {node} lags")?;
                if let Some(bytes) = lag_bytes {
                    write!(f, " by {bytes} bytes")?;
                }
                lag.map_or(Ok(()), |lag| write!(f, " by {} ms", lag.as_millis()))
            }
            Self::NodeUp { node } => write!(f, "{node} answers"),
            Self::NodeDown { node, cause } => write!(f, "{node} does not answer: {cause}"),
            Self::MemberAdded { node, member } => write!(f, "member {member} added at {node}"),
            Self::MemberRemoved { node } => write!(f, "member at {node} removed"),
            Self::SwitchoverPending { leader, cause, starts_in } => {
                f.write_str("switchover")?;
                if let Some(leader) = leader {
                    write!(f, " of {leader}")?;
                }
                f.write_str(" pending")?;
                if !starts_in.is_zero() {
                    write!(f, " in {} s", starts_in.as_secs())?;
                }
                write!(f, ": {cause}")
            }
            Self::SwitchoverEnded { duration } => {
                write!(f, "switchover ended after {} ms", duration.as_millis())
            }
        }
    }
}

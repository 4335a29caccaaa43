//! What is known of the cluster at one moment, as one immutable value.
//!
//! A snapshot is never edited: [`crate::topology`] folds an observation into a new one, and the
//! shell publishes that one behind an `Arc`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::observation::{MemberRole, Source, TimelineSwitch, Unreachable};
use crate::{
    Generation, Lsn, MemberName, Moment, NodeId, ServerIncarnation, SystemIdentifier, Timeline,
    WallTime,
};

mod switchover;

pub use self::switchover::{Switchover, SwitchoverCause, SwitchoverStage};

/// The cluster as the driver knows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClusterSnapshot {
    /// Rises with each newly confirmed leader.
    pub generation: Generation,
    /// Who leads.
    pub leadership: Leadership,
    /// Every known server.
    pub nodes: BTreeMap<NodeId, Node>,
    /// The database cluster all of them must belong to; the first confirmed leader or the
    /// `initialize` key sets it.
    pub system_identifier: Option<SystemIdentifier>,
    /// The highest timeline ever seen: a primary below it is refused.
    pub highest_timeline: Option<Timeline>,
    /// Ended timelines, oldest first.
    pub history: Vec<TimelineSwitch>,
    /// How each configured source fares.
    pub sources: BTreeMap<Source, SourceState>,
    /// The switchover or failover that is under way or scheduled, by the word of a source.
    pub switchover: Option<Switchover>,
    /// What the wall clock showed when the monitor's own clock began: a scheduled switchover is
    /// told by the wall clock.
    pub clock_began: WallTime,
    /// What each source last said of the leader; kept while the source is lost.
    pub claims: BTreeMap<Source, Claim>,
    /// The leader that was confirmed last, whether it still is or not.
    pub last_leader: Option<LastLeader>,
    /// Since when nobody is confirmed to lead; means nothing while somebody is.
    pub unconfirmed_since: Moment,
    /// Why the leadership is what it is, newest last, bounded.
    pub reasons: Vec<Reason>,
}

/// What a source says of the leader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The holder of the leader key; `None` while nobody holds it.
    pub leader: Option<MemberName>,
    /// Where that member listens, if it is registered.
    pub node: Option<NodeId>,
    /// Since when the source says so.
    pub since: Moment,
    /// The revision of the newest report of the source.
    pub revision: Option<u64>,
}

/// The leader that was confirmed last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastLeader {
    /// The server.
    pub node: NodeId,
    /// Its timeline.
    pub timeline: Option<Timeline>,
    /// Its database cluster.
    pub system_identifier: Option<SystemIdentifier>,
    /// The run of its postmaster that was confirmed.
    pub incarnation: Option<ServerIncarnation>,
    /// When it was lost; `None` while it leads.
    pub lost_at: Option<Moment>,
}

/// Who leads the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Leadership {
    /// Nobody is known to lead. Moves on by a claim or a confirmation.
    #[default]
    Unknown,
    /// A source names a leader, and the server has not confirmed it yet. Moves on to
    /// `Confirmed` by the server's answer, back to `Unknown` by a withdrawn key.
    Claimed {
        /// The server.
        node: NodeId,
        /// Who names it.
        by: Source,
        /// Since when.
        since: Moment,
    },
    /// The server itself says that it is the primary, on the right cluster and timeline. Moves
    /// back by a suspicion, a lost answer, or another leader.
    Confirmed {
        /// The server.
        node: NodeId,
        /// Its timeline, where it may be read.
        timeline: Option<Timeline>,
        /// Since when.
        since: Moment,
        /// When the server last said so.
        confirmed_at: Moment,
    },
}

impl Leadership {
    /// The server which is confirmed to lead.
    pub const fn confirmed(&self) -> Option<&NodeId> {
        match self {
            Self::Confirmed { node, .. } => Some(node),
            Self::Unknown | Self::Claimed { .. } => None,
        }
    }

    /// The server which leads or is said to.
    pub const fn claimed_or_confirmed(&self) -> Option<&NodeId> {
        match self {
            Self::Confirmed { node, .. } | Self::Claimed { node, .. } => Some(node),
            Self::Unknown => None,
        }
    }
}

/// One server as the driver knows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Node {
    /// Its name in Patroni, where a source told it.
    pub member: Option<MemberName>,
    /// Its role by its own word.
    pub role: NodeRole,
    /// The role that it gave when it last answered; kept while it is suspected.
    pub answered_role: NodeRole,
    /// The role that it has in the newest report of a source.
    pub reported_role: Option<MemberRole>,
    /// The timeline that it has in the newest report that names one.
    pub reported_timeline: Option<Timeline>,
    /// Its state in Patroni's words.
    pub reported_state: Option<String>,
    /// Whether it answers.
    pub health: Health,
    /// `default_transaction_read_only` of its last answer.
    pub default_read_only: bool,
    /// Its timeline.
    pub timeline: Option<Timeline>,
    /// Its log position; of a standby perhaps what it has received, by the word of a source.
    pub lsn: Option<Lsn>,
    /// How far it had replayed when it last answered as a standby, by its own word.
    pub replayed: Option<Replayed>,
    /// How far it is behind the leader.
    pub lag_bytes: Option<u64>,
    /// How old its newest replayed commit is.
    pub replay_lag: Option<Duration>,
    /// Which database cluster it belongs to.
    pub system_identifier: Option<SystemIdentifier>,
    /// Which run of its postmaster answered last.
    pub incarnation: Option<ServerIncarnation>,
    /// The run in which it last answered as a standby: a primary of the same run was promoted in it.
    pub standby_run: Option<ServerIncarnation>,
    /// The run in which it last answered as a primary, and on which timeline. It stays known when the server
    /// comes back as a standby: what that run wrote may have taken the place of what an earlier one had.
    pub primary_run: Option<(Timeline, ServerIncarnation)>,
    /// Smoothed time of an answer.
    pub round_trip: Option<Duration>,
    /// Whether the operator wants no reads there.
    pub no_load_balance: bool,
    /// Whether it is a synchronous standby.
    pub synchronous: bool,
    /// When it last answered.
    pub answered_at: Option<Moment>,
    /// Whether the connection string names it; a node that only a source names goes when the
    /// source drops it.
    pub configured: bool,
    /// The sources that name it in their newest report.
    pub reported_by: BTreeSet<Source>,
    /// When it was last suspected or found silent, until it answers.
    pub suspected_at: Option<Moment>,
    /// The generation of its pooled connections: rises when its run changes and when a primary
    /// is found to be one no longer, or a stale one. A promotion leaves it: sessions survive that.
    pub generation: Generation,
}

impl Node {
    /// Whether two addresses lead to the same run of the same server.
    ///
    /// The postmaster's start in microseconds tells servers apart; the system identifier
    /// excludes the rest where both are known.
    pub fn is_same_server(&self, other: &Self) -> bool {
        self.is_run(other.system_identifier, other.incarnation)
    }

    /// Whether this is the run `incarnation` of a server of that database cluster.
    pub fn is_run(
        &self,
        system_identifier: Option<SystemIdentifier>,
        incarnation: Option<ServerIncarnation>,
    ) -> bool {
        let foreign = match (self.system_identifier, system_identifier) {
            (Some(ours), Some(theirs)) => ours != theirs,
            (None, _) | (_, None) => false,
        };
        self.incarnation.is_some() && self.incarnation == incarnation && !foreign
    }

    /// Whether it is known to belong to another database cluster than `expected`.
    pub fn is_foreign(&self, expected: Option<SystemIdentifier>) -> bool {
        matches!((self.system_identifier, expected), (Some(its), Some(ours)) if its != ours)
    }
}

/// How far a standby has replayed the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayed {
    /// The timeline that it receives or replays.
    pub timeline: Option<Timeline>,
    /// Up to where.
    pub lsn: Lsn,
}

/// The role of a server by its own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum NodeRole {
    /// It has not said yet, or not since it was suspected.
    #[default]
    Unknown,
    /// Not in recovery.
    Primary,
    /// In recovery.
    Standby,
    /// Not in recovery, but refused: an old timeline or another database cluster.
    StalePrimary,
}

/// Whether a server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Health {
    /// Not asked yet.
    #[default]
    Untried,
    /// It answered when last asked.
    Up,
    /// A statement met a sign of trouble since it last answered.
    Suspect,
    /// It did not answer when last asked.
    Down(Unreachable),
}

/// How a source fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceState {
    /// Configured, nothing heard yet.
    Pending,
    /// Heard at this moment, at this revision of its store.
    Live {
        /// When.
        heard_at: Moment,
        /// The store's revision, where there is one.
        revision: Option<u64>,
    },
    /// Lost since this moment; what it last said is kept.
    Lost {
        /// Since when.
        since: Moment,
        /// Why.
        reason: String,
    },
}

/// A sentence on why the leadership changed or did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// When.
    pub at: Moment,
    /// The sentence, for people.
    pub text: String,
}

//! Everything that a decision is made from, as one value that can be printed, stored and replayed.

use std::collections::BTreeMap;
use std::time::Duration;

use aya_db_core::{Lsn, Moment, Timeline};

use crate::cluster::{Cluster, Switch, Tags};
use crate::lease::Lease;
use crate::plan::Job;
use crate::sync::Standbys;

/// What one node knows at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// The moment, on a clock that goes on while the machine sleeps.
    pub now: Moment,
    /// The time of day in milliseconds since 1970, for what people schedule.
    pub wall_ms: i64,
    /// This node.
    pub me: Me,
    /// What the cluster is to hold to.
    pub settings: Settings,
    /// Whether `cluster` is what the store says now.
    pub store: Store,
    /// The cluster's keys, as they were last seen.
    pub cluster: Cluster,
    /// The lease on which this node's keys hang.
    pub lease: Option<Lease>,
    /// Its number in the store.
    pub lease_id: Option<i64>,
    /// The server on this node.
    pub postgres: Postgres,
    /// What is being done to it.
    pub working: Option<Job>,
    /// What this node remembers.
    pub memory: Memory,
}

/// This node, as it is configured.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Me {
    /// Its name.
    pub name: String,
    /// What others are to heed.
    pub tags: Tags,
}

/// What the cluster is to hold to, from its dynamic configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Whose rules: ours, or Patroni's where its nodes take part.
    pub profile: Profile,
    /// Whether commits wait for standbys.
    pub synchronous: Synchronous,
    /// Whether they wait even when no standby is left.
    pub strict: bool,
    /// For how many standbys commits wait.
    pub synchronous_nodes: usize,
    /// How many bytes an asynchronous standby may be behind and still lead.
    pub maximum_lag: u64,
    /// Whether a standby of an older timeline never leads.
    pub check_timeline: bool,
    /// How long a crashed primary may take to start before another takes over.
    pub start_timeout: Duration,
    /// How often a leader says where its log ends.
    pub loop_wait: Duration,
    /// How long the answer of another node is waited for before a promotion.
    pub peer_timeout: Duration,
}

/// Whose rules are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Short leases, and a crashed primary hands over where that loses nothing.
    Native,
    /// What Patroni does, for clusters in which its nodes take part.
    Patroni,
}

/// Whether commits wait for standbys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synchronous {
    /// They do not.
    Off,
    /// For each of the named ones.
    Priority,
    /// For any of the named ones, as many as are asked for.
    Quorum,
}

/// What is known of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// It answers, and its changes arrive.
    Current,
    /// It has not answered since.
    Lost(Moment),
}

/// The server on this node.
#[derive(Debug, Clone, PartialEq)]
pub struct Postgres {
    /// What the data directory holds.
    pub data: Data,
    /// What runs on it.
    pub process: Process,
    /// What it is, or was when it last ran.
    pub role: Role,
    /// The identifier of its data.
    pub system_identifier: Option<String>,
    /// The timeline it is on.
    pub timeline: Timeline,
    /// How far its log goes: flushed by a primary; received or replayed by a standby, whichever is
    /// further; of a stopped one as far as its control file tells.
    pub lsn: Lsn,
    /// The timelines that ended before it, as its history file tells.
    pub history: Vec<Switch>,
    /// Who a standby is set to follow, by name.
    pub follows: Option<String>,
    /// Whether it receives from there.
    pub streaming: bool,
    /// The timeline of a follower's source ends before this server's log: it has to be rewound.
    pub diverged: bool,
    /// Whether a primary still has to write its first checkpoint.
    pub awaits_checkpoint: bool,
    /// For whom its commits wait.
    pub waits_for: WaitsFor,
    /// Who receives from it, by name.
    pub receivers: BTreeMap<String, Receiver>,
}

/// What the data directory holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// Nothing.
    Empty,
    /// A server's data.
    Valid,
    /// Something that is not touched.
    Unusable(String),
}

/// What runs on the data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// Nothing.
    Down(Down),
    /// It starts or recovers, since then.
    Starting(Moment),
    /// It answers.
    Running,
    /// It runs, and has not answered since then.
    Silent(Moment),
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Down {
    /// It was told to, and wrote everything.
    Clean,
    /// It was not.
    Crashed,
}

/// What a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It takes writes.
    Primary,
    /// It recovers what another writes.
    Standby,
}

/// For whom commits wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitsFor {
    /// As the server is set; `None` where somebody else set it to what cannot be read.
    pub standbys: Option<Standbys>,
    /// Where the log ended when that came in force.
    pub since: Lsn,
}

/// A standby as the primary sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receiver {
    /// Whether it gets the log as it is written.
    pub streaming: bool,
    /// How far it has flushed.
    pub flushed: Lsn,
}

/// What the node remembers from pass to pass.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Memory {
    /// Since when nobody holds the lock.
    pub leaderless_since: Option<Moment>,
    /// When the others were last asked, and what they said.
    pub peers: Option<Asked>,
    /// Until when this node does not run for the lock, after it failed to lead.
    pub sits_out_until: Option<Moment>,
    /// Whether this node has begun the bootstrap that the key `initialize` tells of.
    pub bootstraps: bool,
    /// When this node last said where its log ends.
    pub status_at: Option<Moment>,
    /// When the server last died by itself, the newest last.
    pub crashes: Vec<Moment>,
}

/// One round of questions to the other nodes.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// When they were sent.
    pub at: Moment,
    /// What came back; nothing yet from those that are missing and were asked.
    pub answers: BTreeMap<String, Answer>,
}

/// What another node says when it is asked before a promotion.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Not heard of, yet.
    Awaited,
    /// Nothing in time, or nothing that can be read.
    Silence,
    /// Its state.
    State {
        /// Whether its server takes writes.
        primary: bool,
        /// How far its log goes.
        lsn: Lsn,
        /// Its timeline.
        timeline: Option<Timeline>,
        /// Whether it would lead at all.
        eligible: bool,
        /// Who goes first among those that are equally far.
        priority: i64,
    },
}

impl View {
    /// Whether this node holds the leader's lock, as the store says.
    pub fn has_lock(&self) -> bool {
        self.cluster.is_led_by(&self.me.name)
    }

    /// Who else holds it.
    pub fn other_leader(&self) -> Option<&str> {
        let holder = self.cluster.leader.as_ref()?;
        (holder.name != self.me.name).then_some(holder.name.as_str())
    }

    /// Whether this node's lease is good at this moment.
    pub fn lease_holds(&self) -> bool {
        self.lease.is_some_and(|lease| lease.holds(self.now))
    }

    /// Whether its server takes writes.
    pub fn is_primary(&self) -> bool {
        self.postgres.role == Role::Primary && self.is_up()
    }

    /// Whether its server recovers and answers.
    pub fn is_standby(&self) -> bool {
        self.postgres.role == Role::Standby && self.is_up()
    }

    /// Whether its server runs, whether or not it answers.
    pub const fn is_up(&self) -> bool {
        matches!(self.postgres.process, Process::Running | Process::Silent(_))
    }
}

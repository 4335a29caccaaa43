//! What the keys of one cluster in the store say, and the values that are written there: Patroni's layout
//! (<https://patroni.readthedocs.io/en/latest/dcs_failsafe_mode.html>, and the keys of a live cluster).
//!
//! Whatever another node or a hand wrote is read without an error: a key that cannot be read counts as
//! absent and is named among the warnings, so that one bad key never stops the daemon.

mod decode;
pub mod encode;
mod keys;
mod member;
mod tags;

pub use self::keys::{Keys, Stored};
pub use self::member::Member;
pub use self::tags::Tags;

use std::collections::BTreeMap;

use aya_db_core::{Lsn, Timeline};
use serde_json::Value;

use crate::sync::Names;

/// The cluster as of one revision of the store.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cluster {
    /// The store's revision.
    pub revision: u64,
    /// Whether a bootstrap has been begun, and done.
    pub initialize: Initialize,
    /// Who holds the leader's lock.
    pub leader: Option<Holder>,
    /// Every node that has announced itself.
    pub members: BTreeMap<String, Member>,
    /// The dynamic configuration, with the revision that wrote it.
    pub config: Option<(Value, u64)>,
    /// Where the leader's log ended when it last said so.
    pub optime: Option<Lsn>,
    /// Who may replace the leader without losing a commit.
    pub sync: SyncKey,
    /// A switchover or failover that somebody asks for.
    pub request: Option<Request>,
    /// The timelines that have ended.
    pub history: Vec<Switch>,
    /// Every member's REST address when the leader last wrote it.
    pub failsafe: BTreeMap<String, String>,
    /// The keys that could not be read, each with what is wrong with it.
    pub warnings: Vec<(String, &'static str)>,
}

/// What the key `initialize` says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Initialize {
    /// Nobody has begun.
    #[default]
    Absent,
    /// Somebody bootstraps at this moment, or died over it.
    Running,
    /// The cluster's system identifier.
    Done(String),
}

/// The holder of the leader's lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its name.
    pub name: String,
    /// The lease on which the key hangs.
    pub lease: Option<i64>,
    /// The revision that wrote it: who took the lock later has the higher one.
    pub taken: u64,
}

/// What the key `sync` says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SyncKey {
    /// Who led when it was written.
    pub leader: Option<String>,
    /// The synchronous standbys, or the voters.
    pub standbys: Names,
    /// How many others than itself a candidate needs.
    pub quorum: usize,
    /// The revision that wrote it; `None` when there is no key.
    pub modified: Option<u64>,
}

impl SyncKey {
    /// Whether this node may replace the leader: it is a synchronous standby, or led itself. Names
    /// compare as PostgreSQL compares them, without case.
    pub fn admits(&self, name: &str) -> bool {
        self.leader.iter().chain(&self.standbys).any(|known| known.eq_ignore_ascii_case(name))
    }

    /// Whether nobody is named.
    pub fn is_empty(&self) -> bool {
        self.leader.is_none() && self.standbys.is_empty()
    }
}

/// What the key `failover` asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// Who is to stop leading; `None` for a failover, which only says who is to lead.
    pub leader: Option<String>,
    /// Who is to lead; anybody healthy if `None`.
    pub candidate: Option<String>,
    /// When, as ISO 8601; at once if `None`.
    pub scheduled_at: Option<String>,
    /// The revision that wrote it.
    pub modified: u64,
}

/// The end of a timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// The timeline that ended.
    pub timeline: Timeline,
    /// Where.
    pub at: Lsn,
    /// Why, as PostgreSQL's history file says.
    pub reason: String,
    /// When, as ISO 8601.
    pub time: Option<String>,
    /// Who led from there on.
    pub new_leader: Option<String>,
}

impl Cluster {
    /// The leader's own entry, if it is there.
    pub fn leading_member(&self) -> Option<&Member> {
        self.members.get(&self.leader.as_ref()?.name)
    }

    /// Whether this node holds the lock.
    pub fn is_led_by(&self, name: &str) -> bool {
        self.leader.as_ref().is_some_and(|holder| holder.name == name)
    }

    /// Whether nobody is to act by itself (Patroni's pause).
    pub fn is_paused(&self) -> bool {
        let config = self.config.as_ref().map(|(config, _)| config);
        config.and_then(|config| config.get("pause")).is_some_and(tags::truth)
    }

    /// The timeline on which the cluster goes on, as far as its history tells.
    pub fn timeline(&self) -> Timeline {
        self.history.last().map_or(Timeline(1), |last| Timeline(last.timeline.0 + 1))
    }
}

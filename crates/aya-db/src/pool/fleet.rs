//! The pools of all nodes, as of one snapshot. Replaced whole, never edited.

use std::collections::BTreeMap;
use std::sync::Arc;

use aya_db_core::conninfo::LagLimits;
use aya_db_core::route::{Hold, Intent, select};
use aya_db_core::snapshot::{ClusterSnapshot, Health, Leadership};
use aya_db_core::{Moment, NodeId};

use super::node_pool::NodePool;

/// The pools, and what was known when they were put together.
#[derive(Debug)]
pub(crate) struct Fleet {
    /// The serial of the snapshot.
    pub(crate) serial: u64,
    /// The snapshot.
    pub(crate) snapshot: Arc<ClusterSnapshot>,
    pub(super) pools: BTreeMap<NodeId, Arc<NodePool>>,
    /// The confirmed leader's pool.
    leader: Option<Arc<NodePool>>,
    leader_is_read_only: bool,
    /// Why calls keep away from the leader, while they do.
    hold: Option<Hold>,
}

impl Fleet {
    pub(super) fn new(
        serial: u64,
        snapshot: Arc<ClusterSnapshot>,
        pools: BTreeMap<NodeId, Arc<NodePool>>,
        hold: Option<Hold>,
    ) -> Self {
        let leader = snapshot.leadership.confirmed();
        let leader_is_read_only = leader
            .and_then(|leader| snapshot.nodes.get(leader))
            .is_some_and(|node| node.default_read_only);
        let leader = leader.and_then(|leader| pools.get(leader)).cloned();
        Self { serial, snapshot, pools, leader, leader_is_read_only, hold }
    }

    /// The leader's pool where that is the first choice: the answer of `select` for nearly every
    /// call, without its reasons.
    pub(super) fn first_choice(&self, intent: Intent) -> Option<&Arc<NodePool>> {
        if self.hold.is_some() {
            return None;
        }
        match intent {
            Intent::Any | Intent::Primary | Intent::PreferPrimary => self.leader.as_ref(),
            Intent::ReadWrite => self.leader.as_ref().filter(|_| !self.leader_is_read_only),
            Intent::ReadOnly | Intent::Standby | Intent::PreferStandby => None,
        }
    }

    /// The pools to try, the best first.
    pub(super) fn candidates(
        &self,
        intent: Intent,
        limits: &LagLimits,
        dice: u64,
    ) -> Vec<Arc<NodePool>> {
        let mut selection = select(&self.snapshot, intent, limits, dice);
        if let Some(hold) = &self.hold {
            selection = hold.restrict(selection, intent, &self.snapshot.leadership);
        }
        let pool = |node: &NodeId| self.pools.get(node).cloned();
        selection.candidates.iter().filter_map(pool).collect()
    }

    /// How many calls are under way or in the queue on each node.
    pub(super) fn busy(&self) -> BTreeMap<NodeId, usize> {
        let busy = |pool: &Arc<NodePool>| {
            let status = pool.status();
            status.size.saturating_sub(status.idle) + status.waiting
        };
        self.pools.iter().map(|(node, pool)| (node.clone(), busy(pool))).collect()
    }

    /// What such a call waits for, while a switchover is under way.
    pub(crate) fn held(&self, intent: Intent) -> Option<&Hold> {
        self.hold.as_ref().filter(|hold| hold.stops(intent, &self.snapshot.leadership))
    }

    /// The hold, whomever it stops.
    pub(crate) const fn hold(&self) -> Option<&Hold> {
        self.hold.as_ref()
    }

    /// Whether `node` is the leader, and left alone for now.
    pub(super) fn leaves_alone(&self, node: &NodeId) -> bool {
        self.hold.is_some() && self.snapshot.leadership.confirmed() == Some(node)
    }

    /// Whether a call that has a connection to `node` already keeps away from it for now.
    pub(super) fn keeps_away(&self, intent: Intent, node: &NodeId) -> bool {
        self.leaves_alone(node) || self.held(intent).is_some()
    }

    /// Since when `node` is confirmed to lead, if it is.
    pub(super) fn leads_since(&self, node: &NodeId) -> Option<Moment> {
        match &self.snapshot.leadership {
            Leadership::Confirmed { node: leader, since, .. } if leader == node => Some(*since),
            Leadership::Confirmed { .. } | Leadership::Claimed { .. } | Leadership::Unknown => None,
        }
    }

    /// Whether a caller who queues at `pool` should go on waiting there.
    pub(super) fn still_offers(&self, pool: &NodePool, intent: Intent) -> bool {
        let node = pool.node();
        if self.keeps_away(intent, node) {
            return false;
        }
        if intent.needs_leader() {
            return self.leader.as_ref().is_some_and(|leader| leader.node() == node);
        }
        self.snapshot.nodes.get(node).is_some_and(|node| !matches!(node.health, Health::Down(_)))
    }
}

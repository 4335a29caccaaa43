//! The snapshot in the making: what the fold of every kind of observation shares.

use crate::observation::Source;
use crate::snapshot::{
    Claim, ClusterSnapshot, Health, LastLeader, Leadership, Node, NodeRole, Reason, SourceState,
};
use crate::topology::switchover::Reign;
use crate::topology::{ClusterEvent, Folded, StalePrimaryReason};
use crate::{Moment, NodeId, Timeline};

/// A copy of the old snapshot that becomes the new one, with the events on the way.
pub(super) struct Draft {
    pub(super) snapshot: ClusterSnapshot,
    pub(super) events: Vec<ClusterEvent>,
    pub(super) now: Moment,
    claimed_before: Option<NodeId>,
}

impl Draft {
    pub(super) fn new(snapshot: &ClusterSnapshot, now: Moment) -> Self {
        let claimed_before = snapshot.leadership.claimed_or_confirmed().cloned();
        Self { snapshot: snapshot.clone(), events: Vec::new(), now, claimed_before }
    }

    /// Settles what follows from the rest: stale primaries and the claimed leader.
    pub(super) fn finish(mut self) -> Folded {
        self.refuse_stale_primaries();
        self.settle_claim();
        Folded { snapshot: self.snapshot, events: self.events }
    }

    /// Keeps a reason; the oldest make room.
    pub(super) fn tell(&mut self, text: String) {
        let reasons = &mut self.snapshot.reasons;
        if reasons.last().is_some_and(|last| last.text == text) {
            return;
        }
        if reasons.len() >= MAX_REASONS {
            let excess = reasons.len() + 1 - MAX_REASONS;
            reasons.drain(..excess);
        }
        reasons.push(Reason { at: self.now, text });
    }

    /// Raises the highest timeline seen; it never falls.
    pub(super) fn saw_timeline(&mut self, timeline: Option<Timeline>) {
        self.snapshot.highest_timeline = self.snapshot.highest_timeline.max(timeline);
    }

    /// The confirmed leader is no longer known to lead.
    pub(super) fn lose_leader(&mut self, reason: String) {
        let Leadership::Confirmed { node, .. } = std::mem::take(&mut self.snapshot.leadership)
        else {
            return;
        };
        self.snapshot.unconfirmed_since = self.now;
        if let Some(last) = &mut self.snapshot.last_leader {
            last.lost_at = Some(self.now);
        }
        self.tell(format!("{node} is no longer known to lead: {reason}"));
        self.events.push(ClusterEvent::LeaderLost { node, reason });
    }

    /// The server's own word is believed: it leads. `was` is what was known of it before.
    pub(super) fn confirm(&mut self, id: &NodeId, was: &Node, because: &str) {
        let now = self.now;
        let node = self.snapshot.nodes[id].clone();
        let last = self.snapshot.last_leader.take();
        let same_reign = last.as_ref().is_some_and(|last| is_same_reign(last, id, &node, was));
        let (mut leader, mut since) = (id.clone(), now);
        if let Leadership::Confirmed { node: held, since: held_since, .. } =
            &self.snapshot.leadership
        {
            let held_is_up =
                self.snapshot.nodes.get(held).is_some_and(|held| held.health == Health::Up);
            if same_reign && held_is_up {
                (leader, since) = (held.clone(), *held_since);
            }
        }
        let was_confirmed = self.snapshot.leadership.confirmed().is_some();
        let reign = if same_reign || last.is_none() { Reign::Same } else { Reign::New };
        self.snapshot.leadership = Leadership::Confirmed {
            node: leader.clone(),
            timeline: node.timeline,
            since,
            confirmed_at: now,
        };
        let duration = last
            .as_ref()
            .and_then(|last| last.lost_at)
            .map_or(std::time::Duration::ZERO, |lost_at| now.since(lost_at));
        if !same_reign {
            self.snapshot.generation = self.snapshot.generation.next();
            self.tell(format!("{id} leads{}: {because}", on_timeline(node.timeline)));
            self.events.push(ClusterEvent::LeaderChanged {
                old: last.map(|last| last.node),
                new: id.clone(),
                timeline: node.timeline,
                duration,
            });
        } else if !was_confirmed {
            self.tell(format!("{id} leads again, the same run of the server: {because}"));
            self.events.push(ClusterEvent::LeaderRegained { node: id.clone(), duration });
        }
        self.snapshot.last_leader = Some(LastLeader {
            node: leader,
            timeline: node.timeline,
            system_identifier: node.system_identifier,
            incarnation: node.incarnation,
            lost_at: None,
        });
        self.fix_system_identifier(&node);
        self.pass_switchover(reign);
    }

    /// Keeps why a server that says it is the primary is not believed.
    pub(super) fn refuse(&mut self, id: &NodeId, was: &Node, reason: StalePrimaryReason) {
        let text = format!("primary {id} refused: {reason}");
        let known = self.snapshot.reasons.iter().any(|reason| reason.text == text);
        let same_life =
            self.snapshot.nodes.get(id).is_some_and(|node| node.answered_role == was.answered_role);
        if known && same_life {
            return;
        }
        self.tell(text);
        self.events.push(ClusterEvent::PrimaryRefused { node: id.clone(), reason });
    }

    /// The first confirmed leader fixes the database cluster, and with it which of the
    /// timelines seen so far count.
    fn fix_system_identifier(&mut self, leader: &Node) {
        if self.snapshot.system_identifier.is_none() {
            self.snapshot.system_identifier = leader.system_identifier;
        }
        let ours = self.snapshot.system_identifier;
        let seen = self
            .snapshot
            .nodes
            .values()
            .filter(|node| ours.is_some() && node.system_identifier == ours)
            .filter_map(|node| node.timeline)
            .max();
        self.saw_timeline(seen.max(leader.timeline));
    }

    /// Primaries below the highest timeline or of another database cluster are stale from the
    /// moment this is known, not from their next answer.
    fn refuse_stale_primaries(&mut self) {
        let (highest, ours) = (self.snapshot.highest_timeline, self.snapshot.system_identifier);
        let stale: Vec<(NodeId, StalePrimaryReason)> = self
            .snapshot
            .nodes
            .iter()
            .filter(|(_, node)| node.answered_role == NodeRole::Primary)
            .filter_map(|(id, node)| {
                let reason = match (node.timeline, highest, node.system_identifier, ours) {
                    (_, _, Some(its), Some(ours)) if its != ours => {
                        StalePrimaryReason::OtherCluster { its, ours }
                    }
                    (Some(timeline), Some(highest), _, _) if timeline < highest => {
                        StalePrimaryReason::OldTimeline { timeline, highest }
                    }
                    _ => return None,
                };
                Some((id.clone(), reason))
            })
            .collect();
        for (id, reason) in stale {
            let Some(node) = self.snapshot.nodes.get_mut(&id) else { continue };
            let was = node.clone();
            node.role = NodeRole::StalePrimary;
            node.answered_role = NodeRole::StalePrimary;
            node.generation = node.generation.next();
            if self.snapshot.leadership.confirmed() == Some(&id) {
                self.lose_leader(reason.to_string());
            }
            // One that is down claims nothing; it is refused aloud when it comes back.
            if !matches!(was.health, Health::Down(_)) {
                self.refuse(&id, &was, reason);
            }
        }
    }

    /// Without a confirmed leader, the one that the best source names is the claimed one.
    fn settle_claim(&mut self) {
        if self.snapshot.leadership.confirmed().is_some() {
            return;
        }
        let claim = authority(&self.snapshot)
            .or_else(|| self.snapshot.claims.iter().map(|(source, claim)| (*source, claim)).next());
        self.snapshot.leadership = match claim {
            Some((by, Claim { node: Some(node), since, .. }))
                if self.snapshot.nodes.contains_key(node) =>
            {
                Leadership::Claimed { node: node.clone(), by, since: *since }
            }
            Some(_) | None => Leadership::Unknown,
        };
        if let Leadership::Claimed { node, by, .. } = &self.snapshot.leadership
            && self.claimed_before.as_ref() != Some(node)
        {
            self.events.push(ClusterEvent::LeaderClaimed { node: node.clone(), by: *by });
        }
    }
}

/// What the best live source says of the leader: etcd's watch before Patroni's polled answer,
/// since any member may answer the latter from an old view.
pub(super) fn authority(snapshot: &ClusterSnapshot) -> Option<(Source, &Claim)> {
    snapshot
        .claims
        .iter()
        .find(|(source, _)| matches!(snapshot.sources.get(source), Some(SourceState::Live { .. })))
        .map(|(source, claim)| (*source, claim))
}

/// Whether the server is in the same run, on the same timeline, as when it was confirmed last;
/// then its open connections are as good as they were. A server that does not tell its run has
/// begun a new one when it was down.
fn is_same_reign(last: &LastLeader, id: &NodeId, node: &Node, was: &Node) -> bool {
    let risen = matches!((last.timeline, node.timeline), (Some(a), Some(b)) if a != b);
    let same_run = if node.incarnation.is_some() && last.incarnation.is_some() {
        node.is_run(last.system_identifier, last.incarnation)
    } else {
        last.node == *id
            && !matches!(was.health, Health::Down(_))
            && matches!(was.answered_role, NodeRole::Primary)
    };
    same_run && !risen
}

/// The words for a timeline that is perhaps not known.
pub(super) fn on_timeline(timeline: Option<Timeline>) -> String {
    timeline.map_or_else(String::new, |timeline| format!(" on timeline {timeline}"))
}

/// How many reasons are kept.
const MAX_REASONS: usize = 32;

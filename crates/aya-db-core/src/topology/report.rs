//! What the report of a source, or its loss, makes of the picture.

use crate::NodeId;
use crate::observation::{ClusterReport, MemberReport, Source, TimelineSwitch};
use crate::snapshot::{Claim, ClusterSnapshot, Health, Node, NodeRole, SourceState};
use crate::topology::ClusterEvent;
use crate::topology::draft::{Draft, authority};
use crate::topology::judge::is_same;

impl Draft {
    /// A source reported the whole cluster.
    pub(super) fn reported(&mut self, source: Source, report: &ClusterReport) {
        if !self.accept_revision(source, report.revision) {
            return;
        }
        if self.is_of_another_cluster(source, report) {
            return;
        }
        self.snapshot.system_identifier =
            self.snapshot.system_identifier.or(report.system_identifier);
        self.keep_members(source, report);
        self.keep_history(report);
        self.keep_claim(source, report);
        self.keep_switchover(source, report);
    }

    /// A source can no longer be read: what it said is kept.
    pub(super) fn source_lost(&mut self, source: Source, reason: &str) {
        let known = self.snapshot.sources.get(&source);
        if matches!(known, Some(SourceState::Lost { .. })) {
            return;
        }
        let lost = SourceState::Lost { since: self.now, reason: reason.into() };
        self.snapshot.sources.insert(source, lost);
        self.tell(format!("{source} is lost, its last word is kept: {reason}"));
        self.events.push(ClusterEvent::SourceLost { source, reason: reason.into() });
    }

    /// Whether the report is not older than one before it. A source that was lost starts anew,
    /// since its store may have been set up again.
    fn accept_revision(&mut self, source: Source, revision: Option<u64>) -> bool {
        match self.snapshot.sources.get(&source) {
            Some(SourceState::Live { revision: Some(newest), .. })
                if revision.is_some_and(|revision| revision < *newest) =>
            {
                return false;
            }
            Some(SourceState::Lost { since, .. }) => {
                let duration = self.now.since(*since);
                self.tell(format!("{source} is heard again"));
                self.events.push(ClusterEvent::SourceRecovered { source, duration });
            }
            Some(SourceState::Live { .. } | SourceState::Pending) | None => {}
        }
        let live = SourceState::Live { heard_at: self.now, revision };
        self.snapshot.sources.insert(source, live);
        true
    }

    /// Whether the report describes another database cluster than the one already fixed; such
    /// a one is not mixed in, and the source is as good as without a claim.
    fn is_of_another_cluster(&mut self, source: Source, report: &ClusterReport) -> bool {
        match (report.system_identifier, self.snapshot.system_identifier) {
            (Some(its), Some(ours)) if its != ours => {
                self.tell(format!(
                    "the report of {source} is left aside: it is of database cluster {its}, not \
                     {ours}"
                ));
                self.snapshot.claims.remove(&source);
                true
            }
            _ => false,
        }
    }

    fn keep_members(&mut self, source: Source, report: &ClusterReport) {
        let members = &report.members[..report.members.len().min(MAX_MEMBERS)];
        for member in members {
            self.keep_member(source, report, member);
        }
        let dropped: Vec<NodeId> = self
            .snapshot
            .nodes
            .iter_mut()
            .filter(|(id, _)| !members.iter().any(|member| member.node == **id))
            .filter_map(|(id, node)| {
                node.reported_by.remove(&source);
                (!node.configured && node.reported_by.is_empty()).then(|| id.clone())
            })
            .collect();
        for id in dropped {
            if self.snapshot.leadership.confirmed() == Some(&id) {
                self.lose_leader(format!("{source} no longer names it"));
            }
            self.snapshot.nodes.remove(&id);
            self.tell(format!("{id} is gone: no source names it any more"));
            self.events.push(ClusterEvent::MemberRemoved { node: id });
        }
    }

    fn keep_member(&mut self, source: Source, report: &ClusterReport, member: &MemberReport) {
        self.saw_timeline(member.timeline);
        let added = !self.snapshot.nodes.contains_key(&member.node);
        let node = self.snapshot.nodes.entry(member.node.clone()).or_default();
        let was = node.clone();
        node.reported_by.insert(source);
        node.member = Some(member.name.clone());
        node.reported_role = Some(member.role);
        node.reported_timeline = member.timeline.or(node.reported_timeline);
        node.reported_state = Some(member.state.clone());
        node.no_load_balance = member.no_load_balance;
        node.synchronous = report.sync_standbys.contains(&member.name);
        // A server that answers knows better where it is than its last heartbeat does.
        if node.answered_role != NodeRole::Primary && node.answered_role != NodeRole::StalePrimary {
            node.timeline = node.timeline.max(member.timeline);
            node.lsn = node.lsn.max(member.lsn);
            if report.leader.as_ref() != Some(&member.name) {
                let lag = match (report.leader_lsn, node.lsn) {
                    (Some(ahead), Some(behind)) => Some(ahead.bytes_since(behind)),
                    _ => None,
                };
                node.lag_bytes = member.lag_bytes.or(lag).or(node.lag_bytes);
            }
        }
        let node = node.clone();
        self.warn_of_lag(&member.node, &node, &was);
        if added {
            let (node, member) = (member.node.clone(), member.name.clone());
            self.events.push(ClusterEvent::MemberAdded { node, member });
        }
    }

    /// A row of the history ends a timeline: the one that follows it exists.
    fn keep_history(&mut self, report: &ClusterReport) {
        if report.history.is_empty() {
            return;
        }
        let skip = report.history.len().saturating_sub(MAX_HISTORY);
        let ended = report.history.iter().map(|row| row.timeline).max();
        // The newest leader itself may have told more than the source knows yet.
        let newer = |row: &TimelineSwitch| ended.is_none_or(|ended| row.timeline > ended);
        let own: Vec<_> = self.snapshot.history.iter().filter(|row| newer(row)).cloned().collect();
        self.snapshot.history = report.history[skip..].to_vec();
        self.snapshot.history.extend(own);
        self.saw_timeline(ended.map(|ended| crate::Timeline(ended.0.saturating_add(1))));
    }

    fn keep_claim(&mut self, source: Source, report: &ClusterReport) {
        let node = report.leader.as_ref().and_then(|leader| {
            report.members.iter().find(|member| member.name == *leader).map(|m| m.node.clone())
        });
        let before = self.snapshot.claims.remove(&source);
        let same = before
            .as_ref()
            .is_some_and(|before| before.leader == report.leader && before.node == node);
        let since = before.as_ref().filter(|_| same).map_or(self.now, |before| before.since);
        let claim = Claim { leader: report.leader.clone(), node, since, revision: report.revision };
        self.snapshot.claims.insert(source, claim.clone());
        if same {
            return;
        }
        let withdrawn = before.is_some_and(|before| before.leader.is_some());
        self.weigh_claim(source, &claim, withdrawn.then_some(Withdrawn));
    }

    /// A source changed its mind: the confirmed leader has to say again that it leads, unless
    /// the source means it.
    fn weigh_claim(&mut self, source: Source, claim: &Claim, withdrawn: Option<Withdrawn>) {
        let Some(leader) = self.snapshot.leadership.confirmed().cloned() else { return };
        let Some(text) = contradiction(&self.snapshot, source, claim, &leader, withdrawn) else {
            return;
        };
        if authority(&self.snapshot).is_some_and(|(best, _)| best != source) {
            self.tell(format!("{text}, which is not weighed: a better source is live"));
            return;
        }
        let now = self.now;
        if let Some(node) = self.snapshot.nodes.get_mut(&leader) {
            if node.health == Health::Up {
                node.health = Health::Suspect;
            }
            node.suspected_at = Some(now);
        }
        self.lose_leader(text);
    }
}

/// The source named a leader before.
#[derive(Clone, Copy)]
struct Withdrawn;

/// How the claim speaks against the confirmed leader, if it does.
fn contradiction(
    snapshot: &ClusterSnapshot,
    source: Source,
    claim: &Claim,
    leader: &NodeId,
    withdrawn: Option<Withdrawn>,
) -> Option<String> {
    match (&claim.leader, &claim.node) {
        (None, _) => withdrawn.map(|_| format!("{source} withdrew the leader key")),
        (Some(_), Some(node)) if is_same(snapshot, node, leader) => None,
        (Some(_), Some(node)) => Some(format!("{source} names {node} as the leader")),
        (Some(name), None) => {
            let member = snapshot.nodes.get(leader).and_then(|node: &Node| node.member.as_ref());
            (member != Some(name))
                .then(|| format!("{source} names {name} as the leader, which is not registered"))
        }
    }
}

/// How many members of one report are kept.
const MAX_MEMBERS: usize = 128;
/// How many ended timelines are kept.
pub(super) const MAX_HISTORY: usize = 256;

//! What the word of a server, its silence, or a failed statement makes of the picture.

use std::time::Duration;

use crate::NodeId;
use crate::observation::{ServerAnswer, Source, Suspicion, TimelineSwitch, Unreachable};
use crate::snapshot::{Health, Node, NodeRole, Replayed, SourceState};
use crate::topology::ClusterEvent;
use crate::topology::draft::Draft;
use crate::topology::judge::{Judgement, judge};
use crate::topology::report::MAX_HISTORY;

impl Draft {
    /// A server answered. The answer of one that is not known any more changes nothing.
    pub(super) fn answered(&mut self, id: &NodeId, answer: &ServerAnswer) {
        let Some(was) = self.snapshot.nodes.get(id).cloned() else { return };
        if let Some(state) = self.snapshot.sources.get_mut(&Source::Probe) {
            *state = SourceState::Live { heard_at: self.now, revision: None };
        }
        self.keep_answer(id, answer);
        if was.health != Health::Up {
            self.events.push(ClusterEvent::NodeUp { node: id.clone() });
        }
        let role = if answer.in_recovery {
            self.answered_standby(id, answer);
            NodeRole::Standby
        } else {
            self.answered_primary(id, answer, &was)
        };
        self.settle_role(id, role, &was);
        self.measure_lag(id, &was);
    }

    /// A server did not answer.
    pub(super) fn unanswered(&mut self, id: &NodeId, cause: Unreachable, detail: &str) {
        let now = self.now;
        let Some(node) = self.snapshot.nodes.get_mut(id) else { return };
        let was_down = matches!(node.health, Health::Down(_));
        node.health = Health::Down(cause);
        node.suspected_at = node.suspected_at.or(Some(now));
        if !was_down {
            self.events.push(ClusterEvent::NodeDown { node: id.clone(), cause });
        }
        if self.snapshot.leadership.confirmed() != Some(id) {
            return;
        }
        match cause {
            // Somebody is there and speaks for the server: nothing says that its role changed.
            Unreachable::TooManyConnections | Unreachable::Rejected => {
                self.tell(format!("leader {id} turned a probe away, and is kept: {cause}"));
            }
            Unreachable::NameResolution
            | Unreachable::Refused
            | Unreachable::Silent
            | Unreachable::NotReady => {
                let detail = if detail.is_empty() { String::new() } else { format!(" ({detail})") };
                self.lose_leader(format!("{cause}{detail}"));
            }
        }
    }

    /// A statement met a sign that the server is not what it was.
    pub(super) fn suspected(&mut self, id: &NodeId, sign: Suspicion) {
        let now = self.now;
        let Some(node) = self.snapshot.nodes.get_mut(id) else { return };
        // A write that went to a standby is refused by right.
        if sign == Suspicion::ReadOnly && node.role == NodeRole::Standby {
            return;
        }
        if node.health == Health::Up {
            node.health = Health::Suspect;
        }
        node.suspected_at = Some(now);
        match sign {
            Suspicion::ReadOnly | Suspicion::RoleChanged => node.role = NodeRole::Unknown,
            Suspicion::ConnectionLost | Suspicion::Silent | Suspicion::ShuttingDown => {}
        }
        if self.snapshot.leadership.confirmed() == Some(id) {
            self.lose_leader(sign.to_string());
        }
    }

    fn keep_answer(&mut self, id: &NodeId, answer: &ServerAnswer) {
        let now = self.now;
        let Some(node) = self.snapshot.nodes.get_mut(id) else { return };
        node.health = Health::Up;
        node.suspected_at = None;
        node.answered_at = Some(now);
        node.default_read_only = answer.default_read_only;
        node.timeline = answer.timeline;
        node.lsn = answer.lsn.or(node.lsn);
        node.replay_lag = answer.replay_lag;
        node.system_identifier = answer.system_identifier.or(node.system_identifier);
        node.incarnation = answer.incarnation.or(node.incarnation);
        if answer.in_recovery {
            node.standby_run = answer.incarnation;
            let timeline = answer.timeline;
            node.replayed = answer.lsn.map(|lsn| Replayed { timeline, lsn });
        } else {
            node.primary_run = answer.timeline.zip(answer.incarnation).or(node.primary_run);
        }
        node.round_trip = Some(smooth(node.round_trip, answer.round_trip));
    }

    fn answered_standby(&mut self, id: &NodeId, answer: &ServerAnswer) {
        let ours = self.snapshot.system_identifier;
        let belongs = answer.system_identifier.is_none() || answer.system_identifier == ours;
        if belongs {
            self.saw_timeline(answer.timeline);
        }
        if self.snapshot.leadership.confirmed() == Some(id) {
            self.lose_leader("it answers that it is in recovery".into());
        }
    }

    /// The role that a server which says it is the primary is given.
    fn answered_primary(&mut self, id: &NodeId, answer: &ServerAnswer, was: &Node) -> NodeRole {
        match judge(&self.snapshot, id, answer, was) {
            Judgement::Confirm(because) => {
                self.confirm(id, was, &because);
                self.saw_timeline(answer.timeline);
                self.learn_promotion(answer, was);
                NodeRole::Primary
            }
            Judgement::Refuse(reason) => {
                if self.snapshot.leadership.confirmed() == Some(id) {
                    self.lose_leader(reason.to_string());
                }
                let role =
                    if reason.is_final() { NodeRole::StalePrimary } else { NodeRole::Primary };
                if let Some(node) = self.snapshot.nodes.get_mut(id) {
                    node.answered_role = role;
                }
                self.refuse(id, was, reason);
                role
            }
        }
    }

    /// A leader that was a standby in the same run knows where the timeline before its own was
    /// left, ahead of every source: there its replay ended.
    fn learn_promotion(&mut self, answer: &ServerAnswer, was: &Node) {
        let before = was.replayed.and_then(|replayed| replayed.timeline);
        let (Some(timeline), Some(before), Some(at)) =
            (answer.timeline, before, answer.recovered_to)
        else {
            return;
        };
        let same_run = was.standby_run.is_some() && was.standby_run == answer.incarnation;
        let history = &mut self.snapshot.history;
        let known = history.iter().any(|row| row.timeline == before);
        if !same_run || known || before.0.checked_add(1) != Some(timeline.0) {
            return;
        }
        history.push(TimelineSwitch { timeline: before, switched_at: at, new_leader: None });
        history.sort_by_key(|row| row.timeline);
        if history.len() > MAX_HISTORY {
            history.remove(0);
        }
    }

    /// Connections to another run of the server are dead, and those to a primary that is none any
    /// more must not be used. A promotion ends nothing: the sessions of the standby live on and
    /// may write from then on.
    fn settle_role(&mut self, id: &NodeId, role: NodeRole, was: &Node) {
        let Some(node) = self.snapshot.nodes.get_mut(id) else { return };
        node.role = role;
        node.answered_role = role;
        let fallen = match was.answered_role {
            NodeRole::Unknown => false,
            NodeRole::Standby => role == NodeRole::StalePrimary,
            NodeRole::Primary | NodeRole::StalePrimary => role != was.answered_role,
        };
        let other_run = was.incarnation.is_some() && was.incarnation != node.incarnation;
        if fallen || other_run {
            node.generation = node.generation.next();
        }
    }

    fn measure_lag(&mut self, id: &NodeId, was: &Node) {
        let leader = self.snapshot.leadership.confirmed().cloned();
        let leader_lsn = leader
            .as_ref()
            .and_then(|leader| self.snapshot.nodes.get(leader))
            .and_then(|leader| leader.lsn);
        let Some(node) = self.snapshot.nodes.get_mut(id) else { return };
        if node.role == NodeRole::Standby {
            if let (Some(ahead), Some(behind)) = (leader_lsn, node.lsn) {
                node.lag_bytes = Some(ahead.bytes_since(behind));
            }
        } else {
            node.lag_bytes = None;
            node.replay_lag = None;
        }
        let node = node.clone();
        self.warn_of_lag(id, &node, was);
    }

    /// Tells of a standby that fell behind the alarm marks since `was`.
    pub(super) fn warn_of_lag(&mut self, id: &NodeId, node: &Node, was: &Node) {
        if node.answered_role == NodeRole::Standby && lags(node) && !lags(was) {
            self.events.push(ClusterEvent::StandbyLagging {
                node: id.clone(),
                lag_bytes: node.lag_bytes,
                lag: node.replay_lag,
            });
        }
    }
}

/// Moves an eighth of the way to the new value, as TCP smooths its round trip (RFC 6298).
fn smooth(old: Option<Duration>, new: Duration) -> Duration {
    old.map_or(new, |old| (old.saturating_mul(7).saturating_add(new)) / 8)
}

fn lags(node: &Node) -> bool {
    node.lag_bytes.is_some_and(|bytes| bytes > LAG_ALARM_BYTES)
        || node.replay_lag.is_some_and(|lag| lag > LAG_ALARM)
}

/// A standby further behind than this is told of.
const LAG_ALARM_BYTES: u64 = 64 * 1024 * 1024;
/// A standby whose newest replayed commit is older than this is told of.
const LAG_ALARM: Duration = Duration::from_secs(10);

//! A change of leader that a source announces: from its first sign to a confirmed leader.

use crate::observation::{ClusterReport, Source};
use crate::snapshot::{Switchover, SwitchoverCause, SwitchoverStage};
use crate::topology::ClusterEvent;
use crate::topology::draft::{Draft, authority};
use crate::{Moment, NodeId};

/// Whose word a confirmation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reign {
    /// That of the leader as it was confirmed before, or of the first one of all.
    Same,
    /// That of another leader, or of another run of the same one.
    New,
}

impl Draft {
    /// What the best source shows of a change of leader; the others know less or know it later.
    pub(super) fn keep_switchover(&mut self, source: Source, report: &ClusterReport) {
        if authority(&self.snapshot).is_some_and(|(best, _)| best != source) {
            return;
        }
        let shown = self.sign(report);
        let was = self.snapshot.switchover.take();
        self.snapshot.switchover = match (was, shown) {
            (None, None) => None,
            (Some(was), Some(shown)) if self.continues(&was, &shown) => {
                let stage = match was.stage {
                    SwitchoverStage::Shown | SwitchoverStage::Withdrawn => SwitchoverStage::Shown,
                    SwitchoverStage::TakenOver => SwitchoverStage::TakenOver,
                };
                Some(Switchover { stage, ..was })
            }
            (_, Some(shown)) => {
                self.announce(&shown);
                Some(shown)
            }
            (Some(was), None) => self.withdraw(was),
        };
    }

    /// A leader was confirmed: a new one ends what was under way, and so does the old one where
    /// nothing is shown any more.
    pub(super) fn pass_switchover(&mut self, reign: Reign) {
        let Some(was) = self.snapshot.switchover.take() else { return };
        self.snapshot.switchover = match was.stage {
            _ if !was.has_begun(self.now) => Some(was),
            SwitchoverStage::Withdrawn => {
                self.end(&was);
                None
            }
            SwitchoverStage::Shown if reign == Reign::New => {
                self.end(&was);
                Some(Switchover { stage: SwitchoverStage::TakenOver, ..was })
            }
            SwitchoverStage::Shown | SwitchoverStage::TakenOver => Some(was),
        };
    }

    /// What a report shows: what is under way before what is only scheduled.
    fn sign(&self, report: &ClusterReport) -> Option<Switchover> {
        let shown = |cause, since| Some(Switchover { cause, since, stage: SwitchoverStage::Shown });
        let asked = report.switchover.as_ref().and_then(|request| match request.scheduled_at {
            None => shown(SwitchoverCause::Asked(request.clone()), self.now),
            // Patroni keeps to no schedule while it is paused.
            Some(_) if report.paused => None,
            Some(at) => {
                let began = self.snapshot.clock_began;
                let due = Moment(at.0.saturating_sub(began.0));
                shown(SwitchoverCause::Asked(request.clone()), due)
            }
        });
        if asked.as_ref().is_some_and(|asked| asked.has_begun(self.now)) {
            return asked;
        }
        let leader = report
            .leader
            .as_ref()
            .and_then(|leader| report.members.iter().find(|member| member.name == *leader));
        match (&report.leader, leader) {
            (Some(name), Some(leader)) if is_stopping(&leader.state) => {
                shown(SwitchoverCause::LeaderStopping(name.clone()), self.now)
            }
            // In a pause nobody takes the key that a stopped Patroni has left, and before the first
            // leader there is none who could go.
            (None, _) if !report.paused && self.snapshot.last_leader.is_some() => {
                shown(SwitchoverCause::LeaderKeyGone, self.now)
            }
            _ => asked,
        }
    }

    /// Whether `shown` is what `was` shown before. A stopped server and a key given back are
    /// steps on the way of whatever is under way.
    fn continues(&self, was: &Switchover, shown: &Switchover) -> bool {
        match (&was.cause, &shown.cause) {
            (SwitchoverCause::Asked(was), SwitchoverCause::Asked(shown)) => was == shown,
            (_, SwitchoverCause::Asked(_)) => false,
            (
                SwitchoverCause::LeaderStopping(was_leader),
                SwitchoverCause::LeaderStopping(leader),
            ) => was_leader == leader,
            (_, SwitchoverCause::LeaderStopping(_) | SwitchoverCause::LeaderKeyGone) => {
                was.has_begun(self.now)
            }
        }
    }

    /// The source shows it no longer. Over it is once somebody is confirmed to lead.
    fn withdraw(&mut self, was: Switchover) -> Option<Switchover> {
        let confirmed = self.snapshot.leadership.confirmed().is_some();
        match was.stage {
            SwitchoverStage::TakenOver => None,
            SwitchoverStage::Shown | SwitchoverStage::Withdrawn
                if confirmed || !was.has_begun(self.now) =>
            {
                self.end(&was);
                None
            }
            SwitchoverStage::Shown | SwitchoverStage::Withdrawn => {
                Some(Switchover { stage: SwitchoverStage::Withdrawn, ..was })
            }
        }
    }

    fn announce(&mut self, switchover: &Switchover) {
        let leader = self.stepping_down(&switchover.cause);
        let starts_in = switchover.since.since(self.now);
        let cause = switchover.cause.clone();
        self.tell(if starts_in.is_zero() {
            format!("the leader is about to change: {cause}")
        } else {
            format!("the leader is to change in {} s: {cause}", starts_in.as_secs())
        });
        self.events.push(ClusterEvent::SwitchoverPending { leader, cause, starts_in });
    }

    fn end(&mut self, switchover: &Switchover) {
        let duration = self.now.since(switchover.since);
        self.events.push(ClusterEvent::SwitchoverEnded { duration });
    }

    /// The server of the leader that goes: the one that is named, or else whoever led last.
    fn stepping_down(&self, cause: &SwitchoverCause) -> Option<NodeId> {
        let named = match cause {
            SwitchoverCause::Asked(request) => request.leader.as_ref(),
            SwitchoverCause::LeaderStopping(leader) => Some(leader),
            SwitchoverCause::LeaderKeyGone => None,
        };
        let nodes = &self.snapshot.nodes;
        let of_name = named.and_then(|name| {
            nodes.iter().find(|(_, node)| node.member.as_ref() == Some(name)).map(|(id, _)| id)
        });
        let last = self.snapshot.last_leader.as_ref().map(|last| &last.node);
        of_name.or_else(|| self.snapshot.leadership.claimed_or_confirmed()).or(last).cloned()
    }
}

/// Patroni's words for a server that it shuts down to give the lead away (`PostgresqlState` in its
/// `postgresql/misc.py`); a restart has a word of its own.
fn is_stopping(state: &str) -> bool {
    matches!(state, "stopping" | "stopped")
}

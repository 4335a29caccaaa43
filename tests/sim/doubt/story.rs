//! What happens around one commit, and what the driver gets to see of it.

use aya_db_core::continuity::{CommitMark, Evidence, Restarted, Server, Xid, XidStatus};
use aya_db_core::observation::TimelineSwitch;
use aya_db_core::{Lsn, ServerIncarnation, Timeline};

use super::log::{Owner, Record, What};
use super::world::{Host, Restart, Role};

/// One thing that happens.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Other writers commit, or roll back.
    Others { count: u64, subs: u64, kept: bool },
    /// The primary's log reaches its disk.
    Flush,
    /// A standby receives some of it.
    Ship { host: usize, records: usize },
    /// A checkpoint.
    Checkpoint,
    /// The primary begins a new life.
    Restart(Restart),
    /// The primary dies, and this one is promoted.
    Promote(usize),
    /// A host is made anew as a standby.
    Copy(usize),
    /// The driver asks every server about itself.
    Look,
    /// The server ends the session of the commit, if that is still there.
    EndSession,
}

/// Whether a verdict may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Open {
    /// It must be there.
    No,
    /// Asked later, it will be.
    ForNow,
    /// It never will.
    ForEver,
}

/// What the driver last saw of a server.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    primary_run: Option<(u32, i64)>,
    standby_run: Option<i64>,
}

/// The commit that is in doubt.
#[derive(Debug, Clone)]
struct Ours {
    mark: CommitMark,
    host: usize,
    life: u32,
    /// How its timeline began.
    began: Option<(usize, Record)>,
}

/// The whole of it.
#[derive(Debug)]
pub(crate) struct Story {
    hosts: [Host; 3],
    primary: usize,
    seen: [Seen; 3],
    now: i64,
    ours: Option<Ours>,
    /// A recovery of the mark's server on its timeline has lost the commit.
    cut: bool,
}

impl Story {
    pub(crate) fn new() -> Self {
        let mut hosts: [Host; 3] = Default::default();
        for (run, host) in (1..).zip(&mut hosts) {
            (host.run, host.timeline) = (run, 1);
        }
        hosts[0].role = Role::Primary;
        hosts[0].next_xid = hosts[0].log.next_xid();
        hosts[0].checkpoint();
        let seen = [Seen::default(); 3];
        Self { hosts, primary: 0, seen, now: 10, ours: None, cut: false }
    }

    pub(crate) fn run(&mut self, step: &Step) {
        self.now += 1;
        let primary = &mut self.hosts[self.primary];
        match *step {
            Step::Others { count, subs, kept } => {
                for _ in 0..count {
                    let (xid, writer) = primary.begin(subs);
                    primary.write(What::Change(writer));
                    if kept { primary.commit(xid, Owner::Others) } else { primary.abort(xid) }
                }
            }
            Step::Flush => primary.flush(),
            Step::Checkpoint => primary.checkpoint(),
            Step::Ship { host, records } => {
                let primary = primary.clone();
                self.hosts[host].follow(&primary, records);
            }
            Step::Restart(how) => {
                primary.restart(how, self.now);
                self.notice_a_cut();
            }
            Step::Promote(host) => self.promote(host),
            Step::Copy(host) if host != self.primary => {
                let primary = primary.clone();
                self.hosts[host].copy(&primary, self.now);
            }
            Step::Copy(_) => {}
            Step::Look => self.look(),
            Step::EndSession => self.end_session(),
        }
        self.hosts[self.primary].log.check();
    }

    fn promote(&mut self, host: usize) {
        if self.hosts[host].role == Role::Standby {
            self.hosts[self.primary].crash();
            self.hosts[host].promote();
            self.primary = host;
        }
    }

    fn look(&mut self) {
        for (seen, host) in self.seen.iter_mut().zip(&self.hosts) {
            match host.role {
                Role::Primary => seen.primary_run = Some((host.timeline, host.run)),
                Role::Standby => seen.standby_run = Some(host.run),
                Role::Down => {}
            }
        }
    }

    /// Ours writes, and is marked.
    pub(crate) fn mark(&mut self, subtransactions: u64) {
        let host = &mut self.hosts[self.primary];
        let (xid, writer) = host.begin(subtransactions);
        host.write(What::Change(writer));
        let mark = CommitMark {
            xid: Xid(xid),
            lsn: Lsn(host.log.end()),
            timeline: Timeline(host.timeline),
            incarnation: ServerIncarnation(host.run),
            replayed_to: host.replayed_to.map(Lsn),
        };
        let began = host.log.began(host.timeline);
        self.ours = Some(Ours { mark, host: self.primary, life: host.life, began });
    }

    /// Its COMMIT arrives, if its session is still there.
    pub(crate) fn commit(&mut self) {
        if self.is_under_way() {
            let xid = self.marked().xid.0;
            self.hosts[self.primary].commit(xid, Owner::Ours);
        }
    }

    fn end_session(&mut self) {
        if self.ours.is_some() && self.is_under_way() {
            let xid = self.marked().xid.0;
            self.hosts[self.primary].abort(xid);
        }
    }

    fn notice_a_cut(&mut self) {
        let Some(ours) = &self.ours else { return };
        let host = &self.hosts[self.primary];
        let on_its_line =
            ours.host == self.primary && Timeline(host.timeline) == ours.mark.timeline;
        if on_its_line && host.replayed_to.is_some_and(|end| end <= ours.mark.lsn.0) {
            self.cut = true;
        }
    }

    fn ours(&self) -> &Ours {
        self.ours.as_ref().unwrap()
    }

    pub(crate) fn marked(&self) -> &CommitMark {
        &self.ours().mark
    }

    fn leader(&self) -> &Host {
        &self.hosts[self.primary]
    }

    /// Its session is at work, so that it may yet be committed.
    pub(crate) fn is_under_way(&self) -> bool {
        let Some(ours) = &self.ours else { return false };
        let same = ours.host == self.primary && ours.life == self.leader().life;
        same && self.leader().active.contains(&ours.mark.xid.0)
    }

    /// The truth.
    pub(crate) fn is_kept(&self) -> bool {
        self.leader().log.commits(self.marked().xid.0).1
    }

    fn restarted(&self) -> Restarted {
        let Some(ours) = &self.ours else { return Restarted::Unseen };
        let again = self.seen[ours.host].primary_run.is_some_and(|(timeline, run)| {
            Timeline(timeline) == ours.mark.timeline
                && ServerIncarnation(run) != ours.mark.incarnation
        });
        if again { Restarted::Seen } else { Restarted::Unseen }
    }

    /// What the driver gathers, while so many entries of the history are not yet written.
    pub(crate) fn evidence(&self, unwritten: usize, oldest: u64) -> Evidence {
        let leader = self.leader();
        let mut history = leader.log.switches();
        history.truncate(history.len().saturating_sub(unwritten));
        let replayed_to = leader.replayed_to.map(Lsn);
        let was_standby = self.seen[self.primary].standby_run == Some(leader.run);
        Evidence {
            timeline: Timeline(leader.timeline),
            incarnation: ServerIncarnation(leader.run),
            server: if self.primary == self.ours().host { Server::Same } else { Server::Another },
            replayed_to,
            promoted_at: replayed_to.filter(|_| was_standby),
            history: history
                .into_iter()
                .map(|(timeline, at)| TimelineSwitch {
                    timeline: Timeline(timeline),
                    switched_at: Lsn(at),
                    new_leader: None,
                })
                .collect(),
            restarted: self.restarted(),
            status: leader.status(self.marked().xid.0, oldest),
        }
    }

    /// The documented limit: a recovery on the mark's timeline lost it, and neither is that the last
    /// one of the server that answers, nor did the driver see what came of it as the last that this server
    /// did as a primary. Or the promotion is told
    /// by the new leader alone, which has recovered from a crash since.
    pub(crate) fn is_hidden(&self, evidence: &Evidence) -> bool {
        let (leader, mark) = (self.leader(), self.marked());
        if Timeline(leader.timeline) == mark.timeline {
            return self.cut && leader.replayed_to.is_none_or(|end| end > mark.lsn.0);
        }
        let left_at = leader.log.switches().last().map(|(_, at)| Lsn(*at));
        let told = evidence.history.iter().any(|row| row.timeline == mark.timeline);
        let masked =
            !told && evidence.promoted_at.is_some_and(|at| left_at.is_none_or(|left| left < at));
        masked
            || self.is_a_hidden_twin(evidence)
            || (self.cut && evidence.restarted == Restarted::Unseen)
    }

    /// The leader's line has another timeline of the mark's number, which began no later than the life
    /// of the mark's server, or no row says when it did.
    fn is_a_hidden_twin(&self, evidence: &Evidence) -> bool {
        let mark = self.marked();
        let twin = self.leader().log.began(mark.timeline.0) != self.ours().began;
        twin && !begins_later(mark, evidence)
    }

    /// Whether the evidence does not suffice, and for how long.
    pub(crate) fn may_stay_open(&self, evidence: &Evidence) -> Open {
        let (leader, ours) = (self.leader(), self.ours());
        let mark = &ours.mark;
        if evidence.timeline < mark.timeline {
            return Open::ForNow;
        }
        let (same_line, same_host) =
            (evidence.timeline == mark.timeline, ours.host == self.primary);
        if same_line && same_host && ours.life == leader.life {
            return match evidence.status {
                XidStatus::InProgress => Open::ForNow,
                XidStatus::Forgotten => Open::ForEver,
                _ => Open::No,
            };
        }
        let ends: Vec<_> = leader.log.switches();
        let left = |from: u32| ends.iter().find(|(timeline, _)| *timeline == from).copied();
        let in_time = |(_, at): &(u32, u64)| *at <= mark.lsn.0;
        if same_line {
            let lost = leader.replayed_to.is_some_and(|end| end <= mark.lsn.0);
            let twin = !same_host && evidence.status == XidStatus::Committed;
            let open = !lost && (twin || evidence.status == XidStatus::Forgotten);
            return if open { Open::ForEver } else { Open::No };
        }
        let known = |it: &(u32, u64)| {
            evidence.history.iter().any(|row| (row.timeline.0, row.switched_at.0) == *it)
        };
        let lowest = ends.iter().filter(|it| it.0 >= mark.timeline.0 && known(it)).any(in_time);
        if lowest || evidence.promoted_at.is_some_and(|at| at <= mark.lsn) {
            return Open::No;
        }
        if begins_later(mark, evidence) {
            return Open::ForEver;
        }
        let next = evidence.timeline.0 == mark.timeline.0 + 1 && evidence.promoted_at.is_some();
        if !left(mark.timeline.0).is_some_and(|it| known(&it)) && !next {
            return Open::ForNow;
        }
        let seen = evidence.restarted == Restarted::Seen;
        match evidence.status {
            XidStatus::Forgotten => Open::ForEver,
            XidStatus::Committed if seen => Open::ForEver,
            _ => Open::No,
        }
    }
}

/// The evidence tells that the leader's timeline of the mark's number is not the mark's.
fn begins_later(mark: &CommitMark, evidence: &Evidence) -> bool {
    let earlier = evidence.history.iter().filter(|row| row.timeline < mark.timeline);
    let latest = earlier.map(|row| row.switched_at).max();
    latest.is_some_and(|at| at >= mark.lsn || mark.replayed_to.is_some_and(|end| at > end))
}

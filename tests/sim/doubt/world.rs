//! Servers that write, lose, replay and are promoted, as PostgreSQL does it, and that know the truth.

use std::collections::BTreeSet;

use aya_db_core::continuity::XidStatus;

use super::log::{Log, Owner, What};

/// One server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Host {
    pub(crate) log: Log,
    /// How many records outlive a crash.
    pub(crate) flushed: usize,
    pub(crate) timeline: u32,
    pub(crate) role: Role,
    /// When its postmaster began.
    pub(crate) run: i64,
    /// Rises with each start, recovery and restart in place.
    pub(crate) life: u32,
    /// Where its replay ended.
    pub(crate) replayed_to: Option<u64>,
    /// The next number it gives.
    pub(crate) next_xid: u64,
    /// What is under way.
    pub(crate) active: BTreeSet<u64>,
}

/// What a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Role {
    /// It writes.
    Primary,
    /// It follows.
    #[default]
    Standby,
    /// It does not run.
    Down,
}

/// How a primary comes to begin a new life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restart {
    /// All its processes are killed, and it is started again.
    Crash,
    /// A backend crashes: the postmaster stays, and recovers in place.
    InPlace,
    /// It is shut down, and started again.
    Clean,
}

impl Host {
    /// Gives a number, and another one to a subtransaction, which alone writes.
    pub(crate) fn begin(&mut self, subtransactions: u64) -> (u64, u64) {
        let top = self.next_xid;
        self.next_xid += 1 + subtransactions;
        self.active.insert(top);
        (top, self.next_xid - 1)
    }

    pub(crate) fn write(&mut self, what: What) {
        self.log.push(self.timeline, self.run, what);
    }

    pub(crate) fn commit(&mut self, xid: u64, owner: Owner) {
        self.active.remove(&xid);
        self.write(What::Commit(xid, owner));
    }

    pub(crate) fn abort(&mut self, xid: u64) {
        if self.active.remove(&xid) {
            self.write(What::Abort(xid));
        }
    }

    pub(crate) fn flush(&mut self) {
        self.flushed = self.log.len();
    }

    pub(crate) fn checkpoint(&mut self) {
        let next = self.next_xid;
        self.write(What::Checkpoint(next));
        self.flush();
    }

    /// Begins a new life; what was not flushed is lost, unless it is shut down.
    pub(crate) fn restart(&mut self, how: Restart, now: i64) {
        match how {
            Restart::Clean => {
                for xid in std::mem::take(&mut self.active) {
                    self.write(What::Abort(xid));
                }
                self.checkpoint();
                self.replayed_to = None;
            }
            Restart::Crash | Restart::InPlace => {
                self.active.clear();
                self.log.cut(self.flushed);
                self.replayed_to = Some(self.log.end());
                self.next_xid = self.log.next_xid();
                self.checkpoint();
            }
        }
        self.life += 1;
        if how != Restart::InPlace {
            self.run = now;
        }
    }

    pub(crate) fn crash(&mut self) {
        self.active.clear();
        self.log.cut(self.flushed);
        self.role = Role::Down;
    }

    /// Becomes a primary on the next timeline that it knows of no owner for: one that never heard of
    /// another's promotion takes the same number.
    pub(crate) fn promote(&mut self) {
        self.role = Role::Primary;
        self.timeline += 1;
        self.replayed_to = Some(self.log.end());
        self.next_xid = self.log.next_xid();
        self.checkpoint();
    }

    /// Replays what a primary has flushed, if it is on the same line.
    pub(crate) fn follow(&mut self, primary: &Self, records: usize) {
        let sent = primary.log.first(primary.flushed);
        if self.role == Role::Standby && self.log.begins(&sent) {
            self.log.follow(&sent, records);
            self.flush();
            if self.log.len() > 0 && self.log.len() == sent.len() {
                self.timeline = primary.timeline;
            }
        }
    }

    /// Is made anew as a standby, from a copy of the primary.
    pub(crate) fn copy(&mut self, primary: &Self, now: i64) {
        let log = primary.log.first(primary.flushed);
        let life = self.life + 1;
        let timeline = primary.timeline;
        *self = Self { log, timeline, run: now, life, ..Self::default() };
        self.flush();
    }

    /// What `pg_xact_status` says.
    pub(crate) fn status(&self, xid: u64, oldest: u64) -> XidStatus {
        if xid >= self.next_xid {
            XidStatus::InFuture
        } else if self.active.contains(&xid) {
            XidStatus::InProgress
        } else if xid < oldest {
            XidStatus::Forgotten
        } else if self.log.commits(xid).0 {
            XidStatus::Committed
        } else {
            XidStatus::Aborted
        }
    }
}

//! A server's log, and what a recovery makes of it.

use std::collections::BTreeSet;

/// Whose a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The one whose commit is in doubt.
    Ours,
    /// Any other writer's.
    Others,
}

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// A change by a transaction or a subtransaction, under its own number.
    Change(u64),
    /// The end of a transaction, under its top-level number.
    Commit(u64, Owner),
    /// A rollback.
    Abort(u64),
    /// A checkpoint, with the next number to be given.
    Checkpoint(u64),
}

/// A record, and where it ends: the next one begins there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) end: u64,
    pub(crate) timeline: u32,
    /// The run that wrote it.
    pub(crate) run: i64,
    pub(crate) what: What,
}

/// A log. Those of two servers are the same line of history as far as their records are equal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Log(Vec<Record>);

impl Log {
    /// Where the next record begins.
    pub(crate) fn end(&self) -> u64 {
        self.0.last().map_or(FIRST, |record| record.end)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn push(&mut self, timeline: u32, run: i64, what: What) {
        // Records differ in length, so that an end says where it lies in the log and no more.
        let length = 3 + (self.0.len() as u64 * 7 + u64::from(timeline)) % 5;
        self.0.push(Record { end: self.end() + length, timeline, run, what });
    }

    /// Loses all but the first records.
    pub(crate) fn cut(&mut self, records: usize) {
        self.0.truncate(records);
    }

    /// The number that a server gives next after it has replayed all of it.
    pub(crate) fn next_xid(&self) -> u64 {
        let next = self.0.iter().map(|record| match record.what {
            What::Change(xid) | What::Commit(xid, _) | What::Abort(xid) => xid + 1,
            What::Checkpoint(next) => next,
        });
        next.max().unwrap_or(FIRST_XID).max(FIRST_XID)
    }

    /// Whether it is the beginning of another log.
    pub(crate) fn begins(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    /// Takes the next records of another log, which this one begins.
    pub(crate) fn follow(&mut self, other: &Self, records: usize) {
        let from = self.0.len();
        let to = (from + records).min(other.0.len());
        self.0.extend_from_slice(&other.0[from..to]);
    }

    /// The first records alone.
    pub(crate) fn first(&self, records: usize) -> Self {
        Self(self.0[..records].to_vec())
    }

    /// Whether any transaction committed under that number, and whether ours did.
    pub(crate) fn commits(&self, xid: u64) -> (bool, bool) {
        let owners: Vec<Owner> =
            self.0.iter().filter_map(|record| committed(record, xid)).collect();
        (!owners.is_empty(), owners.contains(&Owner::Ours))
    }

    /// The timelines that follow one another in it, and where each but the last was left.
    pub(crate) fn switches(&self) -> Vec<(u32, u64)> {
        let mut switches: Vec<(u32, u64)> = Vec::new();
        for pair in self.0.windows(2) {
            if pair[0].timeline != pair[1].timeline {
                switches.push((pair[0].timeline, pair[0].end));
            }
        }
        switches
    }

    /// The record with which a timeline begins, and where.
    pub(crate) fn began(&self, timeline: u32) -> Option<(usize, Record)> {
        let first = self.0.iter().position(|record| record.timeline == timeline)?;
        Some((first, self.0[first]))
    }

    /// No number is given to two transactions on one line of history.
    pub(crate) fn check(&self) {
        let mut seen = BTreeSet::new();
        for record in &self.0 {
            if let What::Commit(xid, _) | What::Abort(xid) = record.what {
                assert!(seen.insert(xid), "the world gives {xid} twice: {self:?}");
            }
        }
    }
}

fn committed(record: &Record, number: u64) -> Option<Owner> {
    match record.what {
        What::Commit(xid, owner) if xid == number => Some(owner),
        What::Commit(..) | What::Change(_) | What::Abort(_) | What::Checkpoint(_) => None,
    }
}

const FIRST: u64 = 1_000;
const FIRST_XID: u64 = 700;

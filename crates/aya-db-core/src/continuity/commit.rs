//! The verdict on a commit in doubt.
//!
//! `pg_xact_status` alone is not to be trusted after a promotion: a standby that never received
//! the transaction gives its number to another one, and then answers for that one. So the log
//! decides first. The mark's LSN was taken after the transaction had written to the log, and
//! before its COMMIT:
//!
//! ```text
//! old leader  ----- xid's records --- LSN --- commit record --->
//! new leader  ------------+ switched at or before the LSN: the commit record is not part of it
//! new leader  -----------------------------+ switched behind it: xid's records are, so the number
//!                                            is taken, and pg_xact_status speaks of this one
//! ```
//!
//! Over several promotions the lowest switch point counts.
//!
//! A crash that the same server recovers from is told by the place where its replay ended, in the
//! same way. Each recovery begins behind the checkpoint that the one before has written, so that
//! place also tells two lives of one postmaster apart, which begins anew in place when one of its
//! backends has crashed, and keeps its time of start.

use crate::failure::{Facts, SyncRepNotice, classify};
use crate::observation::TimelineSwitch;
use crate::{Fate, Lsn, ServerIncarnation, Timeline};

/// A transaction number with its epoch (`xid8`), never used twice on one line of history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Xid(pub u64);

/// What was noted of a transaction before its COMMIT was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitMark {
    /// Its top-level number.
    pub xid: Xid,
    /// A place in the log behind a record of the transaction, and ahead of its commit.
    pub lsn: Lsn,
    /// The timeline it was written on.
    pub timeline: Timeline,
    /// The run of the server.
    pub incarnation: ServerIncarnation,
    /// Where that run's replay of the log had ended (`pg_last_wal_replay_lsn()`); `None` if it began
    /// after a clean shutdown.
    pub replayed_to: Option<Lsn>,
}

/// On which line of history, and in which life of which run, a server writes. It stays the same for as long
/// as a connection to a primary does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// The timeline that it writes on.
    pub timeline: Timeline,
    /// Its run.
    pub incarnation: ServerIncarnation,
    /// Where that run's replay of the log had ended; see [`CommitMark::replayed_to`].
    pub replayed_to: Option<Lsn>,
}

impl CommitMark {
    /// The mark of a transaction of this number, whose log reaches up to `lsn`.
    pub const fn new(xid: Xid, lsn: Lsn, on: &Life) -> Self {
        let Life { timeline, incarnation, replayed_to } = *on;
        Self { xid, lsn, timeline, incarnation, replayed_to }
    }
}

/// What the leader of today says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Its timeline.
    pub timeline: Timeline,
    /// Its run.
    pub incarnation: ServerIncarnation,
    /// Whether it is the server that the mark was taken on, as far as its address tells.
    pub server: Server,
    /// Where its replay of the log ended (`pg_last_wal_replay_lsn()`): at its promotion, or at the end
    /// of a recovery from a crash; `None` if it began after a clean shutdown. The first checkpoint
    /// lies behind that, and no later one hides it.
    pub replayed_to: Option<Lsn>,
    /// The same, if it is where this run was promoted: only for one that was seen as a standby before.
    pub promoted_at: Option<Lsn>,
    /// Where earlier timelines ended, as far as is known.
    pub history: Vec<TimelineSwitch>,
    /// Whether a later run of the old leader was seen on the mark's own timeline.
    pub restarted: Restarted,
    /// Its answer about the transaction number.
    pub status: XidStatus,
}

/// Whether a leader is the server that a mark was taken on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// It has the same address.
    Same,
    /// It has another one. If its timeline is the mark's all the same, it may have been promoted by
    /// itself, and have given its timeline a number that was taken.
    Another,
}

/// Whether a later run of the old leader was seen on the mark's own timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restarted {
    /// None was.
    Unseen,
    /// One was: it may have lost the end of its log and used the number again.
    Seen,
}

/// What `pg_xact_status` says of a transaction number (PostgreSQL documentation, "Transaction ID
/// and Snapshot Information Functions").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum XidStatus {
    /// `committed`.
    Committed,
    /// `aborted`.
    Aborted,
    /// `in progress`: also while a commit waits for its standby.
    InProgress,
    /// An error: the number was not given to anybody yet.
    InFuture,
    /// NULL: too old to be known.
    Forgotten,
}

impl XidStatus {
    /// Reads the answer of `pg_xact_status`.
    pub fn from_text(text: Option<&str>) -> Self {
        match text {
            Some("committed") => Self::Committed,
            Some("aborted") => Self::Aborted,
            Some("in progress") => Self::InProgress,
            Some(_) | None => Self::Forgotten,
        }
    }
}

/// What a failed commit leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    /// Whether it was committed at all.
    Committed,
    /// Whether the commit, which the old leader has told of while it was stopped, is part of the
    /// history of a later one. A leader on the same timeline cannot tell: perhaps no standby has it.
    Promoted,
}

impl Question {
    /// What the facts of a failed commit leave open, if anything.
    pub fn of(facts: &Facts) -> Option<Self> {
        match (classify(facts).fate, facts.notice) {
            (Fate::Unknown, _) => Some(Self::Committed),
            (Fate::Committed, Some(SyncRepNotice::WaitTerminated)) => Some(Self::Promoted),
            (Fate::Committed | Fate::NotSent | Fate::RolledBack, _) => None,
        }
    }
}

/// What became of the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It is committed, and part of the leader's history.
    Committed(&'static str),
    /// It left no trace there.
    RolledBack(&'static str),
    /// Ask again in a moment.
    Undecided(&'static str),
    /// Nobody can tell.
    Unknown(&'static str),
}

/// Concludes from what the leader says, first match wins:
///
/// 1. a leader on an older timeline: undecided, it is not the one; one on the same timeline, where
///    only a promotion could tell: unknown;
/// 2. the same timeline and the same life of the same run: `pg_xact_status` is true, and
///    `in progress` is waited for;
/// 3. the same timeline and another life: rolled back if its replay ended at or before the mark,
///    since a crash lost what followed; else, on the same server, `pg_xact_status` is true: nothing was
///    lost, or less than what the mark stands behind. On another server `committed` proves nothing;
/// 4. a later timeline: rolled back if any switch lies at or before the mark, the leader's own
///    promotion included; unknown if the leader's timeline of that number began later than the mark's;
///    undecided until
///    the end of the mark's own timeline is known, by the history or by the promotion to the very next
///    one; else, unless the old leader was seen to run anew in between, `pg_xact_status` is true.
///
/// It counts on the driver having seen all but the last of several recoveries on the mark's timeline: one
/// that lost the mark, and was followed by another that nobody has seen either, leaves no trace that a
/// server could be asked for. The documentation of the driver names that limit.
///
/// ```
/// use aya_db_core::continuity::*;
/// use aya_db_core::observation::TimelineSwitch;
/// use aya_db_core::{Lsn, ServerIncarnation, Timeline};
///
/// let mark = CommitMark {
///     xid: Xid(757),
///     lsn: Lsn(0x3001FF8),
///     timeline: Timeline(1),
///     incarnation: ServerIncarnation(1),
///     replayed_to: None,
/// };
/// let ended = |switched_at| TimelineSwitch { timeline: Timeline(1), switched_at, new_leader: None };
/// let evidence = |switched_at| Evidence {
///     timeline: Timeline(2),
///     incarnation: ServerIncarnation(2),
///     server: Server::Another,
///     replayed_to: Some(switched_at),
///     promoted_at: None,
///     history: vec![ended(switched_at)],
///     restarted: Restarted::Unseen,
///     status: XidStatus::Committed,
/// };
/// // The new leader had never heard of it, and has given its number to another transaction.
/// assert!(matches!(resolve(&mark, Question::Committed, &evidence(Lsn(0x3001EC0))), Verdict::RolledBack(_)));
/// assert!(matches!(resolve(&mark, Question::Committed, &evidence(Lsn(0x3002000))), Verdict::Committed(_)));
/// ```
pub fn resolve(mark: &CommitMark, question: Question, evidence: &Evidence) -> Verdict {
    if evidence.timeline < mark.timeline {
        return Verdict::Undecided("the server is behind the timeline of the commit");
    }
    if evidence.timeline == mark.timeline && question == Question::Promoted {
        return Verdict::Unknown("nobody was promoted, and perhaps no standby has the commit");
    }
    if evidence.timeline == mark.timeline {
        let same_run = evidence.incarnation == mark.incarnation;
        return if same_run && evidence.replayed_to == mark.replayed_to {
            in_the_same_life(evidence.status)
        } else {
            in_another_life(mark, evidence)
        };
    }
    let ends = |switch: &&TimelineSwitch| {
        switch.timeline >= mark.timeline && switch.timeline < evidence.timeline
    };
    let switches = || evidence.history.iter().filter(ends);
    let mut ended_at = switches().map(|switch| switch.switched_at).chain(evidence.promoted_at);
    if ended_at.any(|end| end <= mark.lsn) {
        return Verdict::RolledBack("the leader's history left the old one before the commit");
    }
    // On the mark's own line, earlier timelines ended no later than the replay that its run began with.
    let begins_later = |switch: &TimelineSwitch| {
        switch.timeline < mark.timeline
            && (switch.switched_at >= mark.lsn
                || mark.replayed_to.is_some_and(|end| switch.switched_at > end))
    };
    if evidence.history.iter().any(begins_later) {
        return Verdict::Unknown("the leader's history has another timeline of that number");
    }
    let next = evidence.timeline.0 == mark.timeline.0 + 1;
    let end_is_known = switches().any(|switch| switch.timeline == mark.timeline)
        || (next && evidence.promoted_at.is_some());
    if !end_is_known {
        return Verdict::Undecided("where the timeline of the commit ended is not known yet");
    }
    if evidence.restarted == Restarted::Seen {
        return after_a_restart(evidence.status);
    }
    match evidence.status {
        XidStatus::Committed => Verdict::Committed("the leader's history holds the commit"),
        XidStatus::Aborted | XidStatus::InFuture => {
            Verdict::RolledBack("the leader's history holds the transaction, and no commit of it")
        }
        XidStatus::InProgress => Verdict::Undecided("the transaction is in progress"),
        XidStatus::Forgotten => Verdict::Unknown("the transaction is too old to be known"),
    }
}

fn in_the_same_life(status: XidStatus) -> Verdict {
    match status {
        XidStatus::Committed => Verdict::Committed("the server says that it committed"),
        XidStatus::Aborted => Verdict::RolledBack("the server says that it rolled back"),
        // The session that lost its client may still be at it, or wait for its standby.
        XidStatus::InProgress => Verdict::Undecided("the transaction is in progress"),
        XidStatus::InFuture | XidStatus::Forgotten => {
            Verdict::Unknown("the server does not know the transaction")
        }
    }
}

fn in_another_life(mark: &CommitMark, evidence: &Evidence) -> Verdict {
    match (evidence.replayed_to, evidence.server, evidence.status) {
        (Some(end), _, _) if end <= mark.lsn => {
            Verdict::RolledBack("the server was restarted, and its log ended before the commit")
        }
        (_, Server::Same, XidStatus::Committed) => {
            Verdict::Committed("the server was restarted, and its log holds the commit")
        }
        (_, _, status) => after_a_restart(status),
    }
}

fn after_a_restart(status: XidStatus) -> Verdict {
    match status {
        XidStatus::Committed => Verdict::Unknown(
            "the server was restarted, and the transaction's number may have been used again",
        ),
        // A commit that outlived the crash would be known as such, and keep its number.
        XidStatus::Aborted | XidStatus::InFuture | XidStatus::InProgress => {
            Verdict::RolledBack("the server was restarted, and knows of no commit")
        }
        XidStatus::Forgotten => Verdict::Unknown("the transaction is too old to be known"),
    }
}

#[cfg(test)]
mod tests;

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
    /// `pg_current_wal_insert_lsn()`, taken after the transaction wrote to the log.
    pub lsn: Lsn,
    /// The timeline it was written on.
    pub timeline: Timeline,
    /// The run of the server.
    pub incarnation: ServerIncarnation,
}

/// What the leader of today says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Its timeline.
    pub timeline: Timeline,
    /// Its run.
    pub incarnation: ServerIncarnation,
    /// Where the log stood when this run began: the place of its last checkpoint, if that is one
    /// of a shutdown or of the end of recovery. Those are told by `redo_lsn = checkpoint_lsn`; the
    /// checkpoints that follow no longer tell.
    pub began_at: Option<Lsn>,
    /// Where the log stood when this run was promoted (`pg_last_wal_replay_lsn()`), if it was: only
    /// for a run that was seen as a standby before. After a crash the same function tells the end
    /// of that recovery.
    pub promoted_at: Option<Lsn>,
    /// Where earlier timelines ended, as far as is known.
    pub history: Vec<TimelineSwitch>,
    /// Whether a later run of the old leader was seen on the mark's own timeline.
    pub restarted: Restarted,
    /// Its answer about the transaction number.
    pub status: XidStatus,
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
/// 2. the same timeline and the same run: `pg_xact_status` is true, and `in progress` is waited for;
/// 3. the same timeline and another run: rolled back if the run began at or before the mark, since a
///    crash lost what followed; if it began behind it, `pg_xact_status` is true; if that cannot be
///    told, anything but `committed` proves a rollback, and `committed` proves nothing, since the
///    number may have been used again;
/// 4. a later timeline: rolled back if any switch lies at or before the mark, the leader's own
///    promotion included; undecided until the end of the mark's own timeline is known, by the
///    history or by the promotion to the very next one; else, unless the old leader was seen to run anew in
///    between, `pg_xact_status` is true.
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
/// };
/// let ended = |switched_at| TimelineSwitch { timeline: Timeline(1), switched_at, new_leader: None };
/// let evidence = |switched_at| Evidence {
///     timeline: Timeline(2),
///     incarnation: ServerIncarnation(2),
///     began_at: None,
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
        return if evidence.incarnation == mark.incarnation {
            on_the_same_run(evidence.status)
        } else {
            on_a_later_run(mark, evidence)
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

fn on_the_same_run(status: XidStatus) -> Verdict {
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

fn on_a_later_run(mark: &CommitMark, evidence: &Evidence) -> Verdict {
    match (evidence.began_at, evidence.status) {
        (None, status) => after_a_restart(status),
        (Some(began_at), _) if began_at <= mark.lsn => {
            Verdict::RolledBack("the server was restarted, and its log ended before the commit")
        }
        (Some(_), XidStatus::Committed) => {
            Verdict::Committed("the server was restarted, and its log holds the commit")
        }
        (Some(_), status) => after_a_restart(status),
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
mod tests {
    use super::*;
    use crate::failure::{Cause, Phase, Sent};

    const COMMITTED: u8 = 0;
    const ROLLED_BACK: u8 = 1;
    const UNDECIDED: u8 = 2;
    const UNKNOWN: u8 = 3;

    fn kind(verdict: Verdict) -> u8 {
        match verdict {
            Verdict::Committed(_) => COMMITTED,
            Verdict::RolledBack(_) => ROLLED_BACK,
            Verdict::Undecided(_) => UNDECIDED,
            Verdict::Unknown(_) => UNKNOWN,
        }
    }

    /// Per status: committed, aborted, in progress, in future, forgotten.
    fn verdicts(timeline: u32, run: i64, switches: &[(u32, u64)], restarted: Restarted) -> [u8; 5] {
        verdicts_of_run(timeline, run, None, None, switches, restarted)
    }

    fn verdicts_of_run(
        timeline: u32,
        run: i64,
        began_at: Option<u64>,
        promoted_at: Option<u64>,
        switches: &[(u32, u64)],
        restarted: Restarted,
    ) -> [u8; 5] {
        let mark = CommitMark {
            xid: Xid(757),
            lsn: Lsn(100),
            timeline: Timeline(3),
            incarnation: ServerIncarnation(1),
        };
        let history: Vec<_> = switches
            .iter()
            .map(|(timeline, lsn)| TimelineSwitch {
                timeline: Timeline(*timeline),
                switched_at: Lsn(*lsn),
                new_leader: None,
            })
            .collect();
        [
            XidStatus::Committed,
            XidStatus::Aborted,
            XidStatus::InProgress,
            XidStatus::InFuture,
            XidStatus::Forgotten,
        ]
        .map(|status| {
            let (timeline, incarnation) = (Timeline(timeline), ServerIncarnation(run));
            let history = history.clone();
            let (began_at, promoted_at) = (began_at.map(Lsn), promoted_at.map(Lsn));
            let evidence = Evidence {
                timeline,
                incarnation,
                began_at,
                promoted_at,
                history,
                restarted,
                status,
            };
            kind(resolve(&mark, Question::Committed, &evidence))
        })
    }

    #[test]
    fn a_wait_cut_by_a_shutdown_asks_for_a_promotion() {
        let mut facts = Facts::new(Phase::Commit, Sent::Yes, Cause::ConnectionLost);
        assert_eq!(Question::of(&facts), Some(Question::Committed));
        facts.notice = Some(SyncRepNotice::WaitTerminated);
        assert_eq!(Question::of(&facts), Some(Question::Promoted));
        facts.notice = Some(SyncRepNotice::WaitCancelled);
        assert_eq!(Question::of(&facts), None, "its server lives, and has told all there is");
    }

    #[test]
    fn the_same_run_is_believed() {
        let expected = [COMMITTED, ROLLED_BACK, UNDECIDED, UNKNOWN, UNKNOWN];
        assert_eq!(verdicts(3, 1, &[], Restarted::Unseen), expected);
    }

    #[test]
    fn a_restarted_server_proves_rollbacks_only() {
        let expected = [UNKNOWN, ROLLED_BACK, ROLLED_BACK, ROLLED_BACK, UNKNOWN];
        assert_eq!(verdicts(3, 2, &[], Restarted::Unseen), expected);
        assert_eq!(verdicts(4, 9, &[(3, 200)], Restarted::Seen), expected);
    }

    #[test]
    fn a_restart_whose_beginning_is_known_decides() {
        let lost = verdicts_of_run(3, 2, Some(100), None, &[], Restarted::Unseen);
        assert_eq!(lost, [ROLLED_BACK; 5]);
        let held = verdicts_of_run(3, 2, Some(101), None, &[], Restarted::Unseen);
        assert_eq!(held, [COMMITTED, ROLLED_BACK, ROLLED_BACK, ROLLED_BACK, UNKNOWN]);
    }

    #[test]
    fn a_promotion_to_the_next_timeline_needs_no_history() {
        let promoted =
            |timeline, at| verdicts_of_run(timeline, 2, None, Some(at), &[], Restarted::Unseen);
        assert_eq!(promoted(4, 100), [ROLLED_BACK; 5]);
        assert_eq!(promoted(4, 101), [COMMITTED, ROLLED_BACK, UNDECIDED, ROLLED_BACK, UNKNOWN]);
        assert_eq!(promoted(5, 100), [ROLLED_BACK; 5], "it left the line early enough");
        assert_eq!(promoted(5, 101), [UNDECIDED; 5], "another promotion came before");
    }

    #[test]
    fn nothing_is_decided_before_the_history_is_there() {
        assert_eq!(verdicts(4, 2, &[], Restarted::Unseen), [UNDECIDED; 5]);
        assert_eq!(verdicts(5, 2, &[(2, 50), (4, 300)], Restarted::Unseen), [UNDECIDED; 5]);
        assert_eq!(verdicts(2, 2, &[(1, 50)], Restarted::Unseen), [UNDECIDED; 5]);
    }

    #[test]
    fn a_switch_at_or_before_the_mark_rolls_back_whatever_the_status_says() {
        for at in [1, 99, 100] {
            assert_eq!(verdicts(4, 2, &[(3, at)], Restarted::Unseen), [ROLLED_BACK; 5], "{at}");
            assert_eq!(verdicts(4, 2, &[(3, at)], Restarted::Seen), [ROLLED_BACK; 5], "{at}");
        }
        // A later promotion may leave the line even earlier than the first one did.
        let twice = &[(3, 200), (4, 90)];
        assert_eq!(verdicts(5, 2, twice, Restarted::Unseen), [ROLLED_BACK; 5]);
    }

    #[test]
    fn behind_the_mark_the_status_is_true() {
        let expected = [COMMITTED, ROLLED_BACK, UNDECIDED, ROLLED_BACK, UNKNOWN];
        assert_eq!(verdicts(4, 2, &[(3, 101)], Restarted::Unseen), expected);
        let earlier = &[(1, 10), (2, 20), (3, 101), (4, 150)];
        assert_eq!(verdicts(5, 2, earlier, Restarted::Unseen), expected, "older switches are over");
    }
}

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

const MARK: CommitMark = CommitMark {
    xid: Xid(757),
    lsn: Lsn(100),
    timeline: Timeline(3),
    incarnation: ServerIncarnation(1),
    replayed_to: Some(Lsn(10)),
};

/// The mark's own server, in the same life.
fn same() -> Evidence {
    Evidence {
        timeline: MARK.timeline,
        incarnation: MARK.incarnation,
        server: Server::Same,
        replayed_to: MARK.replayed_to,
        promoted_at: None,
        history: Vec::new(),
        restarted: Restarted::Unseen,
        status: XidStatus::Committed,
    }
}

/// Another server, promoted to a later timeline.
fn promoted(timeline: u32, switches: &[(u32, u64)]) -> Evidence {
    let history = switches.iter().map(|(timeline, lsn)| TimelineSwitch {
        timeline: Timeline(*timeline),
        switched_at: Lsn(*lsn),
        new_leader: None,
    });
    Evidence {
        timeline: Timeline(timeline),
        incarnation: ServerIncarnation(2),
        server: Server::Another,
        history: history.collect(),
        ..same()
    }
}

/// Per status: committed, aborted, in progress, in future, forgotten.
fn verdicts(evidence: &Evidence) -> [u8; 5] {
    [
        XidStatus::Committed,
        XidStatus::Aborted,
        XidStatus::InProgress,
        XidStatus::InFuture,
        XidStatus::Forgotten,
    ]
    .map(|status| {
        let evidence = Evidence { status, ..evidence.clone() };
        kind(resolve(&MARK, Question::Committed, &evidence))
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
fn the_same_life_is_believed() {
    let expected = [COMMITTED, ROLLED_BACK, UNDECIDED, UNKNOWN, UNKNOWN];
    assert_eq!(verdicts(&same()), expected);
    assert_eq!(verdicts(&Evidence { server: Server::Another, ..same() }), expected, "an alias");
}

#[test]
fn a_server_that_recovered_from_a_crash_is_believed_behind_the_mark() {
    for run in [1, 2] {
        let recovered = |end| Evidence {
            incarnation: ServerIncarnation(run),
            replayed_to: Some(Lsn(end)),
            ..same()
        };
        assert_eq!(verdicts(&recovered(100)), [ROLLED_BACK; 5], "run {run}");
        let held = [COMMITTED, ROLLED_BACK, ROLLED_BACK, ROLLED_BACK, UNKNOWN];
        assert_eq!(verdicts(&recovered(101)), held, "run {run}");
    }
}

#[test]
fn a_server_that_was_shut_down_has_lost_nothing() {
    let again = Evidence { incarnation: ServerIncarnation(2), replayed_to: None, ..same() };
    assert_eq!(verdicts(&again), [COMMITTED, ROLLED_BACK, ROLLED_BACK, ROLLED_BACK, UNKNOWN]);
}

#[test]
fn another_server_with_the_number_of_the_timeline_proves_rollbacks_only() {
    let twin = |end| Evidence { replayed_to: Some(Lsn(end)), ..promoted(3, &[]) };
    assert_eq!(verdicts(&twin(100)), [ROLLED_BACK; 5]);
    assert_eq!(verdicts(&twin(101)), [UNKNOWN, ROLLED_BACK, ROLLED_BACK, ROLLED_BACK, UNKNOWN]);
    for began in [11, 100, 101] {
        assert_eq!(verdicts(&promoted(4, &[(2, began), (3, 200)])), [UNKNOWN; 5], "{began}");
    }
}

#[test]
fn a_restart_that_was_seen_before_the_promotion_proves_rollbacks_only() {
    let expected = [UNKNOWN, ROLLED_BACK, ROLLED_BACK, ROLLED_BACK, UNKNOWN];
    let seen = |at| Evidence { restarted: Restarted::Seen, ..promoted(4, &[(3, at)]) };
    assert_eq!(verdicts(&seen(200)), expected);
    assert_eq!(verdicts(&seen(100)), [ROLLED_BACK; 5]);
}

#[test]
fn a_promotion_to_the_next_timeline_needs_no_history() {
    let seen = |timeline, at| Evidence { promoted_at: Some(Lsn(at)), ..promoted(timeline, &[]) };
    assert_eq!(verdicts(&seen(4, 100)), [ROLLED_BACK; 5]);
    let held = [COMMITTED, ROLLED_BACK, UNDECIDED, ROLLED_BACK, UNKNOWN];
    assert_eq!(verdicts(&seen(4, 101)), held);
    assert_eq!(verdicts(&seen(5, 100)), [ROLLED_BACK; 5], "it left the line early enough");
    assert_eq!(verdicts(&seen(5, 101)), [UNDECIDED; 5], "another promotion came before");
}

#[test]
fn nothing_is_decided_before_the_history_is_there() {
    assert_eq!(verdicts(&promoted(4, &[])), [UNDECIDED; 5]);
    assert_eq!(verdicts(&promoted(5, &[(2, 10), (4, 300)])), [UNDECIDED; 5]);
    assert_eq!(verdicts(&promoted(2, &[(1, 50)])), [UNDECIDED; 5]);
}

#[test]
fn a_switch_at_or_before_the_mark_rolls_back_whatever_the_status_says() {
    for at in [1, 99, 100] {
        assert_eq!(verdicts(&promoted(4, &[(3, at)])), [ROLLED_BACK; 5], "{at}");
    }
    // A later promotion may leave the line even earlier than the first one did.
    assert_eq!(verdicts(&promoted(5, &[(3, 200), (4, 90)])), [ROLLED_BACK; 5]);
}

#[test]
fn behind_the_mark_the_status_is_true() {
    let expected = [COMMITTED, ROLLED_BACK, UNDECIDED, ROLLED_BACK, UNKNOWN];
    assert_eq!(verdicts(&promoted(4, &[(3, 101)])), expected);
    let earlier = &[(1, 5), (2, 10), (3, 101), (4, 150)];
    assert_eq!(verdicts(&promoted(5, earlier)), expected, "older switches are over");
}

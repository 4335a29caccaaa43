//! What a failure inside a transaction, and an answer within its replay, lead to.

use super::{Divergence, Record, Seen};
use crate::failure::{Classified, FailureKind, Persistence, Safety};
use crate::{Fate, SqlState};

/// Whether a transaction that failed in this way can be taken up on another connection: it is lost
/// with its connection or its server, and nothing of it is committed. A serialization failure or a
/// deadlock is no loss: whoever wrote the transaction knows what to do then. One that may be committed is
/// taken up only if it is safe to run twice.
pub fn is_cured_by_replay(found: &Classified, safety: Safety) -> bool {
    let lost = match found.kind {
        FailureKind::ConnectionLost
        | FailureKind::ServerSilent
        | FailureKind::ServerGone
        | FailureKind::ServerShutdown
        | FailureKind::ServerCrash
        | FailureKind::ServerNotReady
        | FailureKind::ReadOnlyServer => true,
        // Everything else is an answer to the statement, or no matter of the connection.
        _ => false,
    };
    lost && match found.fate {
        Fate::NotSent | Fate::RolledBack => true,
        Fate::Unknown => safety.allows_rerun_of_unknown(),
        Fate::Committed => false,
    }
}

/// What came of a statement that was run again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// The same as before.
    AsBefore,
    /// Something else.
    Diverged(Divergence),
    /// The replay itself failed, and may be tried from its beginning.
    Failed,
}

/// Judges what came of statement `index` of the record when it was run again: what was seen, or how
/// it failed, with the server's code if that is what it answered.
///
/// An error that was there before is the same answer. Another one is a divergence, unless it passes
/// by itself, as a serialization failure does: then the replay begins anew.
pub fn answered_again(
    record: &Record,
    index: usize,
    now: Result<Seen, (&Classified, Option<SqlState>)>,
) -> Answered {
    let seen = match now {
        Ok(seen) => seen,
        Err((found, code)) => match code {
            Some(code) if !is_transient(found) => Seen::Failed(code),
            Some(_) | None => return Answered::Failed,
        },
    };
    match record.compare(index, seen) {
        Ok(()) => Answered::AsBefore,
        Err(divergence) => Answered::Diverged(divergence),
    }
}

fn is_transient(found: &Classified) -> bool {
    found.kind.persistence() == Persistence::Transient
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::continuity::{Entry, Input, RecordLimits};
    use crate::failure::{
        Cause, Facts, InTransaction, Phase, Sent, ServerError, Severity, classify,
    };

    fn failure(code: SqlState, severity: Severity) -> Classified {
        let error = ServerError { sqlstate: code, severity, routine: Some("x".into()) };
        classify(&Facts::new(Phase::Statement(InTransaction::Yes), Sent::Yes, Cause::Server(error)))
    }

    #[test]
    fn only_a_loss_is_cured() {
        let lost = |sent| {
            classify(&Facts::new(Phase::Statement(InTransaction::Yes), sent, Cause::ConnectionLost))
        };
        let cured = |found: &Classified| is_cured_by_replay(found, Safety::Unmarked);
        assert!(cured(&lost(Sent::Yes)) && cured(&lost(Sent::No)));
        assert!(cured(&failure(SqlState::ADMIN_SHUTDOWN, Severity::Fatal)));
        assert!(cured(&failure(SqlState::READ_ONLY_SQL_TRANSACTION, Severity::Error)));
        let others =
            [SqlState::SERIALIZATION_FAILURE, SqlState::UNIQUE_VIOLATION, SqlState::QUERY_CANCELED];
        for code in others {
            assert!(!cured(&failure(code, Severity::Error)), "{code}");
        }
        let commit = Facts::new(Phase::Commit, Sent::Yes, Cause::ConnectionLost);
        let commit = classify(&commit);
        assert!(!cured(&commit), "nobody knows what became of it");
        assert!(is_cured_by_replay(&commit, Safety::Idempotent), "it may run twice");
    }

    #[test]
    fn an_answer_is_judged_by_what_was_seen_before() {
        let limits = RecordLimits { statements: 9, bytes: 999 };
        let mut record = Record::new();
        for seen in [Seen::Count(1), Seen::Failed(SqlState::UNIQUE_VIOLATION)] {
            record.step("insert into t values (1)");
            let (sql, input) = ("insert into t values (1)".into(), Input::Done);
            record.answered(Entry { sql, input, seen }, &limits);
        }
        let unique = failure(SqlState::UNIQUE_VIOLATION, Severity::Error);
        let serial = failure(SqlState::SERIALIZATION_FAILURE, Severity::Error);
        let code = Some(SqlState::UNIQUE_VIOLATION);
        assert_eq!(answered_again(&record, 0, Ok(Seen::Count(1))), Answered::AsBefore);
        assert_eq!(answered_again(&record, 1, Err((&unique, code))), Answered::AsBefore);
        assert!(matches!(
            answered_again(&record, 0, Err((&unique, code))),
            Answered::Diverged(found) if found.statement == 1
        ));
        assert!(matches!(
            answered_again(&record, 1, Ok(Seen::Count(1))),
            Answered::Diverged(found) if found.statement == 2
        ));
        let code = Some(SqlState::SERIALIZATION_FAILURE);
        assert_eq!(answered_again(&record, 0, Err((&serial, code))), Answered::Failed);
    }
}

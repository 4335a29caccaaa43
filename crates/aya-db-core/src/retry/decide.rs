//! The decision after a failed attempt.

use std::fmt;
use std::time::Duration;

use super::{BudgetState, Policy};
use crate::Fate;
use crate::failure::{
    Cause, Classified, Facts, FailureKind, InTransaction, Persistence, Phase, Safety, Sent,
    Severity,
};

/// What to do after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decision {
    /// Run the unit again.
    Again {
        /// After what.
        after: Wait,
        /// On which connection.
        on: Target,
        /// What is run again.
        unit: Unit,
    },
    /// Prepare the statement anew on the same connection and run it at once.
    Reprepare,
    /// Raise the error.
    Stop {
        /// Why.
        reason: StopReason,
    },
}

/// What to wait for before the next attempt. Every wait ends at the deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wait {
    /// Nothing.
    Now,
    /// The next pause of the backoff.
    Backoff,
    /// Until the monitor, having been told of the suspicion, confirms a node that serves the
    /// intent. The same node counts if it was asked since.
    NewLeader,
}

/// On which connection the next attempt runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// The same one: it is alive and clean.
    Same,
    /// Another one, to whichever node is selected; this one is discarded.
    Fresh,
    /// Another one, to another node where the intent allows one.
    Elsewhere,
}

/// What is run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// The statement alone.
    Statement,
    /// The whole transaction, from BEGIN; never a part of it, and never COMMIT alone.
    Transaction,
}

/// Why the work is not run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StopReason {
    /// It is committed.
    Committed,
    /// It may be committed, and nobody promised that running it twice does no harm.
    OutcomeUnknown,
    /// It would fail again.
    Permanent,
    /// The connection, and the transaction on it, still stand; the application goes on.
    TransactionStands,
    /// The deadline passed.
    DeadlineSpent,
    /// The number of attempts is used up.
    AttemptsSpent,
    /// The retry budget is used up.
    BudgetSpent,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Committed => "the work is committed",
            Self::OutcomeUnknown => "the work may be committed and is not marked safe to repeat",
            Self::Permanent => "the work would fail again",
            Self::TransactionStands => "the transaction still stands",
            Self::DeadlineSpent => "the deadline passed",
            Self::AttemptsSpent => "the number of attempts is used up",
            Self::BudgetSpent => "the retry budget is used up",
        })
    }
}

/// How far a call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Which attempt failed; the first is 1.
    pub attempt: u32,
    /// How long the call runs.
    pub elapsed: Duration,
    /// How long it may still run.
    pub remaining: Duration,
}

/// Decides what to do after a failed attempt.
///
/// - A call whose deadline passed stops.
/// - Work that is committed, and work of unknown fate without a promise, is never run again.
/// - Work that was not sent is run again until the deadline, unless it fails for a permanent
///   reason.
/// - Work that left no trace is run again within `max_attempts`, and within the budget where it
///   loads a server ([`costs_budget`]).
///
/// ```
/// use std::time::Duration;
///
/// use aya_db_core::failure::{Cause, Facts, Phase, Sent, classify};
/// use aya_db_core::retry::{BudgetState, Decision, Policy, Progress, StopReason, decide};
///
/// let facts = Facts::new(Phase::Commit, Sent::Yes, Cause::ConnectionLost);
/// let progress = Progress {
///     attempt: 1,
///     elapsed: Duration::from_secs(1),
///     remaining: Duration::from_secs(59),
/// };
/// let decision =
///     decide(&classify(&facts), &facts, &Policy::default(), &progress, BudgetState::Left);
/// assert_eq!(decision, Decision::Stop { reason: StopReason::OutcomeUnknown });
/// ```
pub fn decide(
    failure: &Classified,
    facts: &Facts,
    policy: &Policy,
    progress: &Progress,
    budget: BudgetState,
) -> Decision {
    match stop_reason(failure, facts, policy, progress, budget) {
        Some(reason) => Decision::Stop { reason },
        None => again(failure, facts, progress),
    }
}

/// Whether running the work again draws on the budget. The budget protects servers from being
/// loaded by repetition, so it counts what a server has run; attempts that were not sent, and
/// those which wait for a leader, are held back by other means.
pub fn costs_budget(failure: &Classified) -> bool {
    match failure.fate {
        Fate::NotSent => false,
        Fate::RolledBack | Fate::Unknown | Fate::Committed => match step(failure.kind) {
            Some((Wait::NewLeader, _)) => false,
            Some((Wait::Now | Wait::Backoff, _)) | None => true,
        },
    }
}

fn stop_reason(
    failure: &Classified,
    facts: &Facts,
    policy: &Policy,
    progress: &Progress,
    budget: BudgetState,
) -> Option<StopReason> {
    match failure.fate {
        Fate::Committed => return Some(StopReason::Committed),
        Fate::Unknown if !facts.safety.allows_rerun_of_unknown() => {
            return Some(StopReason::OutcomeUnknown);
        }
        Fate::Unknown | Fate::NotSent | Fate::RolledBack => {}
    }
    if failure.kind == FailureKind::DeadlineExceeded || progress.remaining.is_zero() {
        return Some(StopReason::DeadlineSpent);
    }
    if failure.kind.persistence() == Persistence::Permanent {
        let stands = failure.fate == Fate::NotSent && unit_of(facts) == Unit::Transaction;
        return Some(if stands { StopReason::TransactionStands } else { StopReason::Permanent });
    }
    match failure.fate {
        Fate::NotSent => None,
        Fate::RolledBack | Fate::Unknown | Fate::Committed => {
            if progress.attempt >= policy.max_attempts.get() {
                Some(StopReason::AttemptsSpent)
            } else if costs_budget(failure) && budget == BudgetState::Spent {
                Some(StopReason::BudgetSpent)
            } else {
                None
            }
        }
    }
}

fn again(failure: &Classified, facts: &Facts, progress: &Progress) -> Decision {
    let unit = unit_of(facts);
    if failure.kind == FailureKind::StalePreparedStatement && unit == Unit::Statement {
        return Decision::Reprepare;
    }
    let Some((after, on)) = step(failure.kind) else {
        return Decision::Stop { reason: StopReason::Permanent };
    };
    // A pooled connection that died while it was idle says nothing of the server: one attempt on
    // a new connection costs less than a round through the monitor.
    let idle_death = facts.sent == Sent::No
        && progress.attempt == 1
        && on_open_connection(facts.phase)
        && matches!(failure.kind, FailureKind::ConnectionLost | FailureKind::ServerShutdown);
    let after = if idle_death { Wait::Now } else { after };
    // A session whose last words do not prove that it is alive and clean is not used again.
    let on = match (on, &facts.cause) {
        (Target::Same, Cause::Server(error)) if error.severity != Severity::Error => Target::Fresh,
        (Target::Fresh, _) if read_may_go_elsewhere(failure.kind, facts.safety) => {
            Target::Elsewhere
        }
        (Target::Same | Target::Fresh | Target::Elsewhere, _) => on,
    };
    Decision::Again { after, on, unit }
}

/// A full server has nothing to offer to a read that another one can serve.
fn read_may_go_elsewhere(kind: FailureKind, safety: Safety) -> bool {
    kind == FailureKind::TooManyConnections && safety == Safety::ReadOnly
}

const fn on_open_connection(phase: Phase) -> bool {
    !matches!(phase, Phase::Waiting | Phase::Connect(_))
}

const fn unit_of(facts: &Facts) -> Unit {
    match facts.phase {
        Phase::Waiting | Phase::Connect(_) => Unit::Statement,
        Phase::Begin | Phase::Commit | Phase::Rollback => Unit::Transaction,
        Phase::Prepare(scope)
        | Phase::Statement(scope)
        | Phase::CopyIn(scope)
        | Phase::CopyDone(scope)
        | Phase::CopyOut(scope) => match scope {
            InTransaction::Yes => Unit::Transaction,
            InTransaction::No | InTransaction::MayCommit => Unit::Statement,
        },
    }
}

/// After what, and where, work that failed in this way is run again; `None` if it is not.
const fn step(kind: FailureKind) -> Option<(Wait, Target)> {
    match kind {
        FailureKind::NameResolution
        | FailureKind::Refused
        | FailureKind::ConnectTimeout
        | FailureKind::ServerNotReady
        | FailureKind::RoleMismatch
        | FailureKind::StalePrimary
        | FailureKind::NoLeader
        | FailureKind::NotFresh
        | FailureKind::ConnectionLost
        | FailureKind::ServerSilent
        | FailureKind::ServerGone
        | FailureKind::ServerShutdown
        | FailureKind::ServerCrash
        | FailureKind::ReadOnlyServer => Some((Wait::NewLeader, Target::Fresh)),
        FailureKind::TooManyConnections
        | FailureKind::PoolExhausted
        | FailureKind::BreakerOpen
        | FailureKind::OutcomeInDoubt => Some((Wait::Backoff, Target::Fresh)),
        FailureKind::SessionExpired | FailureKind::TransactionLost => {
            Some((Wait::Now, Target::Fresh))
        }
        FailureKind::ReplayDiverged | FailureKind::SerializationFailure | FailureKind::Deadlock => {
            Some((Wait::Backoff, Target::Same))
        }
        FailureKind::StalePreparedStatement => Some((Wait::Now, Target::Same)),
        FailureKind::TlsUnavailable
        | FailureKind::TlsCertificate
        | FailureKind::AuthenticationFailed
        | FailureKind::UnknownDatabase
        | FailureKind::ConnectForbidden
        | FailureKind::NotPostgres
        | FailureKind::DeadlineExceeded
        | FailureKind::Cancelled
        | FailureKind::Closed
        | FailureKind::NoStandby
        | FailureKind::CausalTokenLost
        | FailureKind::TransactionExpired
        | FailureKind::ProtocolViolation
        | FailureKind::NotReplicated
        | FailureKind::SessionStateLost
        | FailureKind::CommitRolledBack
        | FailureKind::QueryCancelled
        | FailureKind::LockNotAvailable
        | FailureKind::ConstraintViolation
        | FailureKind::StatementRejected
        | FailureKind::DataException
        | FailureKind::OutOfResources
        | FailureKind::TransactionAborted
        | FailureKind::WriteInReadOnly
        | FailureKind::ServerInternal
        | FailureKind::ServerError
        | FailureKind::ParameterConversion
        | FailureKind::RowConversion
        | FailureKind::RowCount
        | FailureKind::Usage
        | FailureKind::Configuration
        | FailureKind::UnknownHint => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::catalogue;

    #[test]
    fn every_transient_kind_has_a_step_and_no_permanent_one_has() {
        for entry in catalogue() {
            let transient = entry.kind.persistence() == Persistence::Transient;
            assert_eq!(step(entry.kind).is_some(), transient, "{:?}", entry.kind);
        }
    }
}

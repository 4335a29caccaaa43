//! From facts to fate, kind and suspicion.

use super::{
    Cause, ClientFault, CommitDoubt, CommitTag, ConnectStage, Facts, FailureKind, InTransaction,
    Persistence, Phase, Safety, Sent, ServerError, Severity, SyncRepNotice, TlsFault,
};
use crate::observation::Suspicion;
use crate::{Fate, SqlState};

/// What a failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Classified {
    /// What became of the work: of the transaction, where there is one.
    pub fate: Fate,
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// What it makes one suspect of the server; the shell reports it to the monitor at once.
    pub suspicion: Option<Suspicion>,
    /// Why the fate is what it is, for people.
    pub reason: &'static str,
}

impl Classified {
    /// Whether running the whole work again may succeed and cannot do it twice.
    pub fn is_retryable(&self, safety: Safety) -> bool {
        let safe = match self.fate {
            Fate::NotSent | Fate::RolledBack => true,
            Fate::Unknown => safety.allows_rerun_of_unknown(),
            Fate::Committed => false,
        };
        safe && self.kind.persistence() == Persistence::Transient
    }
}

/// Concludes from the facts of a failed attempt.
///
/// ```
/// use aya_db_core::Fate;
/// use aya_db_core::failure::{Cause, Facts, FailureKind, Phase, Sent, classify};
///
/// let facts = Facts::new(Phase::Commit, Sent::Yes, Cause::ConnectionLost);
/// let found = classify(&facts);
/// assert_eq!((found.fate, found.kind), (Fate::Unknown, FailureKind::ConnectionLost));
/// ```
pub fn classify(facts: &Facts) -> Classified {
    let (fate, reason) = fate_of(facts);
    let kind = match fate {
        Fate::Committed if facts.notice.is_some() => FailureKind::NotReplicated,
        Fate::NotSent | Fate::RolledBack | Fate::Unknown | Fate::Committed => kind_of(facts),
    };
    Classified { fate, kind, suspicion: suspicion_of(facts, kind), reason }
}

/// What the end of the attempt proves about the statement that was running.
enum Proof {
    /// The server said that the statement failed.
    Refused,
    /// The server said that the session ends, before the statement was complete.
    Aborted,
    /// The server said that it succeeded.
    Done,
    /// Nothing: the answer is missing.
    None,
}

fn fate_of(facts: &Facts) -> (Fate, &'static str) {
    match facts.doubt {
        CommitDoubt::RolledBack => {
            return (Fate::RolledBack, "the leader's history proves that it was not committed");
        }
        CommitDoubt::Open => {}
    }
    if facts.cause == Cause::Client(ClientFault::Parameters) {
        return (Fate::NotSent, "a statement is sent once its parameters are encoded");
    }
    if let Some(found) = fate_by_tag_or_notice(facts) {
        return found;
    }
    match (facts.phase, facts.sent) {
        (Phase::Waiting | Phase::Connect(_), _) => {
            (Fate::NotSent, "the statement was never handed to a connection")
        }
        (Phase::Begin | Phase::Rollback | Phase::Commit, Sent::No) if stays_open(&facts.cause) => {
            (Fate::NotSent, "the connection stands and nothing was sent")
        }
        (
            Phase::Begin
            | Phase::Prepare(InTransaction::No | InTransaction::MayCommit)
            | Phase::Statement(InTransaction::No | InTransaction::MayCommit)
            | Phase::CopyIn(InTransaction::No | InTransaction::MayCommit)
            | Phase::CopyOut(InTransaction::No | InTransaction::MayCommit),
            Sent::No,
        ) => (Fate::NotSent, "no byte of the statement left this process"),
        (Phase::Prepare(InTransaction::Yes) | Phase::Statement(InTransaction::Yes), Sent::No)
            if stays_open(&facts.cause) =>
        {
            (Fate::NotSent, "no byte of the statement left this process")
        }
        (Phase::Commit, Sent::No) => (Fate::RolledBack, "the session ended before COMMIT was sent"),
        (Phase::Begin | Phase::Prepare(_), Sent::Yes) => {
            (Fate::RolledBack, "nothing that outlives the session had run")
        }
        (Phase::Rollback, Sent::No | Sent::Yes) => {
            (Fate::RolledBack, "a session that ends without COMMIT rolls back")
        }
        (
            Phase::Prepare(InTransaction::Yes)
            | Phase::Statement(InTransaction::Yes)
            | Phase::CopyIn(InTransaction::Yes)
            | Phase::CopyDone(InTransaction::Yes)
            | Phase::CopyOut(InTransaction::Yes),
            Sent::No | Sent::Yes,
        ) => fate_inside_transaction(&facts.cause),
        (Phase::CopyIn(InTransaction::No | InTransaction::MayCommit), Sent::Yes)
        | (Phase::CopyDone(InTransaction::No | InTransaction::MayCommit), Sent::No) => {
            (Fate::RolledBack, "the server was never told that the copied data is complete")
        }
        (Phase::Statement(scope) | Phase::CopyDone(scope) | Phase::CopyOut(scope), Sent::Yes) => {
            fate_by_proof(scope, &facts.cause)
        }
        (Phase::Commit, Sent::Yes) => fate_by_proof(InTransaction::No, &facts.cause),
    }
}

/// The commit tag and the notice of a cut replication wait speak louder than whatever ended the
/// attempt after them.
fn fate_by_tag_or_notice(facts: &Facts) -> Option<(Fate, &'static str)> {
    let commits = match (facts.phase, facts.sent) {
        (_, Sent::No) => None,
        (Phase::Commit, Sent::Yes) => Some(InTransaction::No),
        (Phase::Statement(scope) | Phase::CopyDone(scope) | Phase::CopyOut(scope), Sent::Yes) => {
            Some(scope)
        }
        (
            Phase::Waiting
            | Phase::Connect(_)
            | Phase::Prepare(_)
            | Phase::Begin
            | Phase::CopyIn(_)
            | Phase::Rollback,
            Sent::Yes,
        ) => None,
    };
    match (commits?, facts.phase, facts.commit_tag, facts.notice) {
        (_, Phase::Commit, Some(CommitTag::Rollback), _) => {
            Some((Fate::RolledBack, "the server answered COMMIT with ROLLBACK"))
        }
        (InTransaction::No, _, _, Some(_)) => {
            Some((Fate::Committed, "the server said that it had committed locally"))
        }
        (InTransaction::MayCommit, _, _, Some(_)) if facts.cause == Cause::Answered => {
            Some((Fate::Committed, "the server said that it had committed locally"))
        }
        (_, Phase::Commit, Some(CommitTag::Commit), _) => {
            Some((Fate::Committed, "the server answered COMMIT"))
        }
        (InTransaction::No | InTransaction::Yes | InTransaction::MayCommit, _, _, _) => None,
    }
}

fn fate_inside_transaction(cause: &Cause) -> (Fate, &'static str) {
    match proof_of(cause) {
        Proof::Refused => (Fate::RolledBack, "an error inside a transaction aborts it"),
        Proof::Aborted | Proof::None => {
            (Fate::RolledBack, "the transaction ended before COMMIT was sent")
        }
        Proof::Done => (Fate::RolledBack, "the transaction is not committed unless COMMIT is sent"),
    }
}

fn fate_by_proof(scope: InTransaction, cause: &Cause) -> (Fate, &'static str) {
    match (proof_of(cause), scope) {
        (Proof::Refused, InTransaction::No | InTransaction::Yes) => {
            (Fate::RolledBack, "the server answered that it failed, and undid it")
        }
        (Proof::Aborted, InTransaction::No | InTransaction::Yes) => {
            (Fate::RolledBack, "the server ended the session before it was complete")
        }
        (Proof::Refused | Proof::Aborted, InTransaction::MayCommit) => {
            (Fate::Unknown, "parts of it may have been committed before the error")
        }
        (Proof::Done, InTransaction::No | InTransaction::Yes | InTransaction::MayCommit) => {
            (Fate::Committed, "the server answered that it is done")
        }
        (Proof::None, InTransaction::No | InTransaction::Yes | InTransaction::MayCommit) => {
            (Fate::Unknown, "it was sent, and the answer is missing")
        }
    }
}

/// Whether the connection is as usable after the cause as before it.
const fn stays_open(cause: &Cause) -> bool {
    matches!(cause, Cause::Client(_))
}

fn proof_of(cause: &Cause) -> Proof {
    match cause {
        Cause::Server(error) => proof_of_server(error),
        Cause::Answered | Cause::Client(ClientFault::Decode | ClientFault::RowCount) => Proof::Done,
        Cause::ConnectionLost
        | Cause::Silent
        | Cause::Gone
        | Cause::Deadline
        | Cause::Cancelled
        | Cause::Tls(_)
        | Cause::NameResolution
        | Cause::Refused
        | Cause::Protocol
        | Cause::Authentication
        | Cause::Client(
            ClientFault::Parameters
            | ClientFault::Usage
            | ClientFault::Configuration
            | ClientFault::Hint,
        )
        | Cause::NoLeader
        | Cause::PoolExhausted
        | Cause::BreakerOpen
        | Cause::NoStandby
        | Cause::NotFresh
        | Cause::TokenLost
        | Cause::NotReplayed
        | Cause::Diverged
        | Cause::SessionState
        | Cause::RoleMismatch
        | Cause::StalePrimary
        | Cause::Closed => Proof::None,
    }
}

/// What an ErrorResponse proves.
///
/// - `ERROR`: `AbortCurrentTransaction` follows it, so nothing of the transaction stays. Two codes
///   say by their meaning that the answerer does not know: 08007 and 40003.
/// - `FATAL`: `ProcessInterrupts` (`src/backend/tcop/postgres.c`) raises 57P01 and its kin only
///   where interrupts are allowed; they are held off from the start of the commit record to the
///   end of the commit (`CommitTransaction` in `src/backend/access/transam/xact.c`), and
///   `SyncRepWaitForLSN` turns a termination into a warning and closes without an error. So the
///   words reach the client only if nothing was committed. That holds for a server that names its
///   routine; a pooler that speaks in its own name knows nothing of the commit, and neither does
///   whoever sends class 08.
/// - 57P02 comes from a signal handler (`quickdie`), which may interrupt a commit at any point.
/// - `PANIC` is how an error within the commit record itself is reported.
fn proof_of_server(error: &ServerError) -> Proof {
    match error.sqlstate {
        SqlState::TRANSACTION_RESOLUTION_UNKNOWN | SqlState::STATEMENT_COMPLETION_UNKNOWN => {
            return Proof::None;
        }
        _ => {}
    }
    match error.severity {
        Severity::Error => Proof::Refused,
        Severity::Fatal
            if error.routine.is_some()
                && error.sqlstate.class() != "08"
                && error.sqlstate != SqlState::CRASH_SHUTDOWN =>
        {
            Proof::Aborted
        }
        Severity::Fatal | Severity::Panic => Proof::None,
    }
}

fn kind_of(facts: &Facts) -> FailureKind {
    let connecting = matches!(facts.phase, Phase::Connect(_));
    match &facts.cause {
        Cause::Server(error) => kind_of_server(facts, error),
        Cause::Answered => match facts.commit_tag {
            Some(CommitTag::Rollback) => FailureKind::CommitRolledBack,
            Some(CommitTag::Commit) | None => FailureKind::Usage,
        },
        Cause::ConnectionLost => FailureKind::ConnectionLost,
        Cause::Silent => FailureKind::ServerSilent,
        Cause::Gone => FailureKind::ServerGone,
        Cause::Deadline if connecting => FailureKind::ConnectTimeout,
        Cause::Deadline => FailureKind::DeadlineExceeded,
        Cause::Cancelled => FailureKind::Cancelled,
        Cause::Tls(TlsFault::NotOffered | TlsFault::Handshake) => FailureKind::TlsUnavailable,
        Cause::Tls(TlsFault::Certificate) => FailureKind::TlsCertificate,
        Cause::NameResolution => FailureKind::NameResolution,
        Cause::Refused => FailureKind::Refused,
        Cause::Protocol if connecting => FailureKind::NotPostgres,
        Cause::Protocol => FailureKind::ProtocolViolation,
        Cause::Authentication => FailureKind::AuthenticationFailed,
        Cause::Client(ClientFault::Parameters) => FailureKind::ParameterConversion,
        Cause::Client(ClientFault::Decode) => FailureKind::RowConversion,
        Cause::Client(ClientFault::RowCount) => FailureKind::RowCount,
        Cause::Client(ClientFault::Usage) => FailureKind::Usage,
        Cause::Client(ClientFault::Configuration) => FailureKind::Configuration,
        Cause::Client(ClientFault::Hint) => FailureKind::UnknownHint,
        Cause::NoLeader => FailureKind::NoLeader,
        Cause::NoStandby => FailureKind::NoStandby,
        Cause::NotFresh => FailureKind::NotFresh,
        Cause::TokenLost => FailureKind::CausalTokenLost,
        Cause::PoolExhausted => FailureKind::PoolExhausted,
        Cause::BreakerOpen => FailureKind::BreakerOpen,
        Cause::NotReplayed => FailureKind::TransactionLost,
        Cause::Diverged => FailureKind::ReplayDiverged,
        Cause::SessionState => FailureKind::SessionStateLost,
        Cause::RoleMismatch => FailureKind::RoleMismatch,
        Cause::StalePrimary => FailureKind::StalePrimary,
        Cause::Closed => FailureKind::Closed,
    }
}

fn kind_of_server(facts: &Facts, error: &ServerError) -> FailureKind {
    if facts.phase == Phase::Commit && facts.commit_tag == Some(CommitTag::Rollback) {
        return FailureKind::CommitRolledBack;
    }
    match facts.phase {
        Phase::Connect(ConnectStage::Tls | ConnectStage::Auth | ConnectStage::RoleCheck) => {
            match error.sqlstate {
                SqlState::INSUFFICIENT_PRIVILEGE => return FailureKind::ConnectForbidden,
                SqlState::FEATURE_NOT_SUPPORTED => return FailureKind::NotPostgres,
                _ => {}
            }
        }
        Phase::Connect(ConnectStage::Resolve | ConnectStage::Tcp)
        | Phase::Waiting
        | Phase::Prepare(_)
        | Phase::Begin
        | Phase::Statement(_)
        | Phase::CopyIn(_)
        | Phase::CopyDone(_)
        | Phase::CopyOut(_)
        | Phase::Commit
        | Phase::Rollback => {}
    }
    match error.sqlstate {
        SqlState::READ_ONLY_SQL_TRANSACTION => match facts.safety {
            Safety::ReadOnly => FailureKind::WriteInReadOnly,
            Safety::Unmarked | Safety::Idempotent => FailureKind::ReadOnlyServer,
        },
        SqlState::FEATURE_NOT_SUPPORTED
            if error.routine.as_deref() == Some("RevalidateCachedQuery") =>
        {
            FailureKind::StalePreparedStatement
        }
        other => kind_of_sqlstate(other, error.severity),
    }
}

/// The kind by the code alone; the classes come last, for the codes that are not named.
fn kind_of_sqlstate(sqlstate: SqlState, severity: Severity) -> FailureKind {
    match sqlstate {
        SqlState::SERIALIZATION_FAILURE => FailureKind::SerializationFailure,
        SqlState::DEADLOCK_DETECTED => FailureKind::Deadlock,
        SqlState::TRANSACTION_RESOLUTION_UNKNOWN | SqlState::STATEMENT_COMPLETION_UNKNOWN => {
            FailureKind::OutcomeInDoubt
        }
        SqlState::INVALID_SQL_STATEMENT_NAME => FailureKind::StalePreparedStatement,
        SqlState::ADMIN_SHUTDOWN => FailureKind::ServerShutdown,
        SqlState::CRASH_SHUTDOWN => FailureKind::ServerCrash,
        SqlState::CANNOT_CONNECT_NOW => FailureKind::ServerNotReady,
        SqlState::DATABASE_DROPPED | SqlState::INVALID_CATALOG_NAME => FailureKind::UnknownDatabase,
        SqlState::IDLE_SESSION_TIMEOUT => FailureKind::SessionExpired,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT | SqlState::TRANSACTION_TIMEOUT => {
            FailureKind::TransactionExpired
        }
        SqlState::QUERY_CANCELED => FailureKind::QueryCancelled,
        SqlState::LOCK_NOT_AVAILABLE => FailureKind::LockNotAvailable,
        SqlState::TOO_MANY_CONNECTIONS => FailureKind::TooManyConnections,
        SqlState::IN_FAILED_SQL_TRANSACTION => FailureKind::TransactionAborted,
        SqlState::PROTOCOL_VIOLATION => FailureKind::ProtocolViolation,
        other => match (other.class(), severity) {
            ("08", Severity::Fatal | Severity::Panic) => FailureKind::ConnectionLost,
            ("28", _) => FailureKind::AuthenticationFailed,
            ("22", _) => FailureKind::DataException,
            ("23" | "44", _) => FailureKind::ConstraintViolation,
            ("26" | "42" | "0A" | "3F" | "34", _) => FailureKind::StatementRejected,
            ("53" | "54", _) => FailureKind::OutOfResources,
            ("58" | "F0" | "XX", _) | (_, Severity::Panic) => FailureKind::ServerInternal,
            _ => FailureKind::ServerError,
        },
    }
}

/// What the failure makes one suspect of the server.
fn suspicion_of(facts: &Facts, kind: FailureKind) -> Option<Suspicion> {
    match kind {
        FailureKind::ConnectionLost
        | FailureKind::Refused
        | FailureKind::ServerGone
        | FailureKind::ProtocolViolation => Some(Suspicion::ConnectionLost),
        FailureKind::ServerSilent | FailureKind::ConnectTimeout => Some(Suspicion::Silent),
        FailureKind::ServerShutdown | FailureKind::ServerCrash | FailureKind::ServerNotReady => {
            Some(Suspicion::ShuttingDown)
        }
        FailureKind::ReadOnlyServer => Some(Suspicion::ReadOnly),
        FailureKind::RoleMismatch | FailureKind::StalePrimary => Some(Suspicion::RoleChanged),
        FailureKind::NotReplicated => match facts.notice {
            Some(SyncRepNotice::WaitTerminated) => Some(Suspicion::ShuttingDown),
            Some(SyncRepNotice::WaitCancelled) | None => None,
        },
        FailureKind::NameResolution
        | FailureKind::TlsUnavailable
        | FailureKind::TlsCertificate
        | FailureKind::AuthenticationFailed
        | FailureKind::UnknownDatabase
        | FailureKind::ConnectForbidden
        | FailureKind::NotPostgres
        | FailureKind::TooManyConnections
        | FailureKind::NoLeader
        | FailureKind::PoolExhausted
        | FailureKind::BreakerOpen
        | FailureKind::NoStandby
        | FailureKind::NotFresh
        | FailureKind::CausalTokenLost
        | FailureKind::DeadlineExceeded
        | FailureKind::Cancelled
        | FailureKind::Closed
        | FailureKind::SessionExpired
        | FailureKind::TransactionExpired
        | FailureKind::CommitRolledBack
        | FailureKind::OutcomeInDoubt
        | FailureKind::TransactionLost
        | FailureKind::ReplayDiverged
        | FailureKind::SessionStateLost
        | FailureKind::SerializationFailure
        | FailureKind::Deadlock
        | FailureKind::StalePreparedStatement
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

//! What could not be continued.

use std::fmt;

use aya_db_core::failure::{
    Cause, Classified, Facts, FailureKind, InTransaction, Phase, Safety, Sent,
};
use aya_db_core::{Fate, NodeId, SqlState};
use aya_pgwire::UsageError;

use crate::failure::Failure;

/// Why a call did not do what it was asked to. An error that a server answers is no such error: it is among
/// the events.
#[derive(Debug, thiserror::Error)]
pub enum SurvivorError {
    /// No server that serves was found in time. Nothing of the call was sent.
    #[error(transparent)]
    NoServer(#[from] NoServer),
    /// The session, its transaction or its statement could not be continued.
    #[error(transparent)]
    Broken(Box<Broken>),
    /// The caller's `Wait` gave up. The exchange is still under way:
    /// [`resume`](crate::Survivor::resume) goes on with it.
    #[error("interrupted")]
    Interrupted,
    /// The caller's own deadline has passed; as above.
    #[error("timeout expired")]
    TimedOut,
    /// The call does not fit. Nothing was sent.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// `commit_resolution` is `ledger`, and there is none. Nothing was sent.
    #[error(
        "commit_resolution is ledger, and the database has no commit ledger that the user may write \
         to: set it up in the database once, or choose another commit_resolution"
    )]
    NoLedger,
    /// An exchange is under way, or none is that the call could go on with.
    #[error("{0}")]
    OutOfTurn(&'static str),
}

/// What could not be continued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Loss {
    /// The open transaction was lost, and could not be replayed. Nothing of it is kept. Until a ROLLBACK
    /// every call fails in this way.
    Transaction,
    /// COMMIT, or a statement that stands alone, was sent; its answer is lost, and nobody can tell what
    /// became of it.
    CommitUnknown,
    /// The transaction was replayed, and a statement gave something else. It was rolled back; as above.
    ReplayDiverged,
    /// Something of the session lived in the lost server process alone. It is told once, and the call has
    /// not run.
    SessionState,
    /// The connection was lost in a state from which nothing could go on.
    Connection,
}

/// The end of something that could not be continued.
#[derive(Debug, Clone)]
pub struct Broken {
    loss: Loss,
    classified: Classified,
    text: String,
    reason: Option<String>,
    advice: Option<&'static str>,
    node: Option<NodeId>,
}

impl Broken {
    pub(crate) fn new(loss: Loss, failure: &Failure) -> Self {
        Self {
            loss,
            classified: failure.classify(),
            text: failure.text.clone(),
            reason: None,
            advice: None,
            node: failure.left.as_ref().map(|left| left.node.clone()),
        }
    }

    /// The same, because of another cause, which took an open transaction with it.
    pub(crate) fn by(mut self, cause: Cause, scope: InTransaction) -> Self {
        let sent = if scope == InTransaction::Yes { Sent::Yes } else { Sent::No };
        let facts = Facts::new(Phase::Statement(scope), sent, cause);
        self.classified = aya_db_core::failure::classify(&facts);
        self
    }

    pub(crate) fn because(mut self, reason: impl fmt::Display) -> Self {
        self.reason = Some(reason.to_string());
        self
    }

    pub(crate) fn advise(mut self, advice: Option<&'static str>) -> Self {
        self.advice = advice;
        self
    }

    /// What could not be continued.
    pub const fn loss(&self) -> Loss {
        self.loss
    }

    /// What became of the work.
    pub const fn fate(&self) -> Fate {
        self.classified.fate
    }

    /// What kind of failure it is.
    pub const fn kind(&self) -> FailureKind {
        self.classified.kind
    }

    /// The stable code of the kind, `AYA-nnnn`.
    pub fn code(&self) -> &'static str {
        self.classified.kind.code()
    }

    /// Whether running the whole work again may succeed and cannot do it twice. What could be tried in time
    /// has been tried already.
    pub fn is_retryable(&self) -> bool {
        self.classified.is_retryable(Safety::Unmarked)
    }

    /// The SQLSTATE under which programs look for it: 40001 for a replay that diverged, since it is to be met
    /// as a serialization failure is; 08007 where nobody knows what became of the work; else 08006.
    pub fn sqlstate(&self) -> SqlState {
        match (self.loss, self.classified.fate) {
            (Loss::ReplayDiverged, _) => SqlState::SERIALIZATION_FAILURE,
            (_, Fate::Unknown) => SqlState::TRANSACTION_RESOLUTION_UNKNOWN,
            (_, Fate::NotSent | Fate::RolledBack | Fate::Committed) => SqlState::CONNECTION_FAILURE,
        }
    }

    /// What libpq would say of the loss that was at the beginning of it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Why it could not be continued, if that says more than the kind.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// What the application may do so that the like is resolved.
    pub const fn advice(&self) -> Option<&'static str> {
        self.advice
    }

    /// The server on which it was lost.
    pub const fn node(&self) -> Option<&NodeId> {
        self.node.as_ref()
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self.classified.kind, self.code())?;
        write!(f, ", {})", self.classified.fate)?;
        if let Some(reason) = &self.reason {
            write!(f, ": {reason}")?;
        }
        if !self.text.is_empty() {
            write!(f, "\n{}", self.text)?;
        }
        match self.advice {
            Some(advice) => write!(f, "\n{advice}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Broken {}

impl From<Broken> for SurvivorError {
    fn from(broken: Broken) -> Self {
        Self::Broken(Box::new(broken))
    }
}

/// No server that serves was found in time.
#[derive(Debug, Clone)]
pub struct NoServer {
    pub(crate) classified: Classified,
    pub(crate) text: String,
}

impl NoServer {
    /// What kind of failure the last attempt was.
    pub const fn kind(&self) -> FailureKind {
        self.classified.kind
    }

    /// The stable code of the kind, `AYA-nnnn`.
    pub fn code(&self) -> &'static str {
        self.classified.kind.code()
    }

    /// What libpq would say of the last round of attempts (`PQerrorMessage`).
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for NoServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text.trim_end())
    }
}

impl std::error::Error for NoServer {}

/// Why a wait was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pause {
    Interrupted,
    TimedOut,
}

impl From<Pause> for SurvivorError {
    fn from(pause: Pause) -> Self {
        match pause {
            Pause::Interrupted => Self::Interrupted,
            Pause::TimedOut => Self::TimedOut,
        }
    }
}

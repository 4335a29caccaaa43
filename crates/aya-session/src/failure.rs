//! A loss on its way to the decision about it.

use std::time::Instant;

use aya_db_core::NodeId;
use aya_db_core::failure::{
    Cause, Classified, CommitDoubt, Facts, InTransaction, Phase, Safety, Sent, SyncRepNotice,
    classify,
};

use crate::error::{Pause, SurvivorError};

/// How a connection ended.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub(crate) cause: Cause,
    /// In libpq's words.
    pub(crate) text: String,
    /// What the server said of a cut wait for its standby.
    pub(crate) notice: Option<SyncRepNotice>,
    pub(crate) left: Left,
}

/// The facts of a failed attempt and what it leaves behind.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) facts: Facts,
    pub(crate) text: String,
    pub(crate) left: Option<Left>,
}

/// The session that a lost connection has left behind. Where only the network failed, its server has not
/// noticed, and the session holds its locks.
#[derive(Debug, Clone)]
pub(crate) struct Left {
    pub(crate) node: NodeId,
    pub(crate) pid: i32,
    /// When it was last heard: whoever has its process number and began later is another.
    pub(crate) heard_at: Instant,
}

impl Failure {
    pub(crate) fn new(phase: Phase, sent: Sent, ended: Ended) -> Self {
        let mut facts = Facts::new(phase, sent, ended.cause);
        facts.notice = ended.notice;
        Self { facts, text: ended.text, left: Some(ended.left) }
    }

    /// The failure of what was asked ahead of the work: nothing of that was sent, as if BEGIN had failed.
    pub(crate) fn ahead(cause: Cause, text: String) -> Self {
        let facts = Facts::new(Phase::Begin, Sent::Yes, cause);
        Self { facts, text, left: None }
    }

    /// A statement of a transaction that was refused.
    pub(crate) fn inside(cause: Cause, text: String) -> Self {
        let facts = Facts::new(Phase::Statement(InTransaction::Yes), Sent::Yes, cause);
        Self { facts, text, left: None }
    }

    pub(crate) fn with_safety(mut self, safety: Safety) -> Self {
        self.facts.safety = safety;
        self
    }

    /// The same, now that the work is known not to have been committed.
    pub(crate) fn rolled_back(mut self) -> Self {
        self.facts.doubt = CommitDoubt::RolledBack;
        self
    }

    pub(crate) fn classify(&self) -> Classified {
        classify(&self.facts)
    }
}

/// What stops a step.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The caller's wait gave up; the step is to be taken again.
    Pause(Pause),
    /// Something failed, and what it means is to be decided.
    Failed(Box<Failure>),
    /// Nothing more can be done.
    Over(Box<SurvivorError>),
}

impl Halt {
    pub(crate) fn over(error: impl Into<SurvivorError>) -> Self {
        Self::Over(Box::new(error.into()))
    }
}

impl From<Pause> for Halt {
    fn from(pause: Pause) -> Self {
        Self::Pause(pause)
    }
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

/// What stops an exchange on one connection.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The caller's wait gave up. The answers are still to come.
    Pause(Pause),
    /// The connection is lost.
    Lost(Box<Ended>),
}

impl Fault {
    /// The loss while something was asked ahead of the work.
    pub(crate) fn ahead(self) -> Halt {
        match self {
            Self::Pause(pause) => pause.into(),
            Self::Lost(ended) => {
                let left = Some(ended.left);
                Failure { left, ..Failure::ahead(ended.cause, ended.text) }.into()
            }
        }
    }
}

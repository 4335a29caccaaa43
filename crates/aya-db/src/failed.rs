//! One failed attempt, on its way to the decision about it.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use aya_db_core::failure::{
    Cause, Classified, CommitDoubt, Facts, InTransaction, Persistence, Phase, Safety, Sent,
    classify,
};
use aya_db_core::retry::StopReason;
use aya_db_core::{Generation, NodeId, SqlState};

use crate::connect::ConnectFailure;
use crate::error::Error;
use crate::link::Link;
use crate::pool::Pooled;

/// The facts of a failed attempt and what it leaves behind.
#[derive(Debug)]
pub(crate) struct Failed(Box<Inner>);

#[derive(Debug)]
struct Inner {
    facts: Facts,
    node: Option<NodeId>,
    /// Under which generation the connection was made on which it failed.
    generation: Option<Generation>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
    elapsed: Option<Duration>,
    /// The connection, if it may still be of use.
    link: Option<Pooled>,
    /// Whether the monitor has been told already.
    told: bool,
    /// Why a loop inside the work has given up, if one has.
    stopped: Option<StopReason>,
    /// What the application may do so that the like is resolved.
    advice: Option<&'static str>,
    /// What the application is told, if that was settled already.
    raised: Option<Error>,
}

impl Failed {
    pub(crate) fn new(facts: Facts) -> Self {
        Self(Box::new(Inner {
            facts,
            node: None,
            generation: None,
            source: None,
            elapsed: None,
            link: None,
            told: false,
            stopped: None,
            advice: None,
            raised: None,
        }))
    }

    /// A connection that was not opened.
    pub(crate) fn from_connect(failure: Arc<ConnectFailure>, safety: Safety) -> Self {
        let facts = failure.facts();
        let (node, elapsed) = (failure.node.clone(), failure.elapsed);
        let mut failed = Self::new(facts.with_safety(safety)).at(&node);
        failed.0.source = Some(failure);
        failed.0.elapsed = Some(elapsed);
        failed
    }

    /// The same, on this node.
    pub(crate) fn at(mut self, node: &NodeId) -> Self {
        self.0.node = Some(node.clone());
        self
    }

    /// The same, on this connection.
    pub(crate) fn on(mut self, link: &Link) -> Self {
        self.0.node = Some(link.node().clone());
        self.0.generation = Some(link.facts().generation);
        self
    }

    /// The same, for this reason.
    pub(crate) fn because(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// The same, with a connection that may be of use.
    pub(crate) fn with_link(self, link: Pooled) -> Self {
        let mut failed = self.on(&link);
        failed.0.link = Some(link);
        failed
    }

    /// The same, of which the monitor knows already.
    pub(crate) fn told(mut self) -> Self {
        self.0.told = true;
        self
    }

    /// The same, which a loop inside the work has given up for this reason.
    pub(crate) fn stop(mut self, reason: StopReason) -> Self {
        self.0.stopped = Some(reason);
        self
    }

    /// The same, with what the application may do so that the like is resolved.
    pub(crate) fn advise(mut self, advice: &'static str) -> Self {
        self.0.advice = Some(advice);
        self
    }

    /// The same, of which the application is told by this error.
    pub(crate) fn raised(mut self, error: Error) -> Self {
        self.0.raised = Some(error);
        self
    }

    pub(crate) fn take_raised(&mut self) -> Option<Error> {
        self.0.raised.take()
    }

    /// The same, if nothing of it was sent: then it failed in this phase.
    pub(crate) fn unless_sent(mut self, phase: Phase) -> Self {
        if self.0.facts.sent == Sent::No {
            self.0.facts.phase = phase;
        }
        self
    }

    /// The same, of what was asked ahead of the work: nothing of the work was sent, as if BEGIN had failed.
    pub(crate) fn ahead_of_work(mut self) -> Self {
        self.0.facts.phase = Phase::Begin;
        self
    }

    /// The same, which took an open transaction with it.
    pub(crate) fn inside_transaction(mut self) -> Self {
        self.0.facts.phase = Phase::Statement(InTransaction::Yes);
        self.0.facts.sent = Sent::Yes;
        self
    }

    /// The same, of work that is safe to run again in this way.
    pub(crate) fn with_safety(mut self, safety: Safety) -> Self {
        self.0.facts.safety = safety;
        self
    }

    /// Another account of it, without the connection.
    pub(crate) fn copy(&self) -> Self {
        let Inner {
            facts,
            node,
            generation,
            source,
            elapsed,
            told,
            stopped,
            advice,
            raised,
            link: _,
        } = &*self.0;
        Self(Box::new(Inner {
            facts: facts.clone(),
            node: node.clone(),
            generation: *generation,
            source: source.clone(),
            elapsed: *elapsed,
            link: None,
            told: *told,
            stopped: *stopped,
            advice: *advice,
            raised: raised.clone(),
        }))
    }

    /// The same, now that the work is known not to have been committed.
    pub(crate) fn rolled_back(mut self) -> Self {
        self.0.facts.doubt = CommitDoubt::RolledBack;
        self
    }

    /// The server's error code, if a server raised the failure.
    pub(crate) fn sqlstate(&self) -> Option<SqlState> {
        match &self.0.facts.cause {
            Cause::Server(error) => Some(error.sqlstate),
            _ => None,
        }
    }

    pub(crate) fn is_told(&self) -> bool {
        self.0.told
    }

    pub(crate) fn stopped(&self) -> Option<StopReason> {
        self.0.stopped
    }

    pub(crate) fn advice(&self) -> Option<&'static str> {
        self.0.advice
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.0.facts
    }

    pub(crate) fn node(&self) -> Option<&NodeId> {
        self.0.node.as_ref()
    }

    pub(crate) fn elapsed(&self) -> Option<Duration> {
        self.0.elapsed
    }

    pub(crate) fn generation(&self) -> Option<Generation> {
        self.0.generation
    }

    pub(crate) fn take_link(&mut self) -> Option<Pooled> {
        self.0.link.take()
    }

    pub(crate) fn source(&self) -> Option<Arc<dyn StdError + Send + Sync>> {
        self.0.source.clone()
    }

    pub(crate) fn classify(&self) -> Classified {
        classify(&self.0.facts)
    }

    /// Whether another candidate may be tried after this one without asking anybody: nothing was
    /// sent, and the failure is this server's alone.
    pub(crate) fn may_go_on(&self) -> bool {
        let found = self.classify();
        self.0.facts.sent == Sent::No && found.kind.persistence() == Persistence::Transient
    }
}

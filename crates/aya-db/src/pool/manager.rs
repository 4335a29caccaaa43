//! Opens the connections of one node, a few at a time, and judges those that come back.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio::time::Instant;
use tokio_postgres::Notification;

use aya_db_core::failure::classify;
use aya_db_core::pool::{DiscardReason, RecyclePolicy, Recycled, SlotPolicy, recycle};
use aya_db_core::retry::{Breaker, BreakerPolicy, Permission};
use aya_db_core::{Generation, NodeId};

use super::handover::Handover;
use crate::connect::{ConnectFailure, Label, Session, open};
use crate::link::Link;
use crate::metrics;
use crate::monitor::Monitor;

/// What all pools of a handle share.
pub(crate) struct Dialling {
    pub(crate) session: Arc<Session>,
    pub(crate) monitor: Arc<Monitor>,
    pub(crate) slots: SlotPolicy,
    pub(crate) recycle: RecyclePolicy,
    pub(crate) breaker: BreakerPolicy,
}

impl Dialling {
    /// Opens a connection to `node` before `deadline`, and puts it under watch.
    pub(crate) async fn open(
        &self,
        node: &NodeId,
        generation: Generation,
        notifications: Option<mpsc::Sender<Notification>>,
        deadline: Instant,
    ) -> Result<Link, ConnectFailure> {
        let host = self.session.info().host_of(node);
        let label = Label { node, generation, notifications };
        let link = open(&self.session, &host, label, deadline).await?;
        self.monitor.watch(&link);
        Ok(link)
    }
}

/// Why no connection was opened.
#[derive(Debug)]
pub(crate) enum OpenFailure {
    /// The attempt failed.
    Connect(Box<ConnectFailure>),
    /// The node failed too often and is given a rest.
    Resting,
}

/// deadpool's view of one node.
pub(crate) struct Manager {
    pub(super) node: NodeId,
    pub(super) shared: Arc<Dialling>,
    generation: AtomicU64,
    slots: Semaphore,
    breaker: Mutex<Breaker>,
    pub(super) handover: Handover,
}

impl Manager {
    pub(super) fn new(shared: Arc<Dialling>, node: NodeId, generation: Generation) -> Self {
        Self {
            node,
            generation: AtomicU64::new(generation.0),
            slots: Semaphore::new(usize::try_from(shared.slots.in_flight).unwrap_or(1).max(1)),
            breaker: Mutex::new(Breaker::default()),
            handover: Handover::default(),
            shared,
        }
    }

    pub(super) fn generation(&self) -> Generation {
        Generation(self.generation.load(Ordering::Acquire))
    }

    pub(super) fn set_generation(&self, generation: Generation) {
        self.generation.store(generation.0, Ordering::Release);
    }

    /// The monitor heard the node itself: whatever failed before is over.
    pub(super) fn node_answers(&self) {
        self.change_breaker(Breaker::succeeded);
    }

    /// What becomes of a connection that is idle.
    pub(super) fn judge(&self, link: &Link) -> Recycled {
        recycle(&link.pooled(), self.generation(), &self.shared.recycle)
    }

    /// What becomes of a connection that comes back.
    pub(super) fn judge_returned(&self, link: &Link) -> Recycled {
        recycle(&link.returned(), self.generation(), &self.shared.recycle)
    }

    /// Waits for a slot, after a moment by dice if others are at it.
    async fn turn(&self) -> Result<SemaphorePermit<'_>, OpenFailure> {
        let free = u32::try_from(self.slots.available_permits()).unwrap_or(u32::MAX);
        let in_flight = self.shared.slots.in_flight.saturating_sub(free);
        let pause = self.shared.slots.delay(in_flight, rand::random());
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        // The semaphore is never closed; without a permit nothing is opened.
        self.slots.acquire().await.map_err(|_| OpenFailure::Resting)
    }

    async fn open(&self) -> Result<Link, OpenFailure> {
        let clock = self.shared.monitor.clock();
        let policy = &self.shared.breaker;
        let permission = {
            let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
            let (asked, permission) = breaker.ask(policy, clock.now());
            *breaker = asked;
            permission
        };
        if let Permission::Denied { .. } = permission {
            return Err(OpenFailure::Resting);
        }
        let began = Instant::now();
        let opening = self.shared.open(&self.node, self.generation(), None, began + ENDLESS);
        match opening.await {
            Ok(link) => {
                self.change_breaker(Breaker::succeeded);
                metrics::count_connect(&self.node, began.elapsed());
                Ok(link)
            }
            Err(failure) => {
                if Breaker::counts(classify(&failure.facts()).kind) {
                    self.change_breaker(|breaker| breaker.failed(policy, clock.now()));
                }
                Err(OpenFailure::Connect(Box::new(failure)))
            }
        }
    }

    fn change_breaker(&self, change: impl FnOnce(Breaker) -> Breaker) {
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        *breaker = change(*breaker);
    }
}

impl managed::Manager for Manager {
    type Type = Box<Link>;
    type Error = OpenFailure;

    /// A connection that another caller has just given back, or else a new one.
    async fn create(&self) -> Result<Box<Link>, OpenFailure> {
        let mut handed = self.handover.wait();
        let _permit = tokio::select! {
            biased;
            Ok(link) = &mut handed => return Ok(link),
            permit = self.turn() => permit?,
        };
        // An attempt that has begun is seen through: given up midway, it would only load the
        // server.
        handed.close();
        match handed.try_recv() {
            Ok(link) => Ok(link),
            Err(_) => self.open().await.map(Box::new),
        }
    }

    async fn recycle(&self, link: &mut Box<Link>, _: &Metrics) -> RecycleResult<OpenFailure> {
        match self.judge(link) {
            Recycled::Keep => Ok(()),
            Recycled::Discard(reason) => {
                metrics::count_discard(reason);
                Err(RecycleError::message(text(reason)))
            }
        }
    }
}

fn text(reason: DiscardReason) -> &'static str {
    match reason {
        DiscardReason::Closed => "its socket is closed",
        DiscardReason::StaleGeneration => "its node runs anew or is no longer the primary",
        DiscardReason::Busy => "it owes answers",
        DiscardReason::OpenTransaction => "a transaction is open on it",
        DiscardReason::TooOld => "it lived long enough",
        DiscardReason::TooIdle => "it was idle for too long",
    }
}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manager").field("node", &self.node).finish_non_exhaustive()
    }
}

/// The caller's own deadline ends an attempt earlier, and so does `connect_timeout`.
const ENDLESS: Duration = Duration::from_secs(24 * 3600);

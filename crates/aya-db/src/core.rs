//! What all clones of a cluster handle share.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::oneshot;

use aya_db_core::continuity::Resolution;
use aya_db_core::failure::Classified;
use aya_db_core::pool::{RecyclePolicy, SlotPolicy};
use aya_db_core::retry::{Budget, BudgetState, Policy};

use crate::connect::Session;
use crate::doubt::Pruner;
use crate::failed::Failed;
use crate::monitor::Monitor;
use crate::pool::{Dialling, Keeper};
use crate::reads::Texts;

/// The shared state behind a [`Cluster`](crate::Cluster).
pub(crate) struct Core {
    pub(crate) session: Arc<Session>,
    pub(crate) monitor: Arc<Monitor>,
    pub(crate) dialling: Arc<Dialling>,
    pub(crate) keeper: Keeper,
    pub(crate) policy: Policy,
    /// How a commit in doubt is resolved.
    pub(crate) resolution: Resolution,
    pruner: OnceLock<Pruner>,
    /// How statements choose their server by their text.
    pub(crate) texts: Texts,
    /// How many reads have been routed, for those that take turns.
    turns: AtomicU64,
    budget: Mutex<Budget>,
    /// Calls that the budget has not been credited with.
    calls: AtomicU64,
    closed: AtomicBool,
}

impl Core {
    /// Puts the parts together and starts keeping pools on the current runtime.
    pub(crate) fn new(session: Arc<Session>, monitor: Arc<Monitor>, policy: Policy) -> Self {
        let pool = session.info().pool();
        let slots = SlotPolicy {
            in_flight: u32::try_from(pool.connects_per_host).unwrap_or(u32::MAX),
            ..SlotPolicy::default()
        };
        let recycle =
            RecyclePolicy { max_lifetime: pool.max_lifetime, idle_timeout: pool.idle_timeout };
        let dialling = Arc::new(Dialling {
            session: Arc::clone(&session),
            monitor: Arc::clone(&monitor),
            slots,
            recycle,
            breaker: policy.breaker,
        });
        let budget = Mutex::new(Budget::full(&policy.budget, monitor.clock().now()));
        let keeper = Keeper::start(Arc::clone(&dialling));
        let resolution = Resolution::of(session.info());
        let texts = Texts::new(session.info().reads().routing);
        Self {
            session,
            monitor,
            dialling,
            keeper,
            policy,
            resolution,
            pruner: OnceLock::new(),
            texts,
            turns: AtomicU64::new(0),
            budget,
            calls: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        }
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.keeper.close();
    }

    /// Sees to it that the ledger, which is in use, does not grow for ever.
    pub(crate) fn prune_ledger(self: &Arc<Self>) {
        self.pruner.get_or_init(|| Pruner::start(self));
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Tells the monitor what a failure makes one suspect of its server; the receiver gets the
    /// serial of the snapshot that knows of it.
    pub(crate) fn tell(
        &self,
        failed: &Failed,
        found: &Classified,
    ) -> Option<oneshot::Receiver<u64>> {
        if failed.is_told() {
            return None;
        }
        self.monitor.suspect(failed.node()?, failed.generation(), found.suspicion?)
    }

    /// The number of this read.
    pub(crate) fn turn(&self) -> u64 {
        self.turns.fetch_add(1, Ordering::Relaxed)
    }

    /// A call begins: it earns a part of a retry.
    pub(crate) fn earn(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn budget(&self) -> BudgetState {
        let now = self.monitor.clock().now();
        let calls = self.calls.swap(0, Ordering::Relaxed);
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        *budget = budget.earn(&self.policy.budget, calls, now);
        budget.state(&self.policy.budget, now)
    }

    /// A retry is paid for.
    pub(crate) fn spend(&self) {
        let now = self.monitor.clock().now();
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        *budget = budget.spend(&self.policy.budget, now).0;
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("info", &self.session.info().redacted())
            .finish_non_exhaustive()
    }
}

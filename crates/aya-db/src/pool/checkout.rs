//! From an intent to a connection: wait for a server, queue at its pool, check what was got.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use deadpool::managed::PoolError;
use futures_util::poll;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};

use aya_db_core::NodeId;
use aya_db_core::failure::{Cause, ConnectStage, Facts, Phase, Safety, Sent};
use aya_db_core::route::{Intent, SessionFacts, accepts, is_settled};

use super::fleet::Fleet;
use super::keeper::Keeper;
use super::manager::{Dialling, OpenFailure};
use super::node_pool::NodePool;
use super::pooled::Pooled;
use crate::failed::Failed;

/// What a caller looks for.
#[derive(Debug, Clone)]
pub(crate) struct Seeker {
    /// Which servers will do.
    pub(crate) intent: Intent,
    /// The snapshot must know at least this much.
    pub(crate) serial: u64,
    /// Another node than this one, where there is a choice.
    pub(crate) avoid: Option<NodeId>,
    /// When the caller gives up.
    pub(crate) deadline: Instant,
    /// What the application promised of the work.
    pub(crate) safety: Safety,
}

/// A connection that serves the intent. The failures of servers that were passed over on the way
/// go into `passed`.
///
/// Dropped midway, the caller leaves every queue.
pub(crate) async fn checkout(
    shared: &Dialling,
    keeper: &Keeper,
    seeker: &Seeker,
    passed: &mut Vec<Failed>,
) -> Result<Pooled, Failed> {
    loop {
        match checkout_once(shared, keeper, seeker, passed).await {
            Err(failed) if is_sent_away(keeper, seeker, &failed) => {}
            done => return done,
        }
    }
}

/// Whether a hold has sent the caller away from a queue: that is no failure, and the wait goes on.
pub(super) fn is_sent_away(keeper: &Keeper, seeker: &Seeker, failed: &Failed) -> bool {
    failed.facts().cause == Cause::NoLeader
        && keeper.fleet().hold().is_some()
        && Instant::now() < seeker.deadline
}

async fn checkout_once(
    shared: &Dialling,
    keeper: &Keeper,
    seeker: &Seeker,
    passed: &mut Vec<Failed>,
) -> Result<Pooled, Failed> {
    // The keeper may be a moment behind what the application has been told already.
    let serial = seeker.serial.max(shared.monitor.serial());
    let fleet = keeper.fleet();
    if fleet.serial >= serial
        && seeker.avoid.is_none()
        && let Some(pool) = fleet.first_choice(seeker.intent)
    {
        return queue(shared, keeper, pool, seeker).await;
    }
    drop(fleet);
    let mut candidates =
        wait_for_candidates(shared, keeper, seeker, serial).await?.into_iter().peekable();
    loop {
        let Some(pool) = candidates.next() else {
            return Err(seeker.waiting(Cause::NoLeader));
        };
        match queue(shared, keeper, &pool, seeker).await {
            Err(failed) if candidates.peek().is_some() && failed.may_go_on() => passed.push(failed),
            done => return done,
        }
    }
}

/// Waits until some server serves the intent, and gives those that do.
async fn wait_for_candidates(
    shared: &Dialling,
    keeper: &Keeper,
    seeker: &Seeker,
    serial: u64,
) -> Result<Vec<Arc<NodePool>>, Failed> {
    let mut fleets = keeper.subscribe();
    let limits = shared.session.info().lag_limits();
    let patience = Instant::now() + PATIENCE;
    loop {
        let fleet = Arc::clone(&fleets.borrow_and_update());
        let mut wake = seeker.deadline;
        if fleet.serial >= serial {
            if let Some(failure) = shared.monitor.final_failure(&fleet.snapshot) {
                return Err(Failed::from_connect(Arc::clone(&failure), seeker.safety));
            }
            let settled = seeker.intent.needs_leader() || is_settled(&fleet.snapshot);
            if settled || Instant::now() >= patience {
                let mut found = fleet.candidates(seeker.intent, &limits, rand::random());
                if let Some(avoid) = &seeker.avoid
                    && found.len() > 1
                {
                    found.retain(|pool| pool.node() != avoid);
                }
                if !found.is_empty() {
                    return Ok(found);
                }
            } else {
                wake = wake.min(patience);
            }
        }
        match timeout_at(wake, fleets.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(seeker.waiting(Cause::Closed)),
            Err(_) if Instant::now() >= seeker.deadline => {
                return Err(seeker.in_vain(&fleet));
            }
            Err(_) => {}
        }
    }
}

/// Waits for a connection of one pool, for as long as its node may serve the intent.
pub(super) async fn queue(
    shared: &Dialling,
    keeper: &Keeper,
    pool: &Arc<NodePool>,
    seeker: &Seeker,
) -> Result<Pooled, Failed> {
    let mut get = pin!(pool.get());
    // Nearly always there is an idle connection, and nothing to wait for.
    let got = match poll!(get.as_mut()) {
        Poll::Ready(got) => got,
        Poll::Pending => tokio::select! {
            biased;
            got = get => got,
            () = withdrawn(keeper.subscribe(), pool, seeker.intent) => {
                return Err(seeker.waiting(Cause::NoLeader));
            }
            () = sleep_until(seeker.deadline) => {
                let full = pool.is_exhausted();
                let cause = if full { Cause::PoolExhausted } else { Cause::Deadline };
                return Err(seeker.waiting(cause).at(pool.node()));
            }
        },
    };
    match got {
        Ok(link) => check(shared, keeper, link, seeker),
        Err(PoolError::Backend(OpenFailure::Connect(failure))) => {
            Err(Failed::from_connect(Arc::new(*failure), seeker.safety))
        }
        Err(PoolError::Backend(OpenFailure::Resting)) => {
            Err(seeker.waiting(Cause::BreakerOpen).at(pool.node()))
        }
        Err(PoolError::Closed) => {
            // A pool is closed with its handle, or because its node is gone.
            let known = keeper.fleet().pools.contains_key(pool.node());
            Err(seeker.waiting(if known { Cause::Closed } else { Cause::NoLeader }))
        }
        Err(
            PoolError::Timeout(_) | PoolError::PostCreateHook(_) | PoolError::NoRuntimeSpecified,
        ) => Err(seeker.waiting(Cause::Deadline).at(pool.node())),
    }
}

/// Resolves when the node can no longer serve the intent.
async fn withdrawn(mut fleets: watch::Receiver<Arc<Fleet>>, pool: &NodePool, intent: Intent) {
    let gone = fleets.wait_for(|fleet| !fleet.still_offers(pool, intent)).await.is_ok();
    if !gone {
        // The keeper is gone, and with it every pool; `get` tells.
        std::future::pending::<()>().await;
    }
}

/// Whether the session is what was wanted, by its own word; a session that was made before its
/// server was promoted counts as the leader's.
fn check(
    shared: &Dialling,
    keeper: &Keeper,
    link: Pooled,
    seeker: &Seeker,
) -> Result<Pooled, Failed> {
    let facts = link.facts();
    let mut in_hot_standby = facts.in_recovery;
    if in_hot_standby && let Some(since) = keeper.fleet().leads_since(link.node()) {
        let made_at = shared.monitor.clock().moment(facts.made_at.into_std());
        in_hot_standby = made_at > since;
    }
    let session = SessionFacts { in_hot_standby, default_read_only: facts.default_read_only };
    match accepts(session, seeker.intent) {
        Ok(()) => Ok(link),
        Err(refusal) => {
            let phase = Phase::Connect(ConnectStage::RoleCheck);
            let facts = Facts::new(phase, Sent::No, Cause::RoleMismatch);
            let failed = Failed::new(facts.with_safety(seeker.safety)).at(link.node());
            let failed = failed.because(refusal);
            link.discard();
            Err(failed)
        }
    }
}

impl Seeker {
    pub(super) fn waiting(&self, cause: Cause) -> Failed {
        Failed::new(Facts::new(Phase::Waiting, Sent::No, cause).with_safety(self.safety))
    }

    /// No server came in time; during a hold it says what for.
    pub(super) fn in_vain(&self, fleet: &Fleet) -> Failed {
        let failed = self.waiting(Cause::NoLeader);
        match fleet.held(self.intent) {
            Some(hold) => failed.because(hold.clone()),
            None => failed,
        }
    }
}

/// How long a session that any server may serve waits for all of them to be asked once.
pub(super) const PATIENCE: Duration = Duration::from_millis(300);

//! Keeps the pools in step with the snapshots: the one owner of the fleet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tracing::{debug, info, warn};

use aya_db_core::NodeId;
use aya_db_core::pool::{Command, plan};
use aya_db_core::route::Hold;
use aya_db_core::snapshot::{ClusterSnapshot, Health};

use super::fleet::Fleet;
use super::manager::Dialling;
use super::node_pool::{NodePool, PoolStatus};
use crate::metrics::{self, HoldEnd};
use crate::monitor::Published;

/// The handle to the task that keeps the pools; the task ends when the handle is dropped.
#[derive(Debug)]
pub(crate) struct Keeper {
    fleet: watch::Receiver<Arc<Fleet>>,
    task: AbortHandle,
}

impl Keeper {
    /// Starts the task on the current runtime, on which its connections live as well.
    pub(crate) fn start(shared: Arc<Dialling>) -> Self {
        let mut published = shared.monitor.published();
        let Published { serial, snapshot } = published.borrow_and_update().clone();
        let first = Fleet::new(serial, snapshot, BTreeMap::new(), None);
        let work = Work { shared, fleet: watch::Sender::new(Arc::new(first)) };
        work.renew(&published.borrow().clone());
        let fleet = work.fleet.subscribe();
        let task = tokio::spawn(work.run(published)).abort_handle();
        Self { fleet, task }
    }

    /// The pools as they are now.
    pub(crate) fn fleet(&self) -> Arc<Fleet> {
        Arc::clone(&self.fleet.borrow())
    }

    /// To wait for the pools to change.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Fleet>> {
        self.fleet.clone()
    }

    pub(crate) fn status(&self) -> Vec<PoolStatus> {
        self.fleet().pools.values().map(|pool| pool.status()).collect()
    }

    /// Closes every pool and stops following the cluster.
    pub(crate) fn close(&self) {
        self.task.abort();
        self.fleet().pools.values().for_each(|pool| pool.close());
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Work {
    shared: Arc<Dialling>,
    fleet: watch::Sender<Arc<Fleet>>,
}

impl Work {
    async fn run(self, mut published: watch::Receiver<Published>) {
        let mut ticks = interval(UPKEEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut opening = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                changed = published.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let news = published.borrow_and_update().clone();
                    self.renew(&news);
                    self.fill(&mut opening);
                }
                () = at(self.next_turn()) => self.turn(),
                _ = ticks.tick() => {
                    self.fleet.borrow().pools.values().for_each(|pool| pool.reap());
                    self.fill(&mut opening);
                }
            }
            while opening.try_join_next().is_some() {}
        }
    }

    /// Takes a snapshot over: flushes what is stale, makes pools for new nodes, publishes.
    fn renew(&self, news: &Published) {
        let old = Arc::clone(&self.fleet.borrow());
        let mut pools = old.pools.clone();
        for (node, command) in plan(&old.snapshot, &news.snapshot) {
            match (command, news.snapshot.nodes.get(&node)) {
                (Command::Keep, _) => {}
                (Command::Flush(reason), Some(after)) => {
                    debug!(%node, ?reason, "connections flushed");
                    if let Some(pool) = pools.get(&node) {
                        pool.flush(after.generation);
                    }
                }
                (Command::Flush(reason), None) => {
                    debug!(%node, ?reason, "connections closed");
                    if let Some(pool) = pools.remove(&node) {
                        pool.close();
                    }
                }
            }
        }
        for (node, known) in &news.snapshot.nodes {
            let pool = pools.entry(node.clone()).or_insert_with(|| {
                Arc::new(NodePool::new(Arc::clone(&self.shared), node.clone(), known.generation))
            });
            let was_up =
                old.snapshot.nodes.get(node).is_some_and(|before| before.health == Health::Up);
            if known.health == Health::Up && !was_up {
                pool.manager().node_answers();
            }
        }
        self.publish(news.serial, Arc::clone(&news.snapshot), pools);
    }

    /// Publishes a fleet, with the hold as it is at this moment.
    fn publish(
        &self,
        serial: u64,
        snapshot: Arc<ClusterSnapshot>,
        pools: BTreeMap<NodeId, Arc<NodePool>>,
    ) {
        let now = self.shared.monitor.clock().now();
        let hold = self.hold_of(&snapshot).filter(|hold| hold.is_on(now));
        let fleet = Arc::new(Fleet::new(serial, snapshot, pools, hold));
        let old = self.fleet.send_replace(Arc::clone(&fleet));
        match (old.hold(), fleet.hold()) {
            (None, Some(hold)) => info!(reason = %hold, "calls for the leader are held"),
            (Some(hold), None) => {
                let held = now.since(hold.from);
                let end = if hold.is_on(now) { HoldEnd::Over } else { HoldEnd::Limit };
                metrics::count_hold(held, end);
                let held_ms = u64::try_from(held.as_millis()).unwrap_or(u64::MAX);
                match end {
                    HoldEnd::Over => info!(held_ms, "calls for the leader go on"),
                    HoldEnd::Limit => warn!(
                        reason = %hold,
                        held_ms,
                        "no other leader has come: calls for the leader go on"
                    ),
                }
            }
            (None, None) | (Some(_), Some(_)) => {}
        }
    }

    fn hold_of(&self, snapshot: &ClusterSnapshot) -> Option<Hold> {
        Hold::of(snapshot, self.shared.session.info().switchover_hold())
    }

    /// When a hold begins or ends by the clock alone.
    fn next_turn(&self) -> Option<Instant> {
        let now = self.shared.monitor.clock().now();
        let fleet = self.fleet.borrow();
        let hold = self
            .hold_of(&fleet.snapshot)
            .filter(|hold| now < hold.until || fleet.hold().is_some())?;
        let turn = if fleet.hold().is_some() { hold.until } else { hold.from };
        Some(Instant::now() + turn.since(now))
    }

    /// Its time has come: the same picture, with or without the hold.
    fn turn(&self) {
        let fleet = Arc::clone(&self.fleet.borrow());
        self.publish(fleet.serial, Arc::clone(&fleet.snapshot), fleet.pools.clone());
    }

    /// Opens connections until each healthy node has `pool_min_idle` idle ones.
    fn fill(&self, opening: &mut JoinSet<()>) {
        let min_idle = self.shared.session.info().pool().min_idle;
        if min_idle == 0 || !opening.is_empty() {
            return;
        }
        let fleet = Arc::clone(&self.fleet.borrow());
        for (node, pool) in &fleet.pools {
            let healthy =
                fleet.snapshot.nodes.get(node).is_some_and(|node| node.health == Health::Up);
            let wanted = healthy && !fleet.leaves_alone(node);
            let missing = if wanted { pool.missing_idle(min_idle) } else { 0 };
            if missing == 0 {
                continue;
            }
            let pool = Arc::clone(pool);
            opening.spawn(async move {
                // Held together until all are there: one given back would serve the next.
                let mut held = Vec::new();
                for _ in 0..missing {
                    match pool.get().await {
                        Ok(link) => held.push(link),
                        Err(_) => return,
                    }
                }
            });
        }
    }
}

/// Waits until then; for ever, if there is no such moment.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// How often idle connections are looked over.
const UPKEEP: Duration = Duration::from_secs(1);

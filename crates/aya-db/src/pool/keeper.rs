//! Keeps the pools in step with the snapshots: the one owner of the fleet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval};
use tracing::debug;

use aya_db_core::pool::{Command, plan};
use aya_db_core::snapshot::Health;

use super::fleet::Fleet;
use super::manager::Dialling;
use super::node_pool::{NodePool, PoolStatus};
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
        let first = Fleet::new(serial, snapshot, BTreeMap::new());
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
        let fleet = Fleet::new(news.serial, Arc::clone(&news.snapshot), pools);
        self.fleet.send_replace(Arc::new(fleet));
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
            let missing = if healthy { pool.missing_idle(min_idle) } else { 0 };
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

/// How often idle connections are looked over.
const UPKEEP: Duration = Duration::from_secs(1);

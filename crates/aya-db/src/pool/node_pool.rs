//! The connections of one node.

use std::sync::Arc;

use deadpool::managed::{Pool, PoolError, QueueMode};

use aya_db_core::pool::Recycled;
use aya_db_core::{Generation, NodeId};

use super::manager::{Dialling, Manager, OpenFailure};
use super::pooled::Pooled;
use crate::metrics;

/// Connections to one node, at most `pool_max_size` of them.
#[derive(Debug)]
pub(crate) struct NodePool {
    pool: Pool<Manager>,
}

/// How the connections to one node fare.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStatus {
    /// The node.
    pub node: NodeId,
    /// How many connections there are, in use or idle.
    pub size: usize,
    /// How many are idle.
    pub idle: usize,
    /// How many callers wait for one.
    pub waiting: usize,
}

impl NodePool {
    pub(super) fn new(shared: Arc<Dialling>, node: NodeId, generation: Generation) -> Self {
        let max_size = shared.session.info().pool().max_size;
        let pool = Pool::builder(Manager::new(shared, node, generation))
            .max_size(max_size)
            // The connection used last is the warmest, and the others may age and go.
            .queue_mode(QueueMode::Lifo)
            .build()
            .expect("a pool without timeouts needs no runtime");
        Self { pool }
    }

    pub(crate) fn node(&self) -> &NodeId {
        &self.pool.manager().node
    }

    pub(super) fn manager(&self) -> &Manager {
        self.pool.manager()
    }

    /// A connection: an idle one, one that comes back meanwhile, or a new one. Dropped midway,
    /// the caller leaves the queue, and a connection that is being opened is closed.
    pub(super) async fn get(self: &Arc<Self>) -> Result<Pooled, PoolError<OpenFailure>> {
        let object = self.pool.get().await?;
        Ok(Pooled::new(object, Arc::clone(self)))
    }

    /// Whether every connection is in use.
    pub(super) fn is_exhausted(&self) -> bool {
        let status = self.pool.status();
        status.size >= status.max_size
    }

    /// Makes connections of older generations unfit, and closes the idle ones among them.
    pub(super) fn flush(&self, generation: Generation) {
        self.manager().set_generation(generation);
        self.reap();
    }

    /// Closes the idle connections that may not be handed out any more.
    pub(super) fn reap(&self) {
        // What was removed is closed after the pool's own lock is released.
        let removed = self.pool.retain(|link, _| match self.manager().judge(link) {
            Recycled::Keep => true,
            Recycled::Discard(reason) => {
                metrics::count_discard(reason);
                false
            }
        });
        drop(removed);
    }

    /// How many more idle connections there should be.
    pub(super) fn missing_idle(&self, min_idle: usize) -> usize {
        let status = self.pool.status();
        min_idle.saturating_sub(status.available).min(status.max_size.saturating_sub(status.size))
    }

    /// Ends every connection; callers in the queue are turned away.
    pub(super) fn close(&self) {
        self.pool.close();
    }

    pub(super) fn status(&self) -> PoolStatus {
        let status = self.pool.status();
        PoolStatus {
            node: self.node().clone(),
            size: status.size,
            idle: status.available,
            waiting: status.waiting,
        }
    }
}

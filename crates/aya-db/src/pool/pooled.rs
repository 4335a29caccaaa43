//! A connection on loan from its pool.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use deadpool::managed::Object;

use aya_db_core::pool::{DiscardReason, Recycled};

use super::manager::Manager;
use super::node_pool::NodePool;
use crate::link::{Link, Severed};
use crate::metrics;

/// Goes back to its pool when dropped: to a caller who waits, among the idle ones, or, if it is
/// not fit for another caller, to its end.
pub(crate) struct Pooled {
    object: Option<Object<Manager>>,
    pool: Arc<NodePool>,
    owned: Owned,
}

/// Whether somebody has made the connection his own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owned {
    No,
    /// It may hold what the next caller must not find.
    BySession,
}

impl Pooled {
    pub(super) fn new(object: Object<Manager>, pool: Arc<NodePool>) -> Self {
        Self { object: Some(object), pool, owned: Owned::No }
    }

    /// It becomes that of a session: from now on it ends with its loan, however that ends.
    pub(crate) fn take_over(&mut self) {
        self.owned = Owned::BySession;
    }

    /// Whether it is that of a session.
    pub(crate) fn is_taken_over(&self) -> bool {
        self.owned == Owned::BySession
    }

    /// The session has left nothing in it.
    pub(crate) fn hand_back(&mut self) {
        self.owned = Owned::No;
    }

    /// Whether it leads to the same run of its server, in the same role, as when it was made.
    pub(crate) fn is_current(&self) -> bool {
        let generation = self.pool.manager().generation();
        self.state().end().is_none() && self.facts().generation == generation
    }

    /// Takes it out of the pool for good: whoever holds it closes it.
    pub(crate) fn discard(mut self) {
        if let Some(object) = self.object.take() {
            drop(Object::take(object));
        }
    }
}

impl Deref for Pooled {
    type Target = Link;

    fn deref(&self) -> &Link {
        self.object.as_ref().expect("the object is taken by drop and discard alone")
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let Some(object) = self.object.take() else { return };
        if self.owned == Owned::BySession {
            if object.state().outstanding() > 0 {
                object.handle().sever(Severed::Abandoned);
            }
            drop(Object::take(object));
            return;
        }
        match self.pool.manager().judge_returned(&object) {
            Recycled::Discard(reason) => {
                metrics::count_discard(reason);
                if reason == DiscardReason::Busy {
                    // Whoever waited for the answer has gone.
                    object.handle().sever(Severed::Abandoned);
                }
                drop(Object::take(object));
            }
            Recycled::Keep => match self.pool.manager().handover.next() {
                None => drop(object),
                Some(waiter) => {
                    let mut link = Object::take(object);
                    let mut next = Some(waiter);
                    // Should nobody wait any more after all, it is one connection too many.
                    while let Some(waiter) = next {
                        match waiter.send(link) {
                            Ok(()) => return,
                            Err(back) => link = back,
                        }
                        next = self.pool.manager().handover.next();
                    }
                }
            },
        }
    }
}

impl fmt::Debug for Pooled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pooled").field("node", self.pool.node()).finish_non_exhaustive()
    }
}

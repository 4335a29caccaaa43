//! Connections that come back go straight to callers who wait for a new one to be opened: after a
//! failover the first connections serve everybody, while the others are opened a few at a time.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::link::Link;

/// The callers that wait, the longest first.
#[derive(Debug, Default)]
pub(super) struct Handover {
    /// The length of the queue, for those who only want to know that it is empty.
    queued: AtomicUsize,
    queue: Mutex<VecDeque<Waiter>>,
}

/// Where a caller waits for a connection.
pub(super) type Waiter = oneshot::Sender<Box<Link>>;

impl Handover {
    /// Joins the queue. Dropping or closing the receiver leaves it.
    pub(super) fn wait(&self) -> oneshot::Receiver<Box<Link>> {
        let (sender, receiver) = oneshot::channel();
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.retain(|waiter| !waiter.is_closed());
        queue.push_back(sender);
        self.queued.store(queue.len(), Ordering::Release);
        receiver
    }

    /// The first who still waits, to be given a connection; costs one load if nobody does.
    pub(super) fn next(&self) -> Option<Waiter> {
        if self.queued.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let found = loop {
            match queue.pop_front() {
                Some(waiter) if waiter.is_closed() => {}
                found => break found,
            }
        };
        self.queued.store(queue.len(), Ordering::Release);
        found
    }
}

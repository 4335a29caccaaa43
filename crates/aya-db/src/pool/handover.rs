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
    waiting: AtomicUsize,
    queue: Mutex<VecDeque<oneshot::Sender<Box<Link>>>>,
}

impl Handover {
    /// Joins the queue. Dropping the receiver leaves it.
    pub(super) fn wait(&self) -> oneshot::Receiver<Box<Link>> {
        let (sender, receiver) = oneshot::channel();
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.retain(|waiter| !waiter.is_closed());
        queue.push_back(sender);
        self.waiting.store(queue.len(), Ordering::Release);
        receiver
    }

    /// Whether anybody may be waiting; costs one load.
    pub(super) fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// Gives `link` to the first who still waits, or back.
    pub(super) fn give(&self, mut link: Box<Link>) -> Option<Box<Link>> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(waiter) = queue.pop_front() {
            self.waiting.store(queue.len(), Ordering::Release);
            match waiter.send(link) {
                Ok(()) => return None,
                Err(back) => link = back,
            }
        }
        Some(link)
    }
}

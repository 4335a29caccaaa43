//! Turns: what a call does to a connection is not mixed with what another thread's call does.

use std::sync::{Condvar, Mutex};
use std::thread::{self, ThreadId};

use pyo3::prelude::*;

use crate::lock::Locked as _;

/// Lets one thread at a time have its turn; within its own, a thread may take another.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    queue: Mutex<Queue>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    /// Whose turn it is, and how many he has taken.
    holder: Option<(ThreadId, usize)>,
    /// How many wait: nobody is woken where nobody does, which takes a call of the system.
    waiting: usize,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a>(&'a Turns);

impl Turns {
    /// Waits for a turn, without Python's lock if it takes a while.
    pub(crate) fn take(&self, py: Python<'_>) -> Turn<'_> {
        let me = thread::current().id();
        if !self.try_take(me) {
            py.detach(|| {
                let mut queue = self.queue.locked();
                queue.waiting += 1;
                while queue.holder.is_some() {
                    queue = self.freed.wait(queue).unwrap_or_else(|it| it.into_inner());
                }
                queue.waiting -= 1;
                queue.holder = Some((me, 1));
            });
        }
        Turn(self)
    }

    fn try_take(&self, me: ThreadId) -> bool {
        let holder = &mut self.queue.locked().holder;
        match holder {
            None => *holder = Some((me, 1)),
            Some((thread, depth)) if *thread == me => *depth += 1,
            Some(_) => return false,
        }
        true
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.queue.locked();
        match &mut queue.holder {
            Some((_, depth)) if *depth > 1 => *depth -= 1,
            _ => {
                queue.holder = None;
                if queue.waiting > 0 {
                    self.0.freed.notify_one();
                }
            }
        }
    }
}

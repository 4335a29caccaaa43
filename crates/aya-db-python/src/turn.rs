//! Turns: what a call does to a connection is not mixed with what another thread's call does.

use std::sync::{Condvar, Mutex};
use std::thread::{self, ThreadId};

use pyo3::prelude::*;

use crate::lock::Locked as _;

/// Lets one thread at a time have its turn; within its own, a thread may take another.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    holder: Mutex<Option<(ThreadId, usize)>>,
    freed: Condvar,
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
                let mut holder = self.holder.locked();
                while holder.is_some() {
                    holder = self.freed.wait(holder).unwrap_or_else(|it| it.into_inner());
                }
                *holder = Some((me, 1));
            });
        }
        Turn(self)
    }

    fn try_take(&self, me: ThreadId) -> bool {
        let mut holder = self.holder.locked();
        match &mut *holder {
            None => *holder = Some((me, 1)),
            Some((thread, depth)) if *thread == me => *depth += 1,
            Some(_) => return false,
        }
        true
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut holder = self.0.holder.locked();
        match &mut *holder {
            Some((_, depth)) if *depth > 1 => *depth -= 1,
            _ => {
                *holder = None;
                self.0.freed.notify_one();
            }
        }
    }
}

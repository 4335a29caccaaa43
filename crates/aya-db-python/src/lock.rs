//! Locks that are held for a moment, and never while Python runs.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A lock whose holder cannot have left it half done.
pub(crate) trait Locked<T> {
    /// Waits for it.
    fn locked(&self) -> MutexGuard<'_, T>;
}

impl<T> Locked<T> for Mutex<T> {
    fn locked(&self) -> MutexGuard<'_, T> {
        self.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

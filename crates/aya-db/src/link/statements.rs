//! The prepared statements of one connection, by their text.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use lru::LruCache;
use tokio_postgres::Statement;

/// How many statements a connection keeps prepared; the one unused for longest goes first.
const KEPT: NonZeroUsize = NonZeroUsize::new(256).expect("256 is not zero");

/// A bounded map from statement text to what the server prepared for it.
pub(super) struct Statements(Mutex<LruCache<Box<str>, Statement>>);

impl Statements {
    pub(super) fn new() -> Self {
        Self(Mutex::new(LruCache::new(KEPT)))
    }

    pub(super) fn get(&self, sql: &str) -> Option<Statement> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned()
    }

    pub(super) fn put(&self, sql: &str, statement: Statement) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(sql.into(), statement);
    }

    /// Forgets one statement; the server is told when its last user drops it.
    pub(super) fn forget(&self, sql: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop(sql);
    }
}

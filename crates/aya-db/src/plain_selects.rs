//! Remembers which texts are plain SELECTs: a program sends the same few over and over.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use lru::LruCache;

use aya_db_core::route::is_plain_select;

/// The texts that were looked at last, and what they are.
#[derive(Debug)]
pub(crate) struct PlainSelects(Mutex<LruCache<Box<str>, bool>>);

impl Default for PlainSelects {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(KEPT)))
    }
}

impl PlainSelects {
    /// Whether the text is a plain SELECT.
    pub(crate) fn holds(&self, sql: &str) -> bool {
        if let Some(known) = self.kept().get(sql) {
            return *known;
        }
        let plain = is_plain_select(sql);
        if sql.len() <= LONGEST_KEPT {
            self.kept().put(sql.into(), plain);
        }
        plain
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, LruCache<Box<str>, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many texts are kept, and up to which length: two megabytes in all.
const KEPT: NonZeroUsize = NonZeroUsize::new(512).expect("512 is not zero");
const LONGEST_KEPT: usize = 4096;

use std::future::Future;
use std::time::Duration;

use crate::{Revision, Store, StoreError};

/// A store that can also be written: keys that vanish with their writer, and changes that happen only
/// while what they were decided on is still there.
pub trait Writer: Store {
    /// A new lease: the keys that hang on it vanish when it has not been renewed for `ttl`, which the store
    /// counts in whole seconds.
    ///
    /// Dropped midway, a lease may be left behind, which ends by itself.
    fn grant(&self, ttl: Duration) -> impl Future<Output = Result<LeaseId, StoreError>> + Send;

    /// Renews a lease. What counts is when the renewal was *sent*: the store counts from its arrival.
    fn renew(&self, lease: LeaseId) -> impl Future<Output = Result<Renewal, StoreError>> + Send;

    /// Ends a lease, and deletes the keys that hang on it.
    fn revoke(&self, lease: LeaseId) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Does the writes of a transaction, all or nothing.
    ///
    /// After an error it is not known whether they were done, and nothing tries again: read the keys. The
    /// same holds where it is dropped midway.
    fn commit(&self, txn: Txn) -> impl Future<Output = Result<Outcome, StoreError>> + Send;
}

/// The number of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub i64);

/// What became of a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// It goes on.
    Held,
    /// It had ended; its keys are gone.
    Gone,
}

/// A transaction: writes that happen if all comparisons hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Txn {
    /// What must hold.
    pub when: Vec<Compare>,
    /// What is then written.
    pub then: Vec<Write>,
}

impl Txn {
    /// Nothing, if nothing holds.
    pub fn new() -> Self {
        Self::default()
    }

    /// With another condition.
    #[must_use]
    pub fn when(mut self, compare: Compare) -> Self {
        self.when.push(compare);
        self
    }

    /// With another write.
    #[must_use]
    pub fn put(mut self, key: &str, value: &[u8], lease: Option<LeaseId>) -> Self {
        let (key, value) = (key.to_owned(), value.to_vec());
        self.then.push(Write::Put { key, value, lease });
        self
    }

    /// With another deletion.
    #[must_use]
    pub fn delete(mut self, key: &str) -> Self {
        self.then.push(Write::Delete(key.to_owned()));
        self
    }
}

/// What must hold of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compare {
    /// It is not there.
    Absent(String),
    /// It was last written by this revision.
    ModifiedAt(String, Revision),
    /// It has this value.
    ValueIs(String, Vec<u8>),
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Writes a key.
    Put {
        /// The key.
        key: String,
        /// Its value.
        value: Vec<u8>,
        /// The lease that it hangs on.
        lease: Option<LeaseId>,
    },
    /// Deletes a key, if it is there.
    Delete(String),
}

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was written, by this revision.
    Done(Revision),
    /// A comparison did not hold, and nothing was written.
    Refused(Revision),
}

use std::fmt;
use std::future::Future;

use crate::LeaseId;

/// A store of keys that can be read as of one revision and watched from there on.
pub trait Store: Send + Sync {
    /// The watch that [`Store::watch`] opens.
    type Watch: Watch;

    /// Every entry whose key starts with `prefix`, in the order of the keys, by a linearizable
    /// read: nothing that was acknowledged before the call is missing.
    ///
    /// Dropped midway, it leaves nothing behind.
    fn range(&self, prefix: &str) -> impl Future<Output = Result<Range, StoreError>> + Send;

    /// Up to `limit` of the keys that start with `prefix`, in their order, without the values.
    ///
    /// Dropped midway, it leaves nothing behind.
    fn keys(
        &self,
        prefix: &str,
        limit: u16,
    ) -> impl Future<Output = Result<Vec<String>, StoreError>> + Send;

    /// Watches the keys that start with `prefix` for changes after the revision `after`.
    ///
    /// Dropped midway, it leaves nothing behind.
    fn watch(
        &self,
        prefix: &str,
        after: Revision,
    ) -> impl Future<Output = Result<Self::Watch, StoreError>> + Send;
}

/// The changes under a prefix, in order and without gaps.
pub trait Watch: Send {
    /// The next changes. A batch without events says that the store is alive, has a quorum, and
    /// has nothing new; a store may leave such batches out.
    ///
    /// After an error the watch is finished: read the range again and open another. Dropped
    /// midway, it loses no change.
    fn next(&mut self) -> impl Future<Output = Result<Batch, StoreError>> + Send;
}

/// The store's count of changes: it rises by every write to any key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The whole key.
    pub key: String,
    /// Its value.
    pub value: Vec<u8>,
    /// The revision which wrote it.
    pub modified: Revision,
    /// The lease that it hangs on.
    pub lease: Option<LeaseId>,
}

/// The entries under a prefix as of one revision.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Range {
    /// The entries, in the order of their keys.
    pub entries: Vec<Entry>,
    /// The store's revision when it was read.
    pub revision: Revision,
}

/// One change of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The key was written.
    Put(Entry),
    /// The key was deleted, or its lease ran out.
    Deleted {
        /// The key.
        key: String,
        /// The revision which deleted it.
        at: Revision,
    },
}

impl Event {
    /// The key that changed.
    pub fn key(&self) -> &str {
        match self {
            Self::Put(entry) => &entry.key,
            Self::Deleted { key, .. } => key,
        }
    }
}

/// Changes that arrived together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// The changes, oldest first.
    pub events: Vec<Event>,
    /// Everything up to this revision has been told.
    pub revision: Revision,
}

/// Why a store could not be read. None of the details holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The changes asked for have been forgotten; read the range again.
    #[error("the changes before revision {at} are compacted away")]
    Compacted {
        /// The oldest revision that can still be watched.
        at: Revision,
    },
    /// The store refused the user, the password, or the client's certificate.
    #[error("the store refuses these credentials: {detail}")]
    AuthRejected {
        /// What it said, by member.
        detail: String,
    },
    /// A member answered, and has no leader or no quorum.
    #[error("the store has no leader: {detail}")]
    NoLeader {
        /// What was seen, by member.
        detail: String,
    },
    /// No member answered in time.
    #[error("the store cannot be reached: {detail}")]
    Unavailable {
        /// What was tried, by member.
        detail: String,
    },
    /// The settings cannot work: an endpoint that is no URL, a file that is no certificate.
    #[error("the store's settings are wrong: {detail}")]
    Misconfigured {
        /// Which of them, and why.
        detail: String,
    },
}

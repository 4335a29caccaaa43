//! A store in memory: deterministic, for tests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::{Batch, Entry, Event, Range, Revision, Store, StoreError, Watch};

/// A store in memory. Clones share their content.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

impl MemoryStore {
    /// An empty store at revision 1, where etcd starts too.
    pub fn new() -> Self {
        let content = Content { revision: Revision(1), ..Content::default() };
        let shared = Shared { content: Mutex::new(content), changes: watch::Sender::new(()) };
        Self { shared: Arc::new(shared) }
    }

    /// Writes `value` at `key` and gives the revision of that.
    pub fn put(&self, key: &str, value: &[u8]) -> Revision {
        self.change(|content| {
            let modified = content.advance();
            let entry = Entry { key: key.to_owned(), value: value.to_vec(), modified };
            content.entries.insert(key.to_owned(), entry.clone());
            content.log.push((modified, Event::Put(entry)));
            modified
        })
    }

    /// Deletes `key` and gives the revision afterwards; deleting nothing changes nothing.
    pub fn delete(&self, key: &str) -> Revision {
        self.change(|content| {
            if content.entries.remove(key).is_some() {
                let at = content.advance();
                content.log.push((at, Event::Deleted { key: key.to_owned(), at }));
            }
            content.revision
        })
    }

    /// Forgets the changes before `revision`.
    pub fn compact(&self, revision: Revision) {
        self.change(|content| {
            content.compacted = content.compacted.max(revision);
            content.log.retain(|(at, _)| *at >= revision);
        });
    }

    /// Makes every read and every watch fail with `fault` until it is [healed](Self::heal).
    pub fn fail(&self, fault: StoreError) {
        self.change(|content| content.fault = Some(fault));
    }

    /// Ends the fault.
    pub fn heal(&self) {
        self.change(|content| content.fault = None);
    }

    fn change<T>(&self, change: impl FnOnce(&mut Content) -> T) -> T {
        let result = change(&mut self.shared.lock());
        self.shared.changes.send_replace(());
        result
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Store for MemoryStore {
    type Watch = MemoryWatch;

    async fn range(&self, prefix: &str) -> Result<Range, StoreError> {
        let content = self.shared.lock();
        content.healthy()?;
        let entries =
            content.entries.values().filter(|entry| entry.key.starts_with(prefix)).cloned();
        Ok(Range { entries: entries.collect(), revision: content.revision })
    }

    async fn keys(&self, prefix: &str, limit: u16) -> Result<Vec<String>, StoreError> {
        let range = self.range(prefix).await?;
        Ok(range.entries.into_iter().map(|entry| entry.key).take(usize::from(limit)).collect())
    }

    async fn watch(&self, prefix: &str, after: Revision) -> Result<MemoryWatch, StoreError> {
        self.shared.lock().healthy()?;
        let changes = self.shared.changes.subscribe();
        Ok(MemoryWatch {
            shared: Arc::clone(&self.shared),
            changes,
            prefix: prefix.to_owned(),
            told: after,
        })
    }
}

/// A watch on a [`MemoryStore`].
#[derive(Debug)]
pub struct MemoryWatch {
    shared: Arc<Shared>,
    changes: watch::Receiver<()>,
    prefix: String,
    told: Revision,
}

impl MemoryWatch {
    fn take(&mut self) -> Result<Option<Batch>, StoreError> {
        let content = self.shared.lock();
        content.healthy()?;
        if self.told.0 + 1 < content.compacted.0 {
            return Err(StoreError::Compacted { at: content.compacted });
        }
        let events: Vec<_> = content
            .log
            .iter()
            .filter(|(at, event)| *at > self.told && event.key().starts_with(&self.prefix))
            .map(|(_, event)| event.clone())
            .collect();
        self.told = self.told.max(content.revision);
        Ok((!events.is_empty()).then_some(Batch { events, revision: self.told }))
    }
}

impl Watch for MemoryWatch {
    async fn next(&mut self) -> Result<Batch, StoreError> {
        loop {
            self.changes.borrow_and_update();
            if let Some(batch) = self.take()? {
                return Ok(batch);
            }
            self.changes.changed().await.expect("the watch holds the store, and so the sender");
        }
    }
}

#[derive(Debug)]
struct Shared {
    content: Mutex<Content>,
    changes: watch::Sender<()>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct Content {
    revision: Revision,
    compacted: Revision,
    entries: BTreeMap<String, Entry>,
    log: Vec<(Revision, Event)>,
    fault: Option<StoreError>,
}

impl Content {
    fn advance(&mut self) -> Revision {
        self.revision.0 += 1;
        self.revision
    }

    fn healthy(&self) -> Result<(), StoreError> {
        self.fault.clone().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{self, Rig};

    impl Rig for MemoryStore {
        type Store = Self;

        fn store(&self) -> &Self {
            self
        }

        async fn put(&self, key: &str, value: &[u8]) -> Revision {
            Self::put(self, key, value)
        }

        async fn delete(&self, key: &str) -> Revision {
            Self::delete(self, key)
        }

        async fn compact(&self, revision: Revision) {
            Self::compact(self, revision);
        }
    }

    #[tokio::test]
    async fn memory_keeps_the_contract_of_a_store() {
        contract::check(&MemoryStore::new()).await;
    }

    #[tokio::test]
    async fn a_fault_reaches_reads_and_open_watches_until_healed() {
        let store = MemoryStore::new();
        let mut watch = store.watch("/", Revision(1)).await.unwrap();
        let fault = StoreError::NoLeader { detail: "test".to_owned() };
        store.fail(fault.clone());
        assert_eq!(watch.next().await, Err(fault.clone()));
        assert_eq!(store.range("/").await, Err(fault));
        store.heal();
        assert!(store.range("/").await.is_ok());
    }
}

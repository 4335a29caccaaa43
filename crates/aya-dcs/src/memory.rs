//! A store in memory: deterministic, for tests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::{
    Batch, Compare, Entry, Event, LeaseId, Outcome, Range, Renewal, Revision, Store, StoreError,
    Txn, Watch, Write, Writer,
};

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
            content.put(key, value, None, modified);
            modified
        })
    }

    /// Lets time pass, by which leases end that nobody renews.
    pub fn pass(&self, time: Duration) {
        self.change(|content| {
            content.now += time;
            let now = content.now;
            let ended = content.leases.iter().filter(|(_, lease)| lease.ends <= now);
            let ended: Vec<_> = ended.map(|(lease, _)| *lease).collect();
            for lease in ended {
                content.leases.remove(&lease);
                content.delete_leased(lease);
            }
        });
    }

    /// Deletes `key` and gives the revision afterwards; deleting nothing changes nothing.
    pub fn delete(&self, key: &str) -> Revision {
        self.change(|content| {
            if content.entries.contains_key(key) {
                let at = content.advance();
                content.delete(key, at);
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

impl Writer for MemoryStore {
    async fn grant(&self, ttl: Duration) -> Result<LeaseId, StoreError> {
        self.shared.lock().healthy()?;
        Ok(self.change(|content| {
            content.granted += 1;
            let lease = LeaseId(content.granted);
            content.leases.insert(lease, MemoryLease { ttl, ends: content.now + ttl });
            lease
        }))
    }

    async fn renew(&self, lease: LeaseId) -> Result<Renewal, StoreError> {
        self.shared.lock().healthy()?;
        Ok(self.change(|content| {
            let now = content.now;
            let Some(lease) = content.leases.get_mut(&lease) else { return Renewal::Gone };
            lease.ends = now + lease.ttl;
            Renewal::Held
        }))
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), StoreError> {
        self.shared.lock().healthy()?;
        self.change(|content| {
            content.leases.remove(&lease);
            content.delete_leased(lease);
        });
        Ok(())
    }

    async fn commit(&self, txn: Txn) -> Result<Outcome, StoreError> {
        self.shared.lock().healthy()?;
        Ok(self.change(|content| {
            if !txn.when.iter().all(|compare| content.holds(compare)) {
                return Outcome::Refused(content.revision);
            }
            let at = content.advance();
            for write in &txn.then {
                match write {
                    Write::Put { key, value, lease } => content.put(key, value, *lease, at),
                    Write::Delete(key) => content.delete(key, at),
                }
            }
            Outcome::Done(at)
        }))
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
    /// How much time has passed.
    now: Duration,
    leases: BTreeMap<LeaseId, MemoryLease>,
    /// How many leases there have been.
    granted: i64,
    fault: Option<StoreError>,
}

#[derive(Debug)]
struct MemoryLease {
    ttl: Duration,
    ends: Duration,
}

impl Content {
    fn put(&mut self, key: &str, value: &[u8], lease: Option<LeaseId>, modified: Revision) {
        let (key, value) = (key.to_owned(), value.to_vec());
        let entry = Entry { key: key.clone(), value, modified, lease };
        self.entries.insert(key, entry.clone());
        self.log.push((modified, Event::Put(entry)));
    }

    fn delete(&mut self, key: &str, at: Revision) {
        if self.entries.remove(key).is_some() {
            self.log.push((at, Event::Deleted { key: key.to_owned(), at }));
        }
    }

    fn delete_leased(&mut self, lease: LeaseId) {
        let hanging = self.entries.values().filter(|entry| entry.lease == Some(lease));
        let keys: Vec<_> = hanging.map(|entry| entry.key.clone()).collect();
        if !keys.is_empty() {
            let at = self.advance();
            for key in keys {
                self.delete(&key, at);
            }
        }
    }

    fn holds(&self, compare: &Compare) -> bool {
        match compare {
            Compare::Absent(key) => !self.entries.contains_key(key),
            Compare::ModifiedAt(key, at) => {
                self.entries.get(key).is_some_and(|entry| entry.modified == *at)
            }
            Compare::ValueIs(key, value) => {
                self.entries.get(key).is_some_and(|entry| entry.value == *value)
            }
        }
    }

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

        async fn pass(&self, time: Duration) {
            Self::pass(self, time);
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

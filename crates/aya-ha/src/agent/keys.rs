//! Follows the cluster's keys.

use std::sync::Arc;
use std::time::Duration;

use aya_dcs::etcd::EtcdStore;
use aya_dcs::{Batch, Entry, Event, LeaseId, Range, Store, StoreError, Watch};
use aya_ha_core::cluster::{Keys, Stored};
use aya_ha_core::view;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::clock;

/// The keys, and whether they are the store's present ones.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) keys: Keys,
    pub(super) store: view::Store,
}

/// Follows the keys under a prefix for as long as somebody listens.
pub(super) fn follow(store: Arc<EtcdStore>, prefix: String) -> watch::Receiver<Seen> {
    let seen = Seen { keys: Keys::default(), store: view::Store::Lost(clock::now()) };
    let (tell, told) = watch::channel(seen);
    tokio::spawn(async move {
        while !tell.is_closed() {
            if let Err(error) = once(&store, &prefix, &tell).await {
                lost(&tell, &error);
                sleep(AGAIN).await;
            }
        }
    });
    told
}

/// Reads the keys and follows their changes until something fails.
async fn once(
    store: &EtcdStore,
    prefix: &str,
    tell: &watch::Sender<Seen>,
) -> Result<(), StoreError> {
    let range = store.range(prefix).await?;
    let mut watch = store.watch(prefix, range.revision).await?;
    let keys = read(prefix, range);
    tell.send_replace(Seen { keys, store: view::Store::Current });
    while !tell.is_closed() {
        let batch = watch.next().await?;
        if !batch.events.is_empty() {
            tell.send_modify(|seen| apply(&mut seen.keys, prefix, batch));
        }
    }
    Ok(())
}

fn lost(tell: &watch::Sender<Seen>, error: &StoreError) {
    tell.send_if_modified(|seen| {
        let news = seen.store == view::Store::Current;
        if news {
            tracing::warn!(%error, "the store is lost");
            seen.store = view::Store::Lost(clock::now());
        }
        news
    });
}

fn read(prefix: &str, range: Range) -> Keys {
    let mut keys = Keys { revision: range.revision.0, ..Keys::default() };
    for entry in range.entries {
        put(&mut keys, prefix, entry);
    }
    keys
}

fn apply(keys: &mut Keys, prefix: &str, batch: Batch) {
    for event in batch.events {
        match event {
            Event::Put(entry) => put(keys, prefix, entry),
            Event::Deleted { key, .. } => {
                if let Some(name) = key.strip_prefix(prefix) {
                    keys.stored.remove(name);
                }
            }
        }
    }
    keys.revision = keys.revision.max(batch.revision.0);
}

fn put(keys: &mut Keys, prefix: &str, entry: Entry) {
    if let Some(name) = entry.key.strip_prefix(prefix) {
        let lease = entry.lease.map(|LeaseId(lease)| lease);
        let stored = Stored { value: entry.value, modified: entry.modified.0, lease };
        keys.stored.insert(name.to_owned(), stored);
    }
}

const AGAIN: Duration = Duration::from_millis(200);

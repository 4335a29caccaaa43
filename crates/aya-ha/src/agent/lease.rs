//! Keeps the lease on which this node's keys hang.

use std::sync::Arc;
use std::time::Duration;

use aya_db_core::Moment;
use aya_dcs::etcd::EtcdStore;
use aya_dcs::{LeaseId, Renewal, Writer};
use aya_ha_core::lease::{Lease, Timing};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::clock;

/// A lease, and its number in the store.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Held {
    pub(super) id: LeaseId,
    pub(super) lease: Lease,
}

/// Keeps a lease for as long as somebody listens. Where it is lost, another takes its place; a change of
/// its length starts a new one.
pub(super) fn keep(
    store: Arc<EtcdStore>,
    mut timing: watch::Receiver<Timing>,
) -> watch::Receiver<Option<Held>> {
    let (tell, told) = watch::channel(None);
    tokio::spawn(async move {
        while !tell.is_closed() {
            let length = *timing.borrow_and_update();
            if let Some(held) = grant(&store, length).await {
                tell.send_replace(Some(held));
                renew(&store, &mut timing, &tell, held).await;
            } else {
                sleep(AGAIN).await;
            }
        }
    });
    told
}

async fn grant(store: &EtcdStore, timing: Timing) -> Option<Held> {
    let sent = clock::now();
    match store.grant(timing.ttl()).await {
        Ok(id) => Some(Held { id, lease: Lease::granted(timing, sent) }),
        Err(error) => {
            tracing::debug!(%error, "no lease is granted");
            None
        }
    }
}

/// Renews until the lease is gone, nobody listens or another length is wanted.
async fn renew(
    store: &EtcdStore,
    timing: &mut watch::Receiver<Timing>,
    tell: &watch::Sender<Option<Held>>,
    mut held: Held,
) {
    while !tell.is_closed() && !timing.has_changed().unwrap_or(true) {
        let wait = held.lease.next_renewal().since(clock::now());
        if timeout(wait, timing.changed()).await.is_ok() {
            timing.mark_changed();
            return;
        }
        let sent: Moment = clock::now();
        held.lease.ask(sent);
        match store.renew(held.id).await {
            Ok(Renewal::Held) => {
                held.lease.acknowledged(sent);
                tell.send_replace(Some(held));
            }
            Ok(Renewal::Gone) => {
                tracing::warn!("the lease has ended in the store");
                return;
            }
            Err(error) => {
                tracing::debug!(%error, "the lease is not renewed");
                sleep(AGAIN).await;
                held.lease.ask(Moment(Duration::ZERO));
            }
        }
    }
}

const AGAIN: Duration = Duration::from_millis(100);

use aya_db_core::observation::{Observation, Source};
use aya_dcs::patroni::{Keys, Scope, scopes_of};
use aya_dcs::{Store, StoreError, Watch};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::pace::Pace;
use super::teller::{Failure, MonitorGone, Teller};

/// Follows the keys of `scope` in `store` until cancelled: a range, then a watch from its
/// revision, and both anew after an error.
pub(super) async fn follow<S: Store>(
    store: &S,
    scope: &Scope,
    observations: mpsc::Sender<Observation>,
    cancel: &CancellationToken,
    mut pace: watch::Receiver<Pace>,
) {
    let mut teller = Teller::new(Source::Etcd, observations);
    let mut backoff = Backoff::new();
    let rounds = async {
        loop {
            let error = match round(store, scope, &mut teller, &mut backoff).await {
                Ok(error) => error,
                Err(MonitorGone) => return,
            };
            if matches!(error, StoreError::Compacted { .. }) {
                continue;
            }
            if teller.failed(severity(&error), error.to_string()).await.is_err() {
                return;
            }
            backoff.wait(&mut pace).await;
        }
    };
    tokio::select! {
        () = cancel.cancelled() => {}
        () = rounds => {}
    }
}

/// One range and the watch that follows it, to the error that ends it.
///
/// The watch is opened before the range is told: etcd brings a watch that begins in the past up
/// to date only ten times a second (`syncWatchersLoop` of its `mvcc` package), and a change in
/// between would be told that late.
async fn round<S: Store>(
    store: &S,
    scope: &Scope,
    teller: &mut Teller,
    backoff: &mut Backoff,
) -> Result<StoreError, MonitorGone> {
    let prefix = scope.prefix();
    let range = match store.range(&prefix).await {
        Ok(range) => range,
        Err(error) => return Ok(error),
    };
    let mut keys = Keys::new(scope, range);
    let mut watch = match store.watch(&prefix, keys.revision()).await {
        Ok(watch) => watch,
        Err(error) => return Ok(error),
    };
    tell(store, scope, &keys, teller).await?;
    loop {
        match watch.next().await {
            Ok(batch) => keys.apply(batch),
            Err(error) => return Ok(error),
        }
        *backoff = Backoff::new();
        tell(store, scope, &keys, teller).await?;
    }
}

async fn tell<S: Store>(
    store: &S,
    scope: &Scope,
    keys: &Keys,
    teller: &mut Teller,
) -> Result<(), MonitorGone> {
    if !keys.is_empty() {
        return teller.report(keys.decode()).await;
    }
    let namespace = scope.namespace_prefix();
    let found = store.keys(&namespace, KEYS_LOOKED_AT).await.unwrap_or_default();
    let scopes = scopes_of(&namespace, found.iter().map(String::as_str));
    teller.failed(Failure::Lasting, scope.not_found(&scopes)).await
}

const fn severity(error: &StoreError) -> Failure {
    match error {
        StoreError::AuthRejected { .. } | StoreError::Misconfigured { .. } => Failure::Lasting,
        _ => Failure::Passing,
    }
}

/// A cluster has about ten keys; this is to name the other clusters in an error.
const KEYS_LOOKED_AT: u16 = 500;

#[cfg(test)]
mod tests;

//! Patroni's keys in etcd.

use aya_db_core::observation::{Observation, Source};
use aya_dcs::etcd::{Credentials, EtcdSettings, EtcdStore, EtcdTls};
use aya_dcs::patroni::Scope;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::follow::follow;
use super::teller::{Failure, Teller};
use super::{Login, Pace, SourceSettings, TlsPem};

/// Tells `observations` what the keys of `scope` say, until cancelled or until the monitor is
/// gone. Dropped midway, it leaves nothing behind.
pub(crate) async fn run(
    settings: SourceSettings,
    scope: Scope,
    observations: mpsc::Sender<Observation>,
    cancel: CancellationToken,
    pace: watch::Receiver<Pace>,
) {
    let first = usize::try_from(std::process::id()).unwrap_or_default();
    match EtcdStore::new(&etcd_settings(settings), first) {
        Ok(store) => follow(&store, &scope, observations, &cancel, pace).await,
        Err(error) => {
            let mut teller = Teller::new(Source::Etcd, observations);
            if teller.failed(Failure::Lasting, error.to_string()).await.is_ok() {
                cancel.cancelled().await;
            }
        }
    }
}

fn etcd_settings(settings: SourceSettings) -> EtcdSettings {
    let SourceSettings { endpoints, login, tls } = settings;
    EtcdSettings {
        endpoints,
        credentials: login.map(|Login { user, password }| Credentials { user, password }),
        tls: tls.map(|TlsPem { ca, identity }| EtcdTls { ca_pem: ca, identity_pem: identity }),
    }
}

#[cfg(test)]
mod tests;

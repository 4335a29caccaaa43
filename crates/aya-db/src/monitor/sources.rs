//! Starts the sources that the connection string names.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use aya_db_core::conninfo::ConnInfo;
use aya_db_core::observation::{Observation, Source};
use aya_dcs::patroni::Scope;

use crate::connect::Session;
#[cfg(feature = "etcd")]
use crate::discovery::etcd;
use crate::discovery::{Pace, patroni};

/// What every source is given.
pub(super) struct Subscriptions {
    pub(super) observations: mpsc::Sender<Observation>,
    pub(super) cancel: CancellationToken,
    pub(super) pace: watch::Receiver<Pace>,
}

/// The sources of a cluster; the servers themselves are always one.
pub(super) fn configured(info: &ConnInfo) -> Vec<Source> {
    let cluster = info.cluster();
    let mut sources = vec![Source::Probe];
    if !cluster.etcd.endpoints.is_empty() {
        sources.push(Source::Etcd);
    }
    if !cluster.patroni.endpoints.is_empty() {
        sources.push(Source::Patroni);
    }
    sources
}

/// Starts a task for each source that describes the whole cluster.
pub(super) fn spawn(session: &Arc<Session>, to: &Subscriptions, tasks: &mut JoinSet<()>) {
    let cluster = session.info().cluster();
    let scope =
        cluster.scope.as_deref().and_then(|scope| Scope::new(&cluster.namespace, scope).ok());
    #[cfg(feature = "etcd")]
    if let Some(scope) = scope.clone().filter(|_| !cluster.etcd.endpoints.is_empty()) {
        let (settings, to) = (session.etcd().clone(), to.shared());
        tasks.spawn(etcd::run(settings, scope, to.observations, to.cancel, to.pace));
    }
    if !cluster.patroni.endpoints.is_empty() {
        let (settings, to) = (session.patroni().clone(), to.shared());
        tasks.spawn(patroni::run(settings, scope, to.observations, to.cancel, to.pace));
    }
}

impl Subscriptions {
    fn shared(&self) -> Self {
        Self {
            observations: self.observations.clone(),
            cancel: self.cancel.clone(),
            pace: self.pace.clone(),
        }
    }
}

//! aya-db as an application uses it: one cluster handle for all agents, and no loop around it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use aya_testkit::PatroniCluster;
use tokio::task::JoinSet;

use aya_db::{Cluster, ClusterEvent, Error, Fate};

use super::driver::{INSERT, Outcome, message};
use super::habits::{Habits, Task};
use super::log::Left;
use super::unit::{MISREAD, Spoilt, steps};
use crate::clock::Clock;

/// The handle, and when the driver lost sight of a leader.
pub(crate) struct Aya {
    cluster: Cluster,
    habits: Habits,
    losses: Arc<Mutex<Vec<Duration>>>,
    _listener: JoinSet<()>,
}

impl Aya {
    /// Connects with every source there is, and a connection for each of `agents`.
    pub(super) async fn connect(
        cluster: &PatroniCluster,
        agents: usize,
        habits: Habits,
        clock: Clock,
    ) -> Result<Self> {
        let mut text = conninfo(cluster, agents);
        if let Some(resolution) = habits.resolution {
            text.push_str(&format!(" commit_resolution={}", resolution.text()));
        }
        let cluster = Cluster::connect(&text).await.context("connect by aya-db")?;
        let losses = Arc::new(Mutex::new(Vec::new()));
        let mut listener = JoinSet::new();
        let (mut events, seen) = (cluster.events(), Arc::clone(&losses));
        listener.spawn(async move {
            while let Some(event) = events.recv().await {
                if matches!(event, ClusterEvent::LeaderLost { .. }) {
                    seen.lock().unwrap_or_else(PoisonError::into_inner).push(clock.now());
                }
            }
        });
        Ok(Self { cluster, habits, losses, _listener: listener })
    }

    pub(super) fn writer(&self, number: i32) -> AyaWriter {
        AyaWriter { cluster: self.cluster.clone(), task: self.habits.task(number), number }
    }

    pub(super) fn noticed_since(&self, moment: Duration) -> Option<Duration> {
        let losses = self.losses.lock().unwrap_or_else(PoisonError::into_inner);
        losses.iter().find(|at| **at >= moment).copied()
    }
}

/// One agent's handle.
pub(crate) struct AyaWriter {
    cluster: Cluster,
    task: Task,
    number: i32,
}

impl AyaWriter {
    pub(super) async fn write(&self, id: i64) -> Outcome {
        match self.attempt(id).await {
            Ok(()) => Outcome::Written,
            Err(Spoilt::Misread) => {
                let message = "it did not read what it had written".to_owned();
                Outcome::Failed { label: MISREAD.to_owned(), message, left: Left::Nothing }
            }
            Err(Spoilt::Failed(error)) => {
                let (label, message) = (label(&error), message(&error));
                Outcome::Failed { label, message, left: left(error.fate()) }
            }
        }
    }

    /// Written as by somebody who has never heard of failovers: nothing is caught.
    async fn attempt(&self, id: i64) -> Result<(), Spoilt> {
        let number = self.number;
        match self.task {
            Task::Autocommit => {
                self.cluster.execute(INSERT, &[&id, &number]).await?;
            }
            Task::Explicit => {
                let tx = self.cluster.begin().await?;
                steps(&tx, id, number).await?;
                tx.commit().await?;
            }
            Task::Closure => {
                let unit = |tx| async move { steps(&tx, id, number).await };
                self.cluster.transaction(unit).await?;
            }
        }
        Ok(())
    }
}

/// An error in a few words.
pub(crate) fn label(error: &Error) -> String {
    format!("{} {}", error.code(), error.fate())
}

/// What an error of this fate says of the work.
pub(crate) const fn left(fate: Fate) -> Left {
    match fate {
        Fate::NotSent | Fate::RolledBack => Left::Nothing,
        Fate::Unknown => Left::Perhaps,
        Fate::Committed => Left::OneCopy,
    }
}

/// A connection string that names every source there is.
pub(crate) fn conninfo(cluster: &PatroniCluster, agents: usize) -> String {
    let list = |addresses: &[SocketAddr], part: fn(&SocketAddr) -> String| {
        addresses.iter().map(part).collect::<Vec<_>>().join(",")
    };
    let servers = cluster.client_addresses();
    let account = cluster.account();
    let url = |address: &SocketAddr| format!("http://{address}");
    format!(
        "host={} port={} user={name} password={} dbname={name} target_session_attrs=read-write \
         pool_max_size={agents} cluster_scope={} etcd_endpoints={} patroni_endpoints={}",
        list(&servers, |address| address.ip().to_string()),
        list(&servers, |address| address.port().to_string()),
        account.password,
        cluster.scope(),
        list(&cluster.etcd_endpoints(), url),
        list(&cluster.patroni_endpoints(), url),
        name = account.name,
    )
}

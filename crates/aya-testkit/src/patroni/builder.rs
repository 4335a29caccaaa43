//! What cluster to start.

use std::{path::PathBuf, time::Duration};

use anyhow::{Result, ensure};

use super::{
    cluster::PatroniCluster,
    config::Replication,
    node::{Blueprint, Node},
};
use crate::{Account, EtcdCluster, EtcdCredentials, host::Scratch, servers::Servers, sql};

/// Patroni's three clocks, in whole seconds, with the floors it enforces: ttl 20, loop wait 1,
/// retry timeout 3, and loop wait + 2 retry timeouts within the ttl.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PatroniTimings {
    /// How long the leader key outlives its owner.
    pub ttl: u64,
    /// How long Patroni sleeps between two passes.
    pub loop_wait: u64,
    /// How long it retries etcd and PostgreSQL before it gives up.
    pub retry_timeout: u64,
}

impl Default for PatroniTimings {
    fn default() -> Self {
        Self { ttl: 20, loop_wait: 2, retry_timeout: 3 }
    }
}

/// Builds a [`PatroniCluster`].
#[derive(Clone, Debug)]
pub struct PatroniClusterBuilder {
    scope: String,
    nodes: usize,
    etcd_members: usize,
    credentials: Option<EtcdCredentials>,
    replication: Replication,
    timings: PatroniTimings,
    account: Account,
    settings: Vec<(String, String)>,
    daemon: Option<PathBuf>,
}

impl Default for PatroniClusterBuilder {
    fn default() -> Self {
        Self {
            scope: "aya".to_owned(),
            nodes: 2,
            etcd_members: 1,
            credentials: None,
            replication: Replication::Asynchronous,
            timings: PatroniTimings::default(),
            account: Account::new("app", "app"),
            settings: Vec::new(),
            daemon: None,
        }
    }
}

impl PatroniClusterBuilder {
    /// The cluster's name, `aya` by default.
    #[must_use]
    pub fn scope(mut self, scope: &str) -> Self {
        scope.clone_into(&mut self.scope);
        self
    }

    /// How many PostgreSQL nodes, 2 by default.
    #[must_use]
    pub fn nodes(mut self, nodes: usize) -> Self {
        self.nodes = nodes;
        self
    }

    /// How many etcd members, 1 by default.
    #[must_use]
    pub fn etcd_members(mut self, members: usize) -> Self {
        self.etcd_members = members;
        self
    }

    /// Switches etcd's authentication on.
    #[must_use]
    pub fn etcd_credentials(mut self, user: &str, password: &str) -> Self {
        self.credentials =
            Some(EtcdCredentials { user: user.to_owned(), password: password.to_owned() });
        self
    }

    /// Commits wait for a standby: Patroni's `synchronous_mode`.
    #[must_use]
    pub fn synchronous(mut self) -> Self {
        self.replication = Replication::Synchronous;
        self
    }

    /// Sets Patroni's clocks.
    #[must_use]
    pub fn timings(mut self, timings: PatroniTimings) -> Self {
        self.timings = timings;
        self
    }

    /// The application's login role and database, `app` with password `app` by default.
    #[must_use]
    pub fn account(mut self, account: Account) -> Self {
        self.account = account;
        self
    }

    /// Sets a server parameter on every node.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs the nodes under this program instead of Patroni: `PROGRAM run CONFIG`, with Patroni's own
    /// configuration.
    #[must_use]
    pub fn daemon(mut self, program: PathBuf) -> Self {
        self.daemon = Some(program);
        self
    }

    /// Starts etcd, then every node, and waits until one leads, the others stream, and (when
    /// synchronous) Patroni names a synchronous standby.
    ///
    /// # Errors
    /// When some part does not come up; the end of its log is in the error.
    pub async fn start(self) -> Result<PatroniCluster> {
        ensure!(self.nodes > 0, "a cluster needs a node");
        let servers = tokio::task::spawn_blocking(Servers::ensure).await??;
        let etcd = EtcdCluster::start(self.etcd_members, self.credentials.clone()).await?;
        let scratch = Scratch::new()?;
        let blueprint = Blueprint {
            scope: self.scope.clone(),
            replication: self.replication,
            timings: self.timings,
            settings: self.settings.clone(),
            daemon: self.daemon.clone(),
        };
        let mut nodes = Vec::new();
        for index in 0..self.nodes {
            let name = format!("n{}", index + 1);
            let mut node = Node::new(&servers, &scratch, &etcd, &blueprint, &name).await?;
            node.spawn()?;
            nodes.push(node);
        }
        let cluster = PatroniCluster::new(nodes, etcd, self.scope, self.account, scratch);
        let leader = cluster.wait_leader(BOOT_LIMIT).await?;
        let superuser = cluster.node(&leader)?.superuser_conninfo();
        sql(&superuser, &cluster.account().create_role()).await?;
        sql(&superuser, &cluster.account().create_database()).await?;
        cluster.wait_streaming(self.nodes - 1, BOOT_LIMIT).await?;
        if self.replication == Replication::Synchronous && self.nodes > 1 {
            cluster.wait_synchronous(BOOT_LIMIT).await?;
        }
        Ok(cluster)
    }
}

const BOOT_LIMIT: Duration = Duration::from_secs(60);

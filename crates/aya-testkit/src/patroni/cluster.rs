//! All nodes together: who leads, and waiting for it.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::{
    builder::PatroniClusterBuilder,
    node::{Node, NodeAnswer},
};
use crate::{
    Account, EtcdCluster, HttpAnswer, host::Scratch, http::http_request, sql::sql, wait::until,
};

/// A running cluster. Dropping it kills everything it started and removes its folders.
#[derive(Debug)]
pub struct PatroniCluster {
    nodes: Vec<Node>,
    etcd: EtcdCluster,
    scope: String,
    account: Account,
    _scratch: Scratch,
}

impl PatroniCluster {
    /// What to start.
    #[must_use]
    pub fn builder() -> PatroniClusterBuilder {
        PatroniClusterBuilder::default()
    }

    pub(super) fn new(
        nodes: Vec<Node>,
        etcd: EtcdCluster,
        scope: String,
        account: Account,
        scratch: Scratch,
    ) -> Self {
        Self { nodes, etcd, scope, account, _scratch: scratch }
    }

    /// The node called `name`.
    ///
    /// # Errors
    /// When there is none.
    pub fn node(&self, name: &str) -> Result<&Node> {
        let found = self.nodes.iter().find(|node| node.name() == name);
        found.with_context(|| format!("there is no node {name}"))
    }

    /// The node called `name`, to kill or start it.
    ///
    /// # Errors
    /// When there is none.
    pub fn node_mut(&mut self, name: &str) -> Result<&mut Node> {
        let found = self.nodes.iter_mut().find(|node| node.name() == name);
        found.with_context(|| format!("there is no node {name}"))
    }

    /// The etcd cluster, to break it.
    pub fn etcd_mut(&mut self) -> &mut EtcdCluster {
        &mut self.etcd
    }

    /// All nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The etcd cluster.
    #[must_use]
    pub fn etcd(&self) -> &EtcdCluster {
        &self.etcd
    }

    /// The cluster's name in Patroni and etcd; the namespace is Patroni's usual `service`.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// The application's login.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The proxied addresses of the etcd members.
    #[must_use]
    pub fn etcd_endpoints(&self) -> Vec<SocketAddr> {
        self.etcd.client_addresses()
    }

    /// The proxied addresses of every node's REST.
    #[must_use]
    pub fn patroni_endpoints(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(Node::rest_address).collect()
    }

    /// The proxied addresses of every server.
    #[must_use]
    pub fn client_addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(Node::client_address).collect()
    }

    /// See [`EtcdCluster::etcdctl`].
    ///
    /// # Errors
    /// When etcdctl fails.
    pub async fn etcdctl(&self, arguments: &[&str]) -> Result<String> {
        self.etcd.etcdctl(arguments).await
    }

    /// The node whose own Patroni calls its server a running primary, asked past the proxies.
    pub async fn leader(&self) -> Option<String> {
        for node in &self.nodes {
            if node.answer().await.is_ok_and(|answer| leads(&answer)) {
                return Some(node.name().to_owned());
            }
        }
        None
    }

    /// Waits until a node leads and its server is out of recovery. When synchronous, a commit may
    /// still wait for a standby.
    ///
    /// # Errors
    /// When none does in time; the end of every log is in the error.
    pub async fn wait_leader(&self, within: Duration) -> Result<String> {
        self.wait_leader_other_than("", within).await
    }

    /// Waits until a node that is not called `old` leads and its server is out of
    /// recovery.
    ///
    /// # Errors
    /// When none does in time; the end of every log is in the error.
    pub async fn wait_leader_other_than(&self, old: &str, within: Duration) -> Result<String> {
        let found = until("a leader", within, async || {
            for node in self.nodes.iter().filter(|node| node.name() != old) {
                let leads = node.answer().await.is_ok_and(|answer| leads(&answer));
                let query = "SELECT pg_is_in_recovery()";
                if leads && let Ok(rows) = sql(&node.superuser_conninfo(), query).await {
                    let primary = rows == [[Some("f".to_owned())]];
                    return Ok(primary.then(|| node.name().to_owned()));
                }
            }
            Ok(None)
        });
        found.await.with_context(|| self.logs())
    }

    /// Waits until `standbys` nodes stream from the leader.
    ///
    /// # Errors
    /// When they do not in time; the end of every log is in the error.
    pub async fn wait_streaming(&self, standbys: usize, within: Duration) -> Result<()> {
        let query = "SELECT 1 FROM pg_stat_replication \
            WHERE state = 'streaming' AND application_name <> 'pg_basebackup'";
        let found = until("the standbys to stream", within, async || {
            let Some(leader) = self.leader().await else { return Ok(None) };
            let rows = sql(&self.node(&leader)?.superuser_conninfo(), query).await;
            Ok(rows.is_ok_and(|rows| rows.len() >= standbys).then_some(()))
        });
        found.await.with_context(|| self.logs())
    }

    /// Waits until Patroni's `/sync` key names the leader's synchronous standby.
    ///
    /// # Errors
    /// When it does not in time; the end of every log is in the error.
    pub async fn wait_synchronous(&self, within: Duration) -> Result<String> {
        let found = until("a synchronous standby", within, async || {
            for node in &self.nodes {
                let answer = node.answer().await;
                if answer.is_ok_and(|answer| answer.document["sync_standby"] == true) {
                    return Ok(Some(node.name().to_owned()));
                }
            }
            Ok(None)
        });
        found.await.with_context(|| self.logs())
    }

    /// A planned switchover to `candidate`; returns once Patroni says it is done.
    ///
    /// # Errors
    /// When no node leads, Patroni refuses, or it takes longer than 60 s.
    pub async fn switchover(&self, candidate: &str) -> Result<HttpAnswer> {
        let leader = self.leader().await.context("no node leads")?;
        let body = json!({ "leader": leader, "candidate": candidate }).to_string();
        let rest = self.node(&leader)?.direct_rest_address();
        let within = Duration::from_secs(60);
        let answer = http_request(rest, "POST", "/switchover", &body, within).await?;
        ensure!(answer.status == 200, "patroni answered {}: {}", answer.status, answer.body);
        Ok(answer)
    }

    fn logs(&self) -> String {
        let tails = self.nodes.iter().map(|node| format!("{}:\n{}", node.name(), node.log_tail()));
        tails.collect::<Vec<_>>().join("\n")
    }
}

fn leads(answer: &NodeAnswer) -> bool {
    answer.role == "primary" && answer.state == "running"
}

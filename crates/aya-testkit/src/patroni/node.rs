//! One machine of the cluster: Patroni and the PostgreSQL server it runs.

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use super::{
    builder::PatroniTimings,
    config::{Place, Replication, document},
    front::Front,
};
use crate::{
    EtcdCluster, FaultProxy, Lane,
    host::{Identity, Loopback, Processes, Scratch, open, tail},
    http::http_request,
    servers::{Servers, python},
};

/// How much of a node a verb takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Extent {
    /// Every PostgreSQL process.
    PostgreSql,
    /// Patroni as well.
    WholeNode,
}

/// What a node's Patroni says of itself.
#[derive(Clone, Debug)]
pub struct NodeAnswer {
    /// `primary`, `replica`, and so on.
    pub role: String,
    /// `running`, `starting`, and so on.
    pub state: String,
    /// The timeline, when the server runs.
    pub timeline: Option<u64>,
    /// The whole answer of `GET /patroni`.
    pub document: Value,
}

/// What all nodes share.
pub(super) struct Blueprint {
    pub(super) scope: String,
    pub(super) replication: Replication,
    pub(super) timings: PatroniTimings,
    pub(super) settings: Vec<(String, String)>,
    /// What runs the nodes instead of Patroni.
    pub(super) daemon: Option<PathBuf>,
}

/// A node. The public address of its server and of its REST are proxied and are what Patroni
/// publishes; clients and nodes share them but have faults of their own.
#[derive(Debug)]
pub struct Node {
    name: String,
    child: Option<Child>,
    servers: Servers,
    daemon: Option<PathBuf>,
    folder: PathBuf,
    data: PathBuf,
    sockets: PathBuf,
    log: PathBuf,
    postgres: SocketAddr,
    rest: SocketAddr,
    postgres_front: Front,
    rest_front: Front,
    etcd_links: Vec<FaultProxy>,
    _loopback: Loopback,
}

impl Node {
    /// `SIGKILL` to Patroni and every process of its server, as if the machine had died.
    ///
    /// # Errors
    /// When a process survives.
    pub fn kill(&mut self) -> Result<()> {
        // Both at once: Patroni must not restart the server, nor the server outlive Patroni.
        Processes::within(&self.folder).kill()?;
        if let Some(mut child) = self.child.take() {
            child.wait()?;
        }
        self.postgres_front.proxy().server_gone();
        self.rest_front.proxy().server_gone();
        Ok(())
    }

    /// `SIGKILL` to every PostgreSQL process; Patroni lives and will act.
    ///
    /// # Errors
    /// When a process survives.
    pub fn kill_postgres(&self) -> Result<()> {
        Processes::within(&self.data).kill_once()
    }

    /// `SIGKILL` to the postmaster alone. Its children notice by themselves and end, each when it
    /// next waits for something; Patroni lives and will act.
    ///
    /// # Errors
    /// When no server runs.
    pub fn kill_postmaster(&self) -> Result<()> {
        let file = self.data.join("postmaster.pid");
        let text =
            fs::read_to_string(&file).with_context(|| format!("{} runs no server", self.name))?;
        let id = text.lines().next().and_then(|line| line.trim().parse().ok());
        let id = id.with_context(|| format!("{} names no process", file.display()))?;
        // A file that a dead server has left behind may name any process by now.
        ensure!(
            self.processes(Extent::PostgreSql).ids().contains(&id),
            "{} runs no server",
            self.name
        );
        Ok(kill(Pid::from_raw(id), Signal::SIGKILL)?)
    }

    /// `SIGSTOP`.
    ///
    /// # Errors
    /// When new processes keep appearing.
    pub fn freeze(&self, extent: Extent) -> Result<()> {
        self.processes(extent).freeze()
    }

    /// `SIGCONT` to the whole node.
    pub fn thaw(&self) {
        self.processes(Extent::WholeNode).thaw();
    }

    /// Starts a killed node on the data it has. It is not waited for, see
    /// [`PatroniCluster::wait_streaming`](super::PatroniCluster::wait_streaming).
    ///
    /// # Errors
    /// When Patroni cannot be started.
    pub fn start(&mut self) -> Result<()> {
        if self.child.is_some() {
            return Ok(());
        }
        self.spawn()
    }

    /// Cuts the node off from etcd, and the other nodes off from it; its clients still reach it.
    ///
    /// What the node itself asks of the others goes through their fronts and is not cut: to stop
    /// a standby's streaming, cut [`peers`](Self::peers) of its leader.
    pub fn isolate(&self) {
        for lane in [self.postgres_front.peers(), self.rest_front.peers()] {
            lane.cut();
        }
        self.etcd_links.iter().for_each(FaultProxy::cut);
    }

    /// Both directions of a partition between nodes: [`isolate_silently`](Self::isolate_silently)
    /// stops what comes in, this what the node asks of another one.
    pub fn silence_peers(&self) {
        self.postgres_front.peers().black_hole();
        self.rest_front.peers().black_hole();
    }

    /// As [`isolate`](Self::isolate), but the links fall silent instead of closing.
    pub fn isolate_silently(&self) {
        for lane in [self.postgres_front.peers(), self.rest_front.peers()] {
            lane.black_hole();
        }
        self.etcd_links.iter().for_each(FaultProxy::black_hole);
    }

    /// Ends every fault of the node's links.
    pub fn heal(&self) {
        self.postgres_front.proxy().heal();
        self.rest_front.proxy().heal();
        self.etcd_links.iter().for_each(FaultProxy::heal);
    }

    /// The node's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The proxied address of the server, which clients dial and Patroni publishes.
    #[must_use]
    pub fn client_address(&self) -> SocketAddr {
        self.postgres_front.address()
    }

    /// The server's own address.
    #[must_use]
    pub fn direct_address(&self) -> SocketAddr {
        self.postgres
    }

    /// The proxied address of Patroni's REST.
    #[must_use]
    pub fn rest_address(&self) -> SocketAddr {
        self.rest_front.address()
    }

    /// The REST's own address.
    #[must_use]
    pub fn direct_rest_address(&self) -> SocketAddr {
        self.rest
    }

    /// The links from clients to the server.
    #[must_use]
    pub fn clients(&self) -> &Lane {
        self.postgres_front.clients()
    }

    /// The links from other nodes to the server: replication and rewinding.
    #[must_use]
    pub fn peers(&self) -> &Lane {
        self.postgres_front.peers()
    }

    /// The links from clients to Patroni's REST.
    #[must_use]
    pub fn rest_clients(&self) -> &Lane {
        self.rest_front.clients()
    }

    /// The links from other nodes to Patroni's REST.
    #[must_use]
    pub fn rest_peers(&self) -> &Lane {
        self.rest_front.peers()
    }

    /// The node's links to etcd, one for each member.
    #[must_use]
    pub fn etcd_links(&self) -> &[FaultProxy] {
        &self.etcd_links
    }

    /// Connection string of the superuser over the unix socket, past the proxy.
    #[must_use]
    pub fn superuser_conninfo(&self) -> String {
        let (sockets, port) = (self.sockets.display(), self.postgres.port());
        format!("host={sockets} port={port} user=postgres dbname=postgres")
    }

    /// The processes a verb would reach.
    #[must_use]
    pub fn processes(&self, extent: Extent) -> Processes {
        Processes::within(match extent {
            Extent::PostgreSql => &self.data,
            Extent::WholeNode => &self.folder,
        })
    }

    /// What the node's Patroni says of itself, asked past the proxy.
    ///
    /// # Errors
    /// When it does not answer within 2 s.
    pub async fn answer(&self) -> Result<NodeAnswer> {
        let within = Duration::from_secs(2);
        let document = http_request(self.rest, "GET", "/patroni", "", within).await?.json()?;
        let text = |key: &str| document[key].as_str().unwrap_or_default().to_owned();
        Ok(NodeAnswer {
            role: text("role"),
            state: text("state"),
            timeline: document["timeline"].as_u64(),
            document,
        })
    }

    /// The end of the log of Patroni and its server.
    #[must_use]
    pub fn log_tail(&self) -> String {
        tail(&self.log)
    }

    pub(super) async fn new(
        servers: &Servers,
        scratch: &Scratch,
        etcd: &EtcdCluster,
        blueprint: &Blueprint,
        name: &str,
    ) -> Result<Self> {
        let loopback = Loopback::claim()?;
        let folder = scratch.folder(name)?;
        let sockets = scratch.folder(&format!("{name}/s"))?;
        let (postgres, rest) = (loopback.port(5432)?, loopback.port(8008)?);
        let mut etcd_links = Vec::new();
        for (port, member) in (22_379..).zip(etcd.members()) {
            let listen = loopback.port(port)?;
            etcd_links.push(FaultProxy::start(listen, member.direct_address()).await?);
        }
        let node = Self {
            name: name.to_owned(),
            child: None,
            servers: servers.clone(),
            daemon: blueprint.daemon.clone(),
            data: folder.join("data"),
            sockets,
            log: scratch.path().join(format!("{name}.log")),
            folder,
            postgres,
            rest,
            postgres_front: Front::postgres(loopback.port(6432)?, postgres).await?,
            rest_front: Front::rest(loopback.port(18_008)?, rest).await?,
            etcd_links,
            _loopback: loopback,
        };
        let place = Place {
            name: &node.name,
            postgres,
            postgres_public: node.client_address(),
            rest,
            rest_public: node.rest_address(),
            etcd: node.etcd_links.iter().map(FaultProxy::address).collect(),
            credentials: etcd.credentials(),
            data: &node.data,
            sockets: &node.sockets,
            bin: &servers.postgres_bin(),
            folder: &node.folder,
        };
        fs::write(node.folder.join("patroni.yml"), document(blueprint, &place).to_string())?;
        Identity::get().give(&node.folder)?;
        Ok(node)
    }

    pub(super) fn spawn(&mut self) -> Result<()> {
        let mut command = match &self.daemon {
            Some(daemon) => {
                let mut command = Identity::get().command(daemon);
                command.args(["run", "patroni.yml"]);
                command
            }
            None => {
                let mut command = Identity::get().command(python());
                command.args(["-m", "patroni", "patroni.yml"]);
                command
            }
        };
        command.current_dir(&self.folder);
        command.env("PYTHONPATH", self.servers.python_path()).env("PYTHONUNBUFFERED", "1");
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("HOME", &self.folder);
        command.stdin(Stdio::null()).stdout(open(&self.log)?).stderr(open(&self.log)?);
        self.child = Some(command.spawn().with_context(|| format!("start {}", self.name))?);
        self.postgres_front.proxy().server_back();
        self.rest_front.proxy().server_back();
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        _ = self.kill();
    }
}

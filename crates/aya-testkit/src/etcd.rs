//! An etcd cluster of one or three members.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use tokio::process::Command;

use crate::{
    FaultProxy,
    host::{Identity, Loopback, Processes, Scratch, open, tail},
    http::http_request,
    servers::Servers,
    wait::until,
};

/// The user every request must name when authentication is on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EtcdCredentials {
    /// The user's name.
    pub user: String,
    /// The password, for tests only and no secret.
    pub password: String,
}

/// Some members, started together. Dropping it kills them and removes their folder.
#[derive(Debug)]
pub struct EtcdCluster {
    members: Vec<EtcdMember>,
    credentials: Option<EtcdCredentials>,
    servers: Servers,
    scratch: Scratch,
}

impl EtcdCluster {
    /// Starts `members` of them, with user `root` and authentication on when there are
    /// credentials.
    ///
    /// # Errors
    /// When they form no healthy cluster within 30 s.
    pub async fn start(members: usize, credentials: Option<EtcdCredentials>) -> Result<Self> {
        ensure!(members > 0, "a cluster needs a member");
        let servers = tokio::task::spawn_blocking(Servers::ensure).await??;
        let scratch = Scratch::new()?;
        let mut made = Vec::new();
        for index in 0..members {
            made.push(EtcdMember::new(&servers, &scratch, index).await?);
        }
        let peers: Vec<String> =
            made.iter().map(|member| format!("{}=http://{}", member.name, member.peer)).collect();
        let peers = peers.join(",");
        for member in &mut made {
            member.initial_cluster.clone_from(&peers);
            member.spawn()?;
        }
        let mut cluster = Self { members: made, credentials: None, servers, scratch };
        for member in &cluster.members {
            member.wait_healthy().await?;
        }
        if let Some(credentials) = credentials {
            cluster.require(credentials).await?;
        }
        Ok(cluster)
    }

    /// The proxied client addresses.
    #[must_use]
    pub fn client_addresses(&self) -> Vec<SocketAddr> {
        self.members.iter().map(EtcdMember::client_address).collect()
    }

    /// The members.
    #[must_use]
    pub fn members(&self) -> &[EtcdMember] {
        &self.members
    }

    /// One member, to kill or start it.
    ///
    /// # Errors
    /// When there is none of that index.
    pub fn member_mut(&mut self, index: usize) -> Result<&mut EtcdMember> {
        self.members.get_mut(index).with_context(|| format!("there is no etcd member {index}"))
    }

    /// The folder of all members.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.scratch.path()
    }

    /// The user and password, when authentication is on.
    #[must_use]
    pub fn credentials(&self) -> Option<&EtcdCredentials> {
        self.credentials.as_ref()
    }

    /// Runs etcdctl against the living members, past the proxies, and returns what it printed.
    ///
    /// # Errors
    /// When it ends with a failure; its output is in the error.
    pub async fn etcdctl(&self, arguments: &[&str]) -> Result<String> {
        let endpoints: Vec<String> = self
            .members
            .iter()
            .filter(|member| member.child.is_some())
            .map(|member| member.direct.to_string())
            .collect();
        let mut command = Command::new(self.servers.etcdctl());
        command.env("ETCDCTL_API", "3").arg("--endpoints").arg(endpoints.join(","));
        command.arg("--command-timeout=10s").kill_on_drop(true);
        if let Some(credentials) = &self.credentials {
            let user = format!("{}:{}", credentials.user, credentials.password);
            command.arg("--user").arg(user);
        }
        let output = command.args(arguments).output().await.context("start etcdctl")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("etcdctl {arguments:?} ended with {}: {}", output.status, said.trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The index of the member that leads.
    ///
    /// # Errors
    /// When none leads.
    pub async fn leader(&self) -> Result<usize> {
        let table = self.etcdctl(&["endpoint", "status", "--write-out=json"]).await?;
        let table: serde_json::Value = serde_json::from_str(&table)?;
        let rows = table.as_array().context("etcdctl printed no list")?;
        let leads = |row: &&serde_json::Value| {
            let status = &row["Status"];
            status["leader"] == status["header"]["member_id"]
        };
        let leader = rows.iter().find(leads).context("no etcd member leads")?;
        let address = leader["Endpoint"].as_str().unwrap_or_default();
        let found = self.members.iter().position(|member| member.direct.to_string() == address);
        found.context("the leader is not one of ours")
    }

    /// User `root` must exist before authentication can be switched on.
    async fn require(&mut self, credentials: EtcdCredentials) -> Result<()> {
        for user in ["root", &credentials.user] {
            let password = format!("{user}:{}", credentials.password);
            if user != "root" || credentials.user == "root" {
                self.etcdctl(&["user", "add", &password]).await?;
            } else {
                self.etcdctl(&["user", "add", "root", "--no-password"]).await?;
            }
            self.etcdctl(&["user", "grant-role", user, "root"]).await?;
            if credentials.user == "root" {
                break;
            }
        }
        self.etcdctl(&["auth", "enable"]).await?;
        self.credentials = Some(credentials);
        Ok(())
    }
}

/// One etcd server.
#[derive(Debug)]
pub struct EtcdMember {
    name: String,
    child: Option<Child>,
    program: PathBuf,
    folder: PathBuf,
    log: PathBuf,
    direct: SocketAddr,
    peer: SocketAddr,
    initial_cluster: String,
    proxy: FaultProxy,
    _loopback: Loopback,
}

impl EtcdMember {
    /// `SIGKILL`.
    ///
    /// # Errors
    /// When it survives.
    pub fn kill(&mut self) -> Result<()> {
        Processes::within(&self.folder).kill()?;
        if let Some(mut child) = self.child.take() {
            child.wait()?;
        }
        self.proxy.server_gone();
        Ok(())
    }

    /// Starts a killed member on the data it has, and waits until it is healthy.
    ///
    /// # Errors
    /// When it is not healthy after 30 s, as without a quorum.
    pub async fn start(&mut self) -> Result<()> {
        if self.child.is_none() {
            self.spawn()?;
        }
        self.wait_healthy().await
    }

    /// `SIGSTOP`.
    ///
    /// # Errors
    /// When it does not stop.
    pub fn freeze(&self) -> Result<()> {
        Processes::within(&self.folder).freeze()
    }

    /// `SIGCONT`.
    pub fn thaw(&self) {
        Processes::within(&self.folder).thaw();
    }

    /// The proxied address, which clients dial and etcd advertises.
    #[must_use]
    pub fn client_address(&self) -> SocketAddr {
        self.proxy.address()
    }

    /// The member's own address.
    #[must_use]
    pub fn direct_address(&self) -> SocketAddr {
        self.direct
    }

    /// The proxy between clients and the member; the cluster's nodes have proxies of their own.
    #[must_use]
    pub fn proxy(&self) -> &FaultProxy {
        &self.proxy
    }

    async fn new(servers: &Servers, scratch: &Scratch, index: usize) -> Result<Self> {
        let name = format!("etcd{index}");
        let loopback = Loopback::claim()?;
        let direct = loopback.port(2379)?;
        let folder = scratch.folder(&name)?;
        Ok(Self {
            log: scratch.path().join(format!("{name}.log")),
            name,
            child: None,
            program: servers.etcd(),
            folder,
            direct,
            peer: loopback.port(2380)?,
            initial_cluster: String::new(),
            proxy: FaultProxy::start(loopback.port(12379)?, direct).await?,
            _loopback: loopback,
        })
    }

    fn spawn(&mut self) -> Result<()> {
        let mut command = Identity::get().command(&self.program);
        command.current_dir(&self.folder).arg("--data-dir").arg(self.folder.join("data"));
        command.args(["--unsafe-no-fsync", "--log-level=warn", "--initial-cluster-state=new"]);
        command.arg(format!("--name={}", self.name));
        command.arg(format!("--initial-cluster={}", self.initial_cluster));
        command.arg(format!("--listen-client-urls=http://{}", self.direct));
        command.arg(format!("--advertise-client-urls=http://{}", self.proxy.address()));
        command.arg(format!("--listen-peer-urls=http://{}", self.peer));
        command.arg(format!("--initial-advertise-peer-urls=http://{}", self.peer));
        command.stdin(Stdio::null()).stdout(open(&self.log)?).stderr(open(&self.log)?);
        self.child = Some(command.spawn().context("start etcd")?);
        self.proxy.server_back();
        Ok(())
    }

    async fn wait_healthy(&self) -> Result<()> {
        let within = Duration::from_secs(2);
        let healthy = until("etcd to be healthy", Duration::from_secs(30), async || {
            let answer = http_request(self.direct, "GET", "/health", "", within).await;
            Ok(answer.is_ok_and(|answer| answer.status == 200).then_some(()))
        });
        healthy.await.with_context(|| tail(&self.log))
    }
}

impl Drop for EtcdMember {
    fn drop(&mut self) {
        _ = self.kill();
    }
}

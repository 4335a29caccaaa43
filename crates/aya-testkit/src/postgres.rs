//! One PostgreSQL server on its own, started from a copied data folder.

use std::{
    fmt::Write as _,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    FaultProxy,
    host::{Identity, Loopback, Processes, Scratch, open, tail},
    servers::{Servers, run},
    sql::sql,
    wait::until,
};

/// A login role, with a database of the same name that it owns.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Account {
    /// The role's name and its database's.
    pub name: String,
    /// Its password, for tests only and no secret.
    pub password: String,
}

impl Account {
    /// A role with this password.
    #[must_use]
    pub fn new(name: &str, password: &str) -> Self {
        Self { name: name.to_owned(), password: password.to_owned() }
    }

    /// Keyword/value connection string for this account at `address`.
    #[must_use]
    pub fn conninfo(&self, address: SocketAddr) -> String {
        let quote = |text: &str| text.replace('\\', r"\\").replace('\'', r"\'");
        format!(
            "host={} port={} user='{}' password='{}' dbname='{}' connect_timeout=5",
            address.ip(),
            address.port(),
            quote(&self.name),
            quote(&self.password),
            quote(&self.name),
        )
    }

    /// The statements that make the role; the database needs one of its own.
    pub(crate) fn create_role(&self) -> String {
        let password = self.password.replace('\'', "''");
        format!("CREATE ROLE {} LOGIN PASSWORD '{password}'", self.quoted_name())
    }

    pub(crate) fn create_database(&self) -> String {
        format!("CREATE DATABASE {0} OWNER {0}", self.quoted_name())
    }

    fn quoted_name(&self) -> String {
        format!("\"{}\"", self.name.replace('"', "\"\""))
    }
}

/// Whether a server may share its system identifier with others of this kit.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SystemIdentifier {
    /// The template's, the same for every server: starts faster.
    #[default]
    Shared,
    /// Fresh from initdb.
    Own,
}

/// Builds a [`Postgres`].
#[derive(Clone, Debug, Default)]
pub struct PostgresBuilder {
    accounts: Vec<Account>,
    settings: Vec<(String, String)>,
    hba: Vec<String>,
    identifier: SystemIdentifier,
}

impl PostgresBuilder {
    /// Adds a login role with a database; without any there is `app` with password `app`.
    #[must_use]
    pub fn account(mut self, account: Account) -> Self {
        self.accounts.push(account);
        self
    }

    /// Sets a server parameter.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Puts a line in front of `pg_hba.conf`.
    #[must_use]
    pub fn hba(mut self, line: &str) -> Self {
        self.hba.push(line.to_owned());
        self
    }

    /// Chooses the system identifier.
    #[must_use]
    pub fn system_identifier(mut self, identifier: SystemIdentifier) -> Self {
        self.identifier = identifier;
        self
    }

    /// Starts the server and its proxy and makes the accounts.
    ///
    /// # Errors
    /// When the servers cannot be fetched or the server does not come up; its log's end is in
    /// the error.
    pub async fn start(mut self) -> Result<Postgres> {
        if self.accounts.is_empty() {
            self.accounts.push(Account::new("app", "app"));
        }
        let accounts = self.accounts.clone();
        let mut server =
            tokio::task::spawn_blocking(move || Prepared::fresh(&self)).await??.server().await?;
        server.accounts = accounts;
        server.start().await?;
        let superuser = server.superuser_conninfo();
        let roles: Vec<String> = server.accounts.iter().map(Account::create_role).collect();
        sql(&superuser, &roles.join(";")).await?;
        for account in &server.accounts {
            sql(&superuser, &account.create_database()).await?;
        }
        Ok(server)
    }
}

/// A running server. Dropping it kills it and removes its folder.
#[derive(Debug)]
pub struct Postgres {
    child: Option<Child>,
    servers: Servers,
    address: SocketAddr,
    proxy: FaultProxy,
    accounts: Vec<Account>,
    data: PathBuf,
    sockets: PathBuf,
    log: PathBuf,
    _loopback: Loopback,
    scratch: Scratch,
}

impl Postgres {
    /// What to start.
    #[must_use]
    pub fn builder() -> PostgresBuilder {
        PostgresBuilder::default()
    }

    /// Starts the server on the data it has; nothing happens when it runs.
    ///
    /// # Errors
    /// When it is not ready after 30 s, or ends first.
    pub async fn start(&mut self) -> Result<()> {
        if self.child.is_some() {
            return Ok(());
        }
        _ = fs::remove_file(self.data.join("postmaster.pid"));
        let mut command = Identity::get().command(self.servers.postgres_bin().join("postgres"));
        command.arg("-D").arg(&self.data).current_dir(&self.data).env_remove("PGDATA");
        command.stdin(Stdio::null()).stdout(open(&self.log)?).stderr(open(&self.log)?);
        self.child = Some(command.spawn().context("start postgres")?);
        let ready = until("postgres to accept connections", START_LIMIT, async || {
            let child = self.child.as_mut().context("postgres was not started")?;
            if let Some(status) = child.try_wait()? {
                bail!("postgres ended with {status}");
            }
            let file = fs::read_to_string(self.data.join("postmaster.pid")).unwrap_or_default();
            // The eighth line is the status, see pidfile.h.
            Ok(file.lines().nth(7).filter(|status| status.trim() == "ready").map(drop))
        });
        if let Err(error) = ready.await {
            _ = self.kill();
            return Err(error.context(tail(&self.log)));
        }
        self.proxy.server_back();
        Ok(())
    }

    /// Shuts down fast (`SIGINT`: sessions end, a checkpoint is written).
    ///
    /// # Errors
    /// When it does not end within 30 s.
    pub async fn stop(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        self.thaw();
        kill(Pid::from_raw(i32::try_from(child.id())?), Signal::SIGINT)?;
        until("postgres to stop", START_LIMIT, async || Ok(child.try_wait()?)).await?;
        self.proxy.server_gone();
        Ok(())
    }

    /// `SIGKILL` to the postmaster and every backend.
    ///
    /// # Errors
    /// When a process survives.
    pub fn kill(&mut self) -> Result<()> {
        Processes::within(&self.data).kill()?;
        if let Some(mut child) = self.child.take() {
            child.wait()?;
        }
        self.proxy.server_gone();
        Ok(())
    }

    /// `SIGSTOP` to every process of the server.
    ///
    /// # Errors
    /// When new processes keep appearing.
    pub fn freeze(&self) -> Result<()> {
        Processes::within(&self.data).freeze()
    }

    /// Undoes [`freeze`](Self::freeze).
    pub fn thaw(&self) {
        Processes::within(&self.data).thaw();
    }

    /// The proxied address, which clients dial.
    #[must_use]
    pub fn client_address(&self) -> SocketAddr {
        self.proxy.address()
    }

    /// The server's own address.
    #[must_use]
    pub fn direct_address(&self) -> SocketAddr {
        self.address
    }

    /// The folder of its unix socket, which accepts every local user.
    #[must_use]
    pub fn socket_folder(&self) -> &Path {
        &self.sockets
    }

    /// The proxy between clients and server.
    #[must_use]
    pub fn proxy(&self) -> &FaultProxy {
        &self.proxy
    }

    /// The data folder.
    #[must_use]
    pub fn data_folder(&self) -> &Path {
        &self.data
    }

    /// The accounts it was built with.
    #[must_use]
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// Connection string of the first account through the proxy.
    #[must_use]
    pub fn conninfo(&self) -> String {
        self.accounts[0].conninfo(self.client_address())
    }

    /// Connection string of the superuser over the unix socket, past the proxy.
    #[must_use]
    pub fn superuser_conninfo(&self) -> String {
        format!(
            "host={} port={} user=postgres dbname=postgres",
            self.sockets.display(),
            self.address.port()
        )
    }

    /// Runs statements as superuser, past the proxy.
    ///
    /// # Errors
    /// When the server refuses or a statement fails.
    pub async fn sql(&self, statements: &str) -> Result<Vec<Vec<Option<String>>>> {
        sql(&self.superuser_conninfo(), statements).await
    }

    /// The end of the server's log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        tail(&self.log)
    }

    /// A standby of this server, streaming as application `name`, not yet started.
    pub async fn standby(&self, name: &str) -> Result<Self> {
        let (servers, primary) = (self.servers.clone(), self.address);
        let name = name.to_owned();
        let prepared =
            tokio::task::spawn_blocking(move || Prepared::copied(servers, primary, &name));
        let mut standby = prepared.await??.server().await?;
        standby.accounts.clone_from(&self.accounts);
        Ok(standby)
    }

    /// `pg_ctl promote`: asks a standby to become a primary.
    pub(crate) async fn promote(&self) -> Result<()> {
        let answer = self.sql("SELECT pg_promote(true, 60)").await?;
        ensure!(answer == [[Some("t".to_owned())]], "the standby was not promoted");
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        _ = Processes::within(self.scratch.path()).kill();
        if let Some(mut child) = self.child.take() {
            _ = child.wait();
        }
    }
}

/// A data folder with its configuration, and an address.
struct Prepared {
    servers: Servers,
    scratch: Scratch,
    loopback: Loopback,
    address: SocketAddr,
    data: PathBuf,
    sockets: PathBuf,
}

impl Prepared {
    fn empty(servers: Servers) -> Result<Self> {
        let scratch = Scratch::new()?;
        let loopback = Loopback::claim()?;
        let address = loopback.port(5432)?;
        let sockets = scratch.folder("s")?;
        let data = scratch.path().join("data");
        Ok(Self { servers, scratch, loopback, address, data, sockets })
    }

    fn fresh(builder: &PostgresBuilder) -> Result<Self> {
        let prepared = Self::empty(Servers::ensure()?)?;
        match builder.identifier {
            SystemIdentifier::Shared => {
                let template = prepared.servers.template()?;
                run(std::process::Command::new("cp").arg("-a").arg(template).arg(&prepared.data))?;
            }
            SystemIdentifier::Own => {
                prepared.scratch.folder("data")?;
                prepared.servers.initdb(&prepared.data)?;
            }
        }
        let hba = builder.hba.join("\n") + "\n" + HBA;
        fs::write(prepared.data.join("pg_hba.conf"), hba)?;
        let mut settings = String::new();
        for (name, value) in &builder.settings {
            writeln!(settings, "{name} = '{}'", value.replace('\'', "''"))?;
        }
        prepared.configure(&settings)?;
        Ok(prepared)
    }

    fn copied(servers: Servers, primary: SocketAddr, name: &str) -> Result<Self> {
        let prepared = Self::empty(servers)?;
        let source = format!("host={} port={} user=replicator", primary.ip(), primary.port());
        let program = prepared.servers.postgres_bin().join("pg_basebackup");
        let mut command = Identity::get().command(program);
        command.args(["--checkpoint=fast", "--no-sync", "--write-recovery-conf", "--dbname"]);
        command.arg(format!("{source} application_name={name}"));
        command.arg("--pgdata").arg(&prepared.data).current_dir(prepared.scratch.path());
        run(&mut command)?;
        prepared.configure("")?;
        Ok(prepared)
    }

    fn configure(&self, extra: &str) -> Result<()> {
        let settings = format!(
            "{SETTINGS}listen_addresses = '{}'\nport = {}\nunix_socket_directories = '{}'\n{extra}",
            self.address.ip(),
            self.address.port(),
            self.sockets.display(),
        );
        fs::write(self.data.join("postgresql.conf"), settings)?;
        Identity::get().give(&self.data)
    }

    async fn server(self) -> Result<Postgres> {
        let listen = self.loopback.port(6432)?;
        Ok(Postgres {
            child: None,
            proxy: FaultProxy::start(listen, self.address).await?,
            servers: self.servers,
            address: self.address,
            accounts: Vec::new(),
            data: self.data,
            sockets: self.sockets,
            log: self.scratch.path().join("postgres.log"),
            _loopback: self.loopback,
            scratch: self.scratch,
        })
    }
}

const START_LIMIT: Duration = Duration::from_secs(30);

/// Local users and replication within the machine are trusted; TCP clients prove themselves.
const HBA: &str = "local all all trust\n\
    host replication replicator 127.0.0.0/8 trust\n\
    host all all 127.0.0.0/8 scram-sha-256\n\
    host all all ::1/128 scram-sha-256\n";

/// Data need not survive the machine, only `SIGKILL`, which the page cache does.
const SETTINGS: &str = "fsync = off\nwal_log_hints = on\nmax_connections = 200\n\
    shared_buffers = '16MB'\ndynamic_shared_memory_type = mmap\nmax_wal_size = '256MB'\n\
    hot_standby = on\nwal_level = replica\nmax_wal_senders = 10\nlog_line_prefix = '%m [%p] '\n\
    wal_keep_size = '64MB'\n";

//! From a connection string to a cluster handle.

use std::sync::Arc;

use tracing::warn;

use aya_db_core::conninfo::{ConnInfo, ConnInfoBuilder, ConnInfoError};
use aya_db_core::failure::ClientFault;
use aya_db_core::retry::Policy;

use crate::cluster::Cluster;
use crate::connect::Session;
use crate::core::Core;
use crate::error::Error;
use crate::monitor::monitor_of;
use crate::options::CallOptions;
use crate::surroundings::SystemSurroundings;

/// Sets a connection up parameter by parameter, under the names of the connection string.
///
/// ```no_run
/// # async fn example() -> Result<(), aya_db::Error> {
/// let cluster = aya_db::Cluster::builder()
///     .server("db1", 5432)
///     .server("db2", 5432)
///     .user("app")
///     .password("Power$$336633$$")
///     .dbname("shop")
///     .set("target_session_attrs", "read-write")
///     .connect()
///     .await?;
/// # drop(cluster); Ok(()) }
/// ```
#[derive(Debug, Clone, Default)]
pub struct ClusterBuilder {
    info: ConnInfoBuilder,
    error: Option<ConnInfoError>,
    policy: Policy,
}

impl ClusterBuilder {
    /// Takes every parameter of a connection string; they give way to those set otherwise.
    #[must_use]
    pub fn text(mut self, conninfo: &str) -> Self {
        match self.info.clone().text(conninfo) {
            Ok(info) => self.info = info,
            Err(error) => self.error = self.error.or(Some(error)),
        }
        self
    }

    /// Sets a parameter by its name, see `docs/parameters.md`.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.info = self.info.set(name, value);
        self
    }

    /// Adds a host: a name, an address, or a socket directory.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.info = self.info.host(host);
        self
    }

    /// Adds a port: the only one holds for all hosts, the n-th of several for the n-th host.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.info = self.info.port(port);
        self
    }

    /// Adds a host together with its port.
    #[must_use]
    pub fn server(mut self, host: &str, port: u16) -> Self {
        self.info = self.info.server(host, port);
        self
    }

    /// Sets the database user.
    #[must_use]
    pub fn user(mut self, user: &str) -> Self {
        self.info = self.info.user(user);
        self
    }

    /// Sets the password.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.info = self.info.password(password);
        self
    }

    /// Sets the database.
    #[must_use]
    pub fn dbname(mut self, dbname: &str) -> Self {
        self.info = self.info.dbname(dbname);
        self
    }

    /// Sets how `pg_stat_activity` shows the sessions.
    #[must_use]
    pub fn application_name(mut self, name: &str) -> Self {
        self.info = self.info.application_name(name);
        self
    }

    /// Sets the numbers by which work is run again.
    #[must_use]
    pub fn retry(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Starts to watch the cluster, unless this process does already, and waits for a server that
    /// serves `target_session_attrs`.
    ///
    /// # Errors
    /// See [`Cluster::connect`].
    pub async fn connect(self) -> Result<Cluster, Error> {
        let Self { info, error, policy } = self;
        if let Some(error) = error {
            return Err(Error::client(ClientFault::Configuration, error));
        }
        // Service, password and certificate files are read here.
        let (session, monitor) = tokio::task::spawn_blocking(move || {
            let info = info.build(&SystemSurroundings).map_err(configuration)?;
            warn_of(&info);
            let session = Arc::new(Session::new(info).map_err(configuration)?);
            let monitor = monitor_of(&session).map_err(configuration)?;
            Ok((session, monitor))
        })
        .await
        .map_err(configuration)
        .and_then(|read| read)?;
        let cluster = Cluster::new(Core::new(session, monitor, policy));
        cluster.with(CallOptions::new()).reach().await?;
        Ok(cluster)
    }
}

pub(crate) fn configuration(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::client(ClientFault::Configuration, error)
}

fn warn_of(info: &ConnInfo) {
    for warning in info.warnings() {
        warn!(%warning, "the connection string");
    }
}

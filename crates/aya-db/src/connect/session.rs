//! What every connection of one cluster handle has in common.

use std::time::Duration;

use tokio_postgres::{Config, config};

use aya_db_core::conninfo::{ChannelBinding, ConnInfo, HostSpec};
use aya_tls::{TlsContext, TlsError};

use crate::discovery::{SourceSettings, read_settings};
use crate::tls::Established;

/// How long an address may take that `connect_timeout=0` gives no limit of its own: the deadline
/// of the whole call ends it.
const UNLIMITED: Duration = Duration::from_secs(24 * 3600);

/// The connection string, with the files that TLS needs already read.
#[derive(Debug)]
pub(crate) struct Session {
    info: ConnInfo,
    tls: TlsContext,
    #[cfg(feature = "etcd")]
    etcd: SourceSettings,
    patroni: SourceSettings,
}

/// Why the files that a connection string names cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    /// One of the `ssl*` parameters.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A file for a source.
    #[error("{source_name}'s file {problem}")]
    SourceFile { source_name: &'static str, problem: String },
    /// etcd is asked for, and this build has none.
    #[error(
        "etcd_endpoints needs the cargo feature `etcd` of aya-db, which this program was built \
         without"
    )]
    NoEtcd,
}

impl Session {
    /// Reads the files. It blocks on the file system.
    pub(crate) fn new(info: ConnInfo) -> Result<Self, SessionError> {
        let tls = TlsContext::load(info.tls())?;
        let read = |source_name, store| {
            read_settings(store)
                .map_err(|problem| SessionError::SourceFile { source_name, problem })
        };
        if !info.cluster().etcd.endpoints.is_empty() && !cfg!(feature = "etcd") {
            return Err(SessionError::NoEtcd);
        }
        Ok(Self {
            tls,
            #[cfg(feature = "etcd")]
            etcd: read("etcd", &info.cluster().etcd)?,
            patroni: read("patroni", &info.cluster().patroni)?,
            info,
        })
    }

    /// How to reach etcd.
    #[cfg(feature = "etcd")]
    pub(crate) const fn etcd(&self) -> &SourceSettings {
        &self.etcd
    }

    /// How to reach Patroni's REST interfaces.
    pub(crate) const fn patroni(&self) -> &SourceSettings {
        &self.patroni
    }

    pub(crate) const fn info(&self) -> &ConnInfo {
        &self.info
    }

    pub(crate) const fn tls(&self) -> &TlsContext {
        &self.tls
    }

    /// The time that one address gets for everything from the first packet to the first
    /// ReadyForQuery.
    pub(crate) fn connect_timeout(&self) -> Duration {
        self.info.connect_timeout().unwrap_or(UNLIMITED)
    }

    /// What the startup message and the authentication with `host` take.
    pub(super) fn startup(&self, host: &HostSpec) -> Config {
        let mut startup = Config::new();
        Established::prepare(&mut startup);
        startup.user(self.info.user()).dbname(self.info.dbname()).channel_binding(
            match self.info.tls().channel_binding {
                ChannelBinding::Disable => config::ChannelBinding::Disable,
                ChannelBinding::Prefer => config::ChannelBinding::Prefer,
                ChannelBinding::Require => config::ChannelBinding::Require,
            },
        );
        if let Some(password) = host.password() {
            startup.password(password.expose());
        }
        if let Some(name) = self.info.application_name() {
            startup.application_name(name);
        }
        if let Some(options) = self.info.options() {
            startup.options(options);
        }
        startup
    }
}

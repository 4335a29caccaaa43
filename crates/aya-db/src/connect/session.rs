//! What every connection of one cluster handle has in common.

use std::time::Duration;

use tokio_postgres::{Config, config};

use aya_db_core::conninfo::{ChannelBinding, ConnInfo, HostSpec};

use crate::tls::{Established, TlsContext, TlsError};

/// How long an address may take that `connect_timeout=0` gives no limit of its own: the deadline
/// of the whole call ends it.
const UNLIMITED: Duration = Duration::from_secs(24 * 3600);

/// The connection string, with the files that TLS needs already read.
#[derive(Debug)]
pub(crate) struct Session {
    info: ConnInfo,
    tls: TlsContext,
}

impl Session {
    pub(crate) fn new(info: ConnInfo) -> Result<Self, TlsError> {
        let tls = TlsContext::load(info.tls())?;
        Ok(Self { info, tls })
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

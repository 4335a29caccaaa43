//! What every connection of one connection string has in common.

use std::time::Duration;

use aya_db_core::conninfo::{ConnInfo, HostSpec, RawSettings};
use aya_tls::{TlsContext, TlsError};

use crate::session::{ProtocolVersion, Startup};

/// A connection string, with the files that TLS needs already read.
#[derive(Debug)]
pub struct Target {
    info: ConnInfo,
    tls: TlsContext,
    parameters: Vec<(String, String)>,
    protocol: (ProtocolVersion, ProtocolVersion),
    connect_timeout: Option<Duration>,
}

impl Target {
    /// Reads the files. It blocks on the file system.
    ///
    /// # Errors
    /// If a file cannot be read or used.
    pub fn new(info: ConnInfo) -> Result<Self, TlsError> {
        let tls = TlsContext::load(info.tls())?;
        let connect_timeout = info.connect_timeout();
        let protocol = Default::default();
        Ok(Self { info, tls, parameters: Vec::new(), protocol, connect_timeout })
    }

    /// Takes what a raw session may have beyond the rest of the connection string. An encoding of
    /// `auto` is UTF-8 here, whatever the locale says.
    #[must_use]
    pub fn raw(mut self, raw: &RawSettings) -> Self {
        let values = [("client_encoding", &raw.client_encoding), ("replication", &raw.replication)];
        for (name, value) in values {
            if let Some(value) = value {
                self = self.parameter(name, value);
            }
        }
        let version = |minor| match minor {
            0 => ProtocolVersion::V3_0,
            _ => ProtocolVersion::V3_2,
        };
        self.protocol(version(raw.wanted_protocol), version(raw.lowest_protocol))
    }

    /// Adds a parameter to the startup message, such as `replication`, or any server variable.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the version of the protocol that is asked for, and the lowest that is taken.
    #[must_use]
    pub fn protocol(self, wanted: ProtocolVersion, lowest: ProtocolVersion) -> Self {
        Self { protocol: (wanted, lowest), ..self }
    }

    /// Sets the time that one address gets, in place of the connection string's; `None` for as
    /// much as it takes.
    #[must_use]
    pub fn connect_timeout(self, connect_timeout: Option<Duration>) -> Self {
        Self { connect_timeout, ..self }
    }

    /// The connection string.
    pub const fn info(&self) -> &ConnInfo {
        &self.info
    }

    pub(super) const fn tls(&self) -> &TlsContext {
        &self.tls
    }

    pub(super) const fn time_per_address(&self) -> Option<Duration> {
        self.connect_timeout
    }

    /// What a session with `host` begins with.
    pub(super) fn startup(&self, host: &HostSpec) -> Startup {
        let mut startup = Startup::new(self.info.user())
            .parameter("database", self.info.dbname())
            .password(host.password().cloned())
            .protocol(self.protocol.0, self.protocol.1)
            .channel_binding(self.info.tls().channel_binding)
            .require_auth(self.info.require_auth().clone());
        if let Some(options) = self.info.options() {
            startup = startup.parameter("options", options);
        }
        if let Some(name) = self.info.application_name() {
            startup = startup.parameter("application_name", name);
        }
        for (name, value) in &self.parameters {
            startup = startup.parameter(name, value);
        }
        startup
    }
}

//! A connection string with every value checked and typed.

use std::fmt;
use std::time::Duration;

use super::builder::ConnInfoBuilder;
use super::cluster::{ClusterSettings, Failover};
use super::continuity::{CommitResolution, ReplaySettings};
use super::describe::Redacted;
use super::error::ConnInfoError;
use super::hosts::{self, HostSpec};
use super::parse::parse;
use super::pool::{LagLimits, PoolSettings};
use super::reads::ReadSettings;
use super::secret::Secret;
use super::session::{LoadBalanceHosts, RequireAuth, TargetSessionAttrs};
use super::settings::Settings;
use super::socket::SocketSettings;
use super::surroundings::Surroundings;
use super::tls::TlsSettings;
use super::value::Given;
use super::warning::Warning;
use super::{passfile, resolve::resolve};
use crate::NodeId;

/// Everything that a connection needs to know, checked and typed. Cheap enough to clone, and
/// neither `Debug` nor [`ConnInfo::redacted`] shows a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnInfo {
    given: Settings,
    hosts: Vec<HostSpec>,
    user: String,
    dbname: String,
    connect_timeout: Option<Duration>,
    application_name: Option<String>,
    options: Option<String>,
    sockets: SocketSettings,
    tls: TlsSettings,
    require_auth: RequireAuth,
    require_peer: Option<String>,
    target_session_attrs: TargetSessionAttrs,
    load_balance_hosts: LoadBalanceHosts,
    cluster: ClusterSettings,
    failover: Failover,
    failover_timeout: Duration,
    switchover_hold: Duration,
    lag_limits: LagLimits,
    reads: ReadSettings,
    pool: PoolSettings,
    commit_resolution: CommitResolution,
    replay: ReplaySettings,
    probe_interval: Duration,
    silence_timeout: Duration,
    warnings: Vec<Warning>,
}

impl ConnInfo {
    /// Reads a connection string and completes it from its surroundings.
    ///
    /// # Errors
    /// See [`parse`] and [`super::resolve`].
    pub fn parse(text: &str, surroundings: &dyn Surroundings) -> Result<Self, ConnInfoError> {
        resolve(&parse(text)?, surroundings)
    }

    /// An empty builder.
    pub fn builder() -> ConnInfoBuilder {
        ConnInfoBuilder::default()
    }

    /// Types the completed settings; `given` is what the string or builder said.
    pub(super) fn from_settings(
        given: Settings,
        settings: &Settings,
        surroundings: &dyn Surroundings,
    ) -> Result<Self, ConnInfoError> {
        let text = |keyword| Given::filled(settings, keyword).map(|given| given.value.to_owned());
        let user = text("user").or_else(|| surroundings.user_name()).ok_or_else(|| {
            ConnInfoError::conflict("no user is given, and the system's user has no name")
                .about("user")
        })?;
        let dbname = text("dbname").unwrap_or_else(|| user.clone());
        check_encoding(settings)?;
        let mut warnings = Vec::new();
        let mut hosts = hosts::hosts(settings, surroundings)?;
        let held = |spec: &HostSpec| spec.host().find('@').is_some_and(|at| at > 0);
        if hosts.iter().any(held) {
            warnings.push(Warning::HostHoldsAt);
        }
        match text("password").map(Secret::new) {
            Some(password) => {
                hosts.iter_mut().for_each(|spec| spec.password = Some(password.clone()));
            }
            None => {
                passfile::look_up(&mut hosts, &dbname, &user, settings, surroundings, &mut warnings)
            }
        }
        let time = |keyword, plain, default| match Given::filled(settings, keyword) {
            Some(given) => given.positive_duration(plain),
            None => Ok(default),
        };
        let time_or_none = |keyword, plain, default| match Given::filled(settings, keyword) {
            Some(given) => given.duration(plain),
            None => Ok(default),
        };
        let (second, millisecond) = (Duration::from_secs(1), Duration::from_millis(1));
        Ok(Self {
            given,
            hosts,
            user,
            dbname,
            connect_timeout: connect_timeout(settings)?,
            application_name: text("application_name")
                .or_else(|| text("fallback_application_name")),
            options: options(text("options"), surroundings),
            sockets: SocketSettings::from_settings(settings)?,
            tls: TlsSettings::from_settings(settings, surroundings)?,
            require_auth: RequireAuth::from_settings(settings)?,
            require_peer: text("requirepeer"),
            target_session_attrs: TargetSessionAttrs::from_settings(settings)?,
            load_balance_hosts: LoadBalanceHosts::from_settings(settings)?,
            cluster: ClusterSettings::from_settings(settings)?,
            failover: Failover::from_settings(settings)?,
            failover_timeout: time("failover_timeout", second, 60 * second)?,
            switchover_hold: time_or_none("switchover_hold", second, 10 * second)?,
            lag_limits: LagLimits::from_settings(settings)?,
            reads: ReadSettings::from_settings(settings)?,
            pool: PoolSettings::from_settings(settings)?,
            commit_resolution: CommitResolution::from_settings(settings)?,
            replay: ReplaySettings::from_settings(settings)?,
            probe_interval: time("probe_interval", millisecond, 5 * second)?,
            silence_timeout: time("silence_timeout", millisecond, 1_500 * millisecond)?,
            warnings,
        })
    }

    /// How to reach a node: as the string says, or, for a node that only a source names, at its
    /// address with the first server's password.
    pub fn host_of(&self, node: &NodeId) -> HostSpec {
        let named = self.hosts.iter().find(|host| host.node_id() == *node);
        named.cloned().unwrap_or_else(|| HostSpec::discovered(node, &self.hosts[0]))
    }

    /// The servers, at least one, in the order given.
    pub fn hosts(&self) -> &[HostSpec] {
        &self.hosts
    }

    /// The database user.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The database.
    pub fn dbname(&self) -> &str {
        &self.dbname
    }

    /// The longest that one address may take from the first packet to a usable session: 5 s if
    /// nothing is said, `None` if it has no limit of its own.
    pub const fn connect_timeout(&self) -> Option<Duration> {
        self.connect_timeout
    }

    /// How `pg_stat_activity` shows the session.
    pub fn application_name(&self) -> Option<&str> {
        self.application_name.as_deref()
    }

    /// Command-line options for the server process. `PGDATESTYLE`, `PGTZ` and `PGGEQO` come
    /// first, so that the string's own options win.
    pub fn options(&self) -> Option<&str> {
        self.options.as_deref()
    }

    /// Options of TCP sockets.
    pub const fn sockets(&self) -> &SocketSettings {
        &self.sockets
    }

    /// What is wanted of TLS.
    pub const fn tls(&self) -> &TlsSettings {
        &self.tls
    }

    /// Which ways of authentication the server may ask for.
    pub const fn require_auth(&self) -> &RequireAuth {
        &self.require_auth
    }

    /// The system user that must own the server of a Unix socket.
    pub fn require_peer(&self) -> Option<&str> {
        self.require_peer.as_deref()
    }

    /// Which servers are acceptable.
    pub const fn target_session_attrs(&self) -> TargetSessionAttrs {
        self.target_session_attrs
    }

    /// In which order hosts are tried.
    pub const fn load_balance_hosts(&self) -> LoadBalanceHosts {
        self.load_balance_hosts
    }

    /// The cluster's name and the places that know of it.
    pub const fn cluster(&self) -> &ClusterSettings {
        &self.cluster
    }

    /// Whether a session outlives its server, where that is the session's own business.
    pub fn survives_failover(&self) -> bool {
        match self.failover {
            Failover::On => true,
            Failover::Off => false,
            Failover::Auto => {
                let described = |store: &super::cluster::StoreSettings| !store.endpoints.is_empty();
                self.hosts.len() > 1
                    || described(&self.cluster.etcd)
                    || described(&self.cluster.patroni)
            }
        }
    }

    /// The longest that a call waits in all.
    pub const fn failover_timeout(&self) -> Duration {
        self.failover_timeout
    }

    /// The longest that calls keep away from a leader that is about to change; zero for never.
    pub const fn switchover_hold(&self) -> Duration {
        self.switchover_hold
    }

    /// How far a standby may lag and still get reads.
    pub const fn lag_limits(&self) -> LagLimits {
        self.lag_limits
    }

    /// Sizes and times of the pool.
    pub const fn pool(&self) -> &PoolSettings {
        &self.pool
    }

    /// How reads choose their server.
    pub const fn reads(&self) -> ReadSettings {
        self.reads
    }

    /// How a commit whose answer was lost is resolved (`commit_resolution`).
    pub const fn commit_resolution(&self) -> CommitResolution {
        self.commit_resolution
    }

    /// Whether and how far open transactions are replayed.
    pub const fn replay(&self) -> &ReplaySettings {
        &self.replay
    }

    /// Time between questions to each server.
    pub const fn probe_interval(&self) -> Duration {
        self.probe_interval
    }

    /// How long a busy server may answer nothing on the side channel.
    pub const fn silence_timeout(&self) -> Duration {
        self.silence_timeout
    }

    /// What was odd without being an error; a later failure to log in should mention it.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The string or builder again, as keyword/value pairs with `***` for every secret.
    pub const fn redacted(&self) -> Redacted<'_> {
        Redacted(&self.given)
    }
}

impl fmt::Debug for ConnInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConnInfo").field(&format_args!("{}", self.redacted())).finish()
    }
}

/// libpq's whole seconds, where zero and less mean no limit; but 5 s when nothing is said, since
/// a host that accepts and says nothing must not hold up the others.
fn connect_timeout(settings: &Settings) -> Result<Option<Duration>, ConnInfoError> {
    let Some(given) = Given::filled(settings, "connect_timeout") else {
        return Ok(Some(Duration::from_secs(5)));
    };
    let seconds = u64::try_from(given.integer()?).ok().filter(|seconds| *seconds > 0);
    Ok(seconds.map(Duration::from_secs))
}

fn check_encoding(settings: &Settings) -> Result<(), ConnInfoError> {
    let Some(given) = Given::filled(settings, "client_encoding") else {
        return Ok(());
    };
    let name: String =
        given.value.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    match name.as_str() {
        "utf8" | "unicode" | "auto" => Ok(()),
        _ => Err(given.refused("text is UTF-8 on this side, and the server converts it")),
    }
}

/// The server variables that libpq takes from the environment (`EnvironmentOptions` of its
/// fe-connect.c), in front of the string's own options.
fn options(given: Option<String>, surroundings: &dyn Surroundings) -> Option<String> {
    const VARIABLES: [(&str, &str); 3] =
        [("PGDATESTYLE", "datestyle"), ("PGTZ", "timezone"), ("PGGEQO", "geqo")];
    let from_variables = VARIABLES.iter().filter_map(|(variable, parameter)| {
        let value = surroundings.var(variable)?;
        let keep = !value.is_empty() && !value.eq_ignore_ascii_case("default");
        keep.then(|| format!("-c {parameter}={}", escape_option(&value)))
    });
    let all: Vec<String> = from_variables.chain(given).collect();
    (!all.is_empty()).then(|| all.join(" "))
}

fn escape_option(value: &str) -> String {
    let mut escaped = String::new();
    for c in value.chars() {
        if c == '\\' || c.is_ascii_whitespace() {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

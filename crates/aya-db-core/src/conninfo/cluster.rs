//! Where the cluster's leader can be learnt besides from the servers themselves.

use std::fmt;

use super::error::ConnInfoError;
use super::secret::Secret;
use super::settings::Settings;
use super::value::Given;

/// The cluster's name and the places that know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterSettings {
    /// The cluster's name in Patroni (`cluster_scope`).
    pub scope: Option<String>,
    /// The first part of Patroni's keys, without slashes at its ends (`etcd_namespace`).
    pub namespace: String,
    /// etcd (`etcd_*`); no endpoints, no etcd.
    pub etcd: StoreSettings,
    /// Patroni's REST interfaces (`patroni_*`); no endpoints, no REST.
    pub patroni: StoreSettings,
}

/// Whether sessions outlive their server (`failover`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Failover {
    /// With several hosts, or where etcd or Patroni is named.
    #[default]
    Auto,
    /// They do.
    On,
    /// They do not.
    Off,
}

impl Failover {
    pub(super) fn from_settings(settings: &Settings) -> Result<Self, ConnInfoError> {
        let Some(given) = Given::filled(settings, "failover") else { return Ok(Self::default()) };
        given.choice(&[("auto", Self::Auto), ("on", Self::On), ("off", Self::Off)])
    }
}

impl ClusterSettings {
    pub(super) fn from_settings(settings: &Settings) -> Result<Self, ConnInfoError> {
        let text = |keyword| Given::filled(settings, keyword).map(|given| given.value.to_owned());
        let namespace = text("etcd_namespace").unwrap_or_else(|| "service".to_owned());
        let cluster = Self {
            scope: text("cluster_scope"),
            namespace: namespace.trim_matches('/').to_owned(),
            etcd: StoreSettings::from_settings(settings, &ETCD)?,
            patroni: StoreSettings::from_settings(settings, &PATRONI)?,
        };
        match Given::filled(settings, "etcd_endpoints") {
            Some(_) if cluster.scope.is_none() => Err(ConnInfoError::conflict(
                "etcd_endpoints needs cluster_scope, the cluster's name in Patroni",
            )
            .about("cluster_scope")),
            _ => Ok(cluster),
        }
    }
}

/// Endpoints of one kind with what it takes to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreSettings {
    /// The endpoints, in the order given.
    pub endpoints: Vec<Endpoint>,
    /// The user's name.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// The file with the authorities that may sign the servers' certificates.
    pub root_cert: Option<String>,
    /// The file with the client's certificate.
    pub cert: Option<String>,
    /// The file with the client's key.
    pub key: Option<String>,
}

struct Names {
    endpoints: &'static str,
    user: &'static str,
    password: &'static str,
    cacert: &'static str,
    cert: &'static str,
    key: &'static str,
    port: u16,
}

const ETCD: Names = Names {
    endpoints: "etcd_endpoints",
    user: "etcd_user",
    password: "etcd_password",
    cacert: "etcd_cacert",
    cert: "etcd_cert",
    key: "etcd_key",
    port: 2379,
};

const PATRONI: Names = Names {
    endpoints: "patroni_endpoints",
    user: "patroni_user",
    password: "patroni_password",
    cacert: "patroni_cacert",
    cert: "patroni_cert",
    key: "patroni_key",
    port: 8008,
};

impl StoreSettings {
    fn from_settings(settings: &Settings, names: &Names) -> Result<Self, ConnInfoError> {
        let text = |keyword| Given::filled(settings, keyword).map(|given| given.value.to_owned());
        let (root_cert, cert, key) = (text(names.cacert), text(names.cert), text(names.key));
        if cert.is_some() != key.is_some() {
            let (there, missing) =
                if cert.is_some() { (names.cert, names.key) } else { (names.key, names.cert) };
            let message = format!("{there} is given without {missing}");
            return Err(ConnInfoError::conflict(message).about(there));
        }
        let scheme =
            if root_cert.is_some() || cert.is_some() { Scheme::Https } else { Scheme::Http };
        let endpoints = match Given::filled(settings, names.endpoints) {
            Some(given) => given
                .value
                .split(',')
                .map(|text| endpoint(text.trim(), scheme, names.port, &given))
                .collect::<Result<_, _>>()?,
            None => Vec::new(),
        };
        Ok(Self {
            endpoints,
            user: text(names.user),
            password: text(names.password).map(Secret::new),
            root_cert,
            cert,
            key,
        })
    }
}

/// One HTTP endpoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Endpoint {
    /// Whether TLS is spoken.
    pub scheme: Scheme,
    /// A name or address, an IPv6 one without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Whether TLS is spoken with an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// It is not.
    Http,
    /// It is.
    Https,
}

impl fmt::Display for Endpoint {
    /// The URL without a path: `https://etcd1:2379`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

/// Reads `[http[s]://]host[:port][/]`. An error shows nothing of a text that holds `@`, which
/// may be a password.
fn endpoint(
    text: &str,
    scheme: Scheme,
    port: u16,
    given: &Given<'_>,
) -> Result<Endpoint, ConnInfoError> {
    let expected =
        format!("a list of [http[s]://]host[:port], without a path; the port is {port} by default");
    if text.contains('@') {
        let message = format!(
            "\"{}\" holds \"@\": name and password have parameters of their own",
            given.keyword
        );
        return Err(given.error(super::error::ConnInfoErrorKind::InvalidValue, message));
    }
    let invalid = || given.invalid(&expected);
    let (scheme, rest) = match text.split_once("://") {
        Some(("http", rest)) => (Scheme::Http, rest),
        Some(("https", rest)) => (Scheme::Https, rest),
        Some(_) => return Err(invalid()),
        None => (scheme, text),
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, tail) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or_else(invalid)?,
        None => rest.split_at(rest.find(':').unwrap_or(rest.len())),
    };
    if host.is_empty() || host.contains(['/', '?', '#', ' ']) {
        return Err(invalid());
    }
    let port = match tail.strip_prefix(':') {
        Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or_else(invalid)?,
        None if tail.is_empty() => port,
        None => return Err(invalid()),
    };
    Ok(Endpoint { scheme, host: host.to_owned(), port })
}

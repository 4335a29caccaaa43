//! The servers that a connection string names.

use std::net::IpAddr;

use super::error::{ConnInfoError, ConnInfoErrorKind};
use super::secret::Secret;
use super::settings::{Origin, Settings};
use super::surroundings::Surroundings;
use super::value::Given;
use crate::NodeId;

/// One server that a connection string names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostSpec {
    host: String,
    hostaddr: Option<String>,
    port: u16,
    pub(super) password: Option<Secret>,
}

impl HostSpec {
    /// A server that the string does not name, known by its address alone; it is let in by the
    /// password of `like`.
    pub(super) fn discovered(node: &NodeId, like: &Self) -> Self {
        Self {
            host: node.host().to_owned(),
            hostaddr: None,
            port: node.port(),
            password: like.password.clone(),
        }
    }

    /// The name, address or socket directory; the address, if only that is given.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The IP address to dial instead of looking up the name; it may end in `%scope`.
    pub fn hostaddr(&self) -> Option<&str> {
        self.hostaddr.as_deref()
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The password for this server: that of the string, else that of the password file.
    pub const fn password(&self) -> Option<&Secret> {
        self.password.as_ref()
    }

    /// The directory of the Unix socket, if the server is reached by one. One that begins with
    /// `@` lies in Linux's abstract namespace.
    pub fn socket_dir(&self) -> Option<&str> {
        let is_socket = self.hostaddr.is_none() && is_socket_dir(&self.host);
        is_socket.then_some(self.host.as_str())
    }

    /// The path of the Unix socket, if the server is reached by one.
    pub fn socket_path(&self) -> Option<String> {
        self.socket_dir().map(|dir| format!("{dir}/.s.PGSQL.{}", self.port))
    }

    /// The key by which everything about this server is known.
    pub fn node_id(&self) -> NodeId {
        NodeId::new(&self.host, self.port)
    }
}

pub(super) fn is_socket_dir(host: &str) -> bool {
    host.starts_with(['/', '@'])
}

/// Pairs hosts, addresses and ports as `pqConnectOptions2` of libpq does: lists by commas, one
/// port for all or one for each, an empty place for the default.
pub(super) fn hosts(
    settings: &Settings,
    surroundings: &dyn Surroundings,
) -> Result<Vec<HostSpec>, ConnInfoError> {
    let list = |keyword| match Given::filled(settings, keyword) {
        Some(given) => given.value.split(',').collect(),
        None => Vec::new(),
    };
    let (names, addresses): (Vec<&str>, Vec<&str>) = (list("host"), list("hostaddr"));
    if !names.is_empty() && !addresses.is_empty() && names.len() != addresses.len() {
        return Err(ConnInfoError::conflict(format!(
            "could not match {} host names to {} hostaddr values",
            names.len(),
            addresses.len()
        ))
        .about("hostaddr"));
    }
    let count = names.len().max(addresses.len()).max(1);
    let ports = ports(settings, count)?;
    let default_host = surroundings.socket_dir().unwrap_or_else(|| "localhost".to_owned());
    let place = |list: &[&str], n: usize| {
        list.get(n).filter(|text| !text.is_empty()).map(|text| (*text).to_owned())
    };
    (0..count)
        .map(|n| {
            let hostaddr = place(&addresses, n);
            if let Some(address) = &hostaddr {
                check_address(settings, address)?;
            }
            let host = place(&names, n)
                .or_else(|| hostaddr.clone())
                .unwrap_or_else(|| default_host.clone());
            Ok(HostSpec { host, hostaddr, port: ports[n], password: None })
        })
        .collect()
}

fn check_address(settings: &Settings, address: &str) -> Result<(), ConnInfoError> {
    let plain = address.split_once('%').map_or(address, |(plain, _)| plain);
    match (plain.parse::<IpAddr>(), Given::find(settings, "hostaddr")) {
        (Err(_), Some(given)) => Err(given.invalid("a list of IP addresses")),
        _ => Ok(()),
    }
}

fn ports(settings: &Settings, hosts: usize) -> Result<Vec<u16>, ConnInfoError> {
    let Some(given) = Given::filled(settings, "port") else {
        return Ok(vec![DEFAULT_PORT; hosts]);
    };
    let ports: Vec<u16> =
        given.value.split(',').map(|text| port(text, &given)).collect::<Result<_, _>>()?;
    match ports.as_slice() {
        [port] => Ok(vec![*port; hosts]),
        ports if ports.len() == hosts => Ok(ports.to_vec()),
        ports => {
            let message = format!("could not match {} port numbers to {hosts} hosts", ports.len());
            Err(given.error(ConnInfoErrorKind::Conflict, message))
        }
    }
}

/// One port. Where a URI's password holds an unencoded slash, a piece of it lands here: what is
/// not made of digits is not shown.
fn port(text: &str, given: &Given<'_>) -> Result<u16, ConnInfoError> {
    if text.is_empty() {
        return Ok(DEFAULT_PORT);
    }
    if let Some(port) = text.trim().parse().ok().filter(|port| *port > 0) {
        return Ok(port);
    }
    let shown = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '+' | ' '));
    let message = match (shown, given.origin) {
        (true, _) => format!("invalid port number \"{text}\": expected one from 1 to 65535"),
        (false, Origin::Text { .. }) => "invalid port number: expected one from 1 to 65535; if \
                                         this is a part of a password, its \"/\" must be written \
                                         %2F and its \"@\" %40"
            .to_owned(),
        (false, _) => "invalid port number: expected one from 1 to 65535".to_owned(),
    };
    Err(given.error(ConnInfoErrorKind::InvalidValue, message))
}

const DEFAULT_PORT: u16 = 5432;

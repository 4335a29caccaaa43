//! From a host to a connected socket: name resolution, TCP, socket options.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
#[cfg(unix)]
use std::path::PathBuf;

use socket2::{SockRef, TcpKeepalive};
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::net::{TcpStream, lookup_host};

use aya_db_core::conninfo::{HostSpec, SocketSettings};
use aya_tls::TlsAttempt;

use super::transport::Transport;

/// One place to dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    #[cfg(unix)]
    Unix(PathBuf),
}

/// Where a connection was made to, and under which name: what a cancel request needs to reach
/// the same server.
#[derive(Debug, Clone)]
pub(crate) struct Dialled {
    /// The host as the connection string names it.
    pub(crate) host: HostSpec,
    /// The address that answered.
    pub(crate) address: Address,
    /// How it is secured.
    pub(crate) way: TlsAttempt,
}

/// The addresses of `host`, in the order in which to try them: `hostaddr` as it stands, a socket
/// directory as it stands, a name by the system's resolver.
pub(crate) async fn resolve(host: &HostSpec) -> io::Result<Vec<Address>> {
    if let Some(hostaddr) = host.hostaddr() {
        let ip: IpAddr = hostaddr.parse().map_err(|_| invalid("hostaddr is not an IP address"))?;
        return Ok(vec![Address::Tcp(SocketAddr::new(ip, host.port()))]);
    }
    if let Some(path) = host.socket_path() {
        return socket_at(&path).map(|address| vec![address]);
    }
    let mut addresses: Vec<Address> = Vec::new();
    for found in lookup_host((host.host(), host.port())).await? {
        let found = Address::Tcp(found);
        if !addresses.contains(&found) {
            addresses.push(found);
        }
    }
    if addresses.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(addresses)
}

/// Connects a socket to `address`. Dropped midway, the socket is closed.
pub(crate) async fn dial(address: &Address, settings: &SocketSettings) -> io::Result<Transport> {
    match address {
        Address::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            tune(&stream, settings)?;
            Ok(Transport::Tcp(stream))
        }
        #[cfg(unix)]
        Address::Unix(path) => Ok(Transport::Unix(UnixStream::connect(path).await?)),
    }
}

#[cfg(unix)]
fn socket_at(path: &str) -> io::Result<Address> {
    // A leading `@` names Linux's abstract namespace, as in libpq.
    let abstracted = path.strip_prefix('@').map(|name| format!("\0{name}"));
    Ok(Address::Unix(PathBuf::from(abstracted.unwrap_or_else(|| path.to_owned()))))
}

#[cfg(not(unix))]
fn socket_at(_path: &str) -> io::Result<Address> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this platform has no Unix sockets"))
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, reason)
}

/// Sets what libpq's `keepalives*` and `tcp_user_timeout` name. An option that the platform lacks
/// is left out, as libpq does.
fn tune(stream: &TcpStream, settings: &SocketSettings) -> io::Result<()> {
    let socket = SockRef::from(stream);
    if settings.keepalives {
        let mut keepalive = TcpKeepalive::new();
        if let Some(idle) = settings.keepalives_idle {
            keepalive = keepalive.with_time(idle);
        }
        if let Some(interval) = settings.keepalives_interval {
            keepalive = keepalive.with_interval(interval);
        }
        if let Some(count) = settings.keepalives_count {
            keepalive = with_count(keepalive, count);
        }
        socket.set_tcp_keepalive(&keepalive)?;
    }
    set_user_timeout(&socket, settings)
}

#[cfg(not(any(target_os = "openbsd", target_os = "redox", target_os = "windows")))]
fn with_count(keepalive: TcpKeepalive, count: u32) -> TcpKeepalive {
    keepalive.with_retries(count)
}

#[cfg(any(target_os = "openbsd", target_os = "redox", target_os = "windows"))]
fn with_count(keepalive: TcpKeepalive, _count: u32) -> TcpKeepalive {
    keepalive
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
fn set_user_timeout(socket: &SockRef<'_>, settings: &SocketSettings) -> io::Result<()> {
    socket.set_tcp_user_timeout(settings.tcp_user_timeout)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "fuchsia")))]
fn set_user_timeout(_socket: &SockRef<'_>, _settings: &SocketSettings) -> io::Result<()> {
    Ok(())
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            #[cfg(unix)]
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

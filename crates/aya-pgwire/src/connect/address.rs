//! From a host to a socket: name resolution, a connection that is begun, socket options.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use aya_db_core::conninfo::{HostSpec, SocketSettings};
use socket2::{Domain, SockAddr, Socket, TcpKeepalive, Type};

/// One place to dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// The path of a Unix socket; one that begins with a zero byte is an abstract name.
    Unix(PathBuf),
}

impl Address {
    /// The addresses of `host`, in the order in which to try them: `hostaddr` as it stands, a
    /// socket directory as it stands, a name by the system's resolver, for as long as that takes.
    pub(super) fn resolve(host: &HostSpec) -> io::Result<Vec<Self>> {
        if let Some(path) = host.socket_path() {
            // A leading `@` names Linux's abstract namespace, as in libpq.
            let path = path.strip_prefix('@').map(|name| format!("\0{name}")).unwrap_or(path);
            return Ok(vec![Self::Unix(PathBuf::from(path))]);
        }
        let name = host.hostaddr().unwrap_or_else(|| host.host());
        let mut addresses: Vec<Self> = Vec::new();
        for found in (name, host.port()).to_socket_addrs()? {
            if !addresses.contains(&Self::Tcp(found)) {
                addresses.push(Self::Tcp(found));
            }
        }
        match addresses.is_empty() {
            true => Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address")),
            false => Ok(addresses),
        }
    }

    /// Begins to connect; the socket never blocks.
    pub(super) fn dial(&self, settings: &SocketSettings) -> io::Result<Dialled> {
        let (domain, address) = match self {
            Self::Tcp(address) => (Domain::for_address(*address), SockAddr::from(*address)),
            Self::Unix(path) => (Domain::UNIX, SockAddr::unix(path)?),
        };
        let socket = Socket::new(domain, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        if matches!(self, Self::Tcp(_)) {
            socket.set_tcp_nodelay(true)?;
            tune(&socket, settings)?;
        }
        match socket.connect(&address) {
            Ok(()) => Ok(Dialled::Connected(socket)),
            Err(error) if is_in_progress(&error) => Ok(Dialled::Connecting(socket)),
            Err(error) => Err(error),
        }
    }

    pub(super) const fn is_tcp(&self) -> bool {
        matches!(self, Self::Tcp(_))
    }
}

/// A socket on its way.
#[derive(Debug)]
pub(super) enum Dialled {
    /// It is there.
    Connected(Socket),
    /// It is there once it can be written to, and has no error.
    Connecting(Socket),
}

/// `EAGAIN` is what a Unix socket says whose server has no room for another: it is no progress,
/// and stays an error.
fn is_in_progress(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(nix::libc::EINPROGRESS | nix::libc::EINTR))
}

/// Sets what libpq's `keepalives*` and `tcp_user_timeout` name. An option that the platform lacks
/// is left out, as libpq does.
fn tune(socket: &Socket, settings: &SocketSettings) -> io::Result<()> {
    if settings.keepalives {
        let mut keepalive = TcpKeepalive::new();
        if let Some(idle) = settings.keepalives_idle {
            keepalive = keepalive.with_time(idle);
        }
        if let Some(interval) = settings.keepalives_interval {
            keepalive = keepalive.with_interval(interval);
        }
        if let Some(count) = settings.keepalives_count {
            keepalive = keepalive.with_retries(count);
        }
        socket.set_tcp_keepalive(&keepalive)?;
    }
    set_user_timeout(socket, settings)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn set_user_timeout(socket: &Socket, settings: &SocketSettings) -> io::Result<()> {
    socket.set_tcp_user_timeout(settings.tcp_user_timeout)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn set_user_timeout(_socket: &Socket, _settings: &SocketSettings) -> io::Result<()> {
    Ok(())
}

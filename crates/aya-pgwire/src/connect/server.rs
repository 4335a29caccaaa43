//! Where a connection leads.

use std::fmt;
use std::sync::Arc;

use aya_db_core::conninfo::HostSpec;
use aya_tls::TlsAttempt;

use super::address::Address;
use super::target::Target;

/// One address of one host: where a connection leads, and how it is secured.
#[derive(Debug, Clone)]
pub struct Server {
    pub(super) target: Arc<Target>,
    pub(super) host: HostSpec,
    pub(super) address: Address,
    pub(super) way: TlsAttempt,
}

impl Server {
    /// The host, as the connection string names it.
    pub const fn host(&self) -> &HostSpec {
        &self.host
    }

    /// The address.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The connection string.
    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }
}

/// The words with which libpq begins to tell of a failure (`emitHostIdentityInfo` of its
/// fe-connect.c).
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = match &self.address {
            Address::Unix(path) => {
                return write!(f, "connection to server on socket \"{}\"", path.display());
            }
            Address::Tcp(address) => address,
        };
        let shown = self.host.hostaddr().unwrap_or_else(|| self.host.host());
        write!(f, "connection to server at \"{shown}\"")?;
        let ip = address.ip().to_string();
        if shown != ip {
            write!(f, " ({ip})")?;
        }
        write!(f, ", port {}", address.port())
    }
}

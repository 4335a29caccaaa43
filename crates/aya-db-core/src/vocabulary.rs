//! The words that every other module speaks: newtypes for what would otherwise be bare integers
//! and strings, and the fate of a statement.

use std::fmt;
use std::ops::Sub;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// A point on the monitor's own clock: the time since the monitor was started.
///
/// Decisions take it as an argument; only the shell reads a real clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(pub Duration);

impl Moment {
    /// The moment `millis` milliseconds after the start of the clock.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// The time from `earlier` to `self`; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment `span` later.
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}

/// A point in time by the wall clock: the time since 1970 began in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct WallTime(pub Duration);

impl Sub for Moment {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

/// The address by which a server is dialled, `host:port`; the key of everything known of it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// The node at `host` (a name, an address, or a socket directory) and `port`.
    pub fn new(host: &str, port: u16) -> Self {
        if host.contains(':') && !host.starts_with('/') {
            Self(format!("[{host}]:{port}").into())
        } else {
            Self(format!("{host}:{port}").into())
        }
    }

    /// The text form, `host:port`, with an IPv6 host in brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host part, without brackets.
    pub fn host(&self) -> &str {
        let host = self.0.rsplit_once(':').map_or(&*self.0, |(host, _)| host);
        host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host)
    }

    /// The port part.
    pub fn port(&self) -> u16 {
        self.0.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(5432)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name that Patroni gives a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberName(pub Arc<str>);

impl fmt::Display for MemberName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A PostgreSQL timeline: it rises by promotion and never falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timeline(pub u32);

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A position in the write-ahead log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

impl Lsn {
    /// The number of bytes from `earlier` to `self`; zero if `earlier` is ahead.
    pub const fn bytes_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

impl FromStr for Lsn {
    type Err = LsnError;

    /// Reads PostgreSQL's `pg_lsn` text form, two hexadecimal halves: `16/B374D848`.
    fn from_str(text: &str) -> Result<Self, LsnError> {
        let (high, low) = text.split_once('/').ok_or(LsnError)?;
        let high = u32::from_str_radix(high, 16).map_err(|_| LsnError)?;
        let low = u32::from_str_radix(low, 16).map_err(|_| LsnError)?;
        Ok(Self(u64::from(high) << 32 | u64::from(low)))
    }
}

/// A text that is not a `pg_lsn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a log position: expected two hexadecimal numbers with a slash between them")]
pub struct LsnError;

/// The number by which PostgreSQL tells one database cluster from another
/// (`pg_control_system().system_identifier`, Patroni's `initialize` key).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SystemIdentifier(pub u64);

impl fmt::Display for SystemIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One run of one postmaster: its start time in microseconds since 1970
/// (`pg_postmaster_start_time()`). Two addresses with the same system identifier and the same
/// incarnation lead to the same server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerIncarnation(pub i64);

/// Counts the confirmed leaders that this process has seen; a pooled connection made under an
/// older generation of its node is not handed out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Generation(pub u64);

impl Generation {
    /// The generation that follows.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// What became of a statement or transaction whose execution failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// The server cannot have received it: running it again is always safe.
    NotSent,
    /// The server received it and left no trace of it: running it again is safe.
    RolledBack,
    /// It may have been committed: running it again may do it twice.
    Unknown,
    /// It was committed on the server that answered.
    Committed,
}

impl Fate {
    /// Whether running the work again cannot do it twice.
    pub const fn is_safe_to_run_again(self) -> bool {
        matches!(self, Self::NotSent | Self::RolledBack)
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSent => "not sent",
            Self::RolledBack => "rolled back",
            Self::Unknown => "unknown",
            Self::Committed => "committed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lsn_reads_and_prints_the_server_form() {
        let lsn: Lsn = "16/B374D848".parse().unwrap();
        assert_eq!(lsn, Lsn(0x16_B374_D848));
        assert_eq!(lsn.to_string(), "16/B374D848");
        assert_eq!("16".parse::<Lsn>(), Err(LsnError));
    }

    #[test]
    fn node_id_keeps_host_and_port_apart_for_ipv6() {
        let node = NodeId::new("::1", 5433);
        assert_eq!(node.as_str(), "[::1]:5433");
        assert_eq!((node.host(), node.port()), ("::1", 5433));
        let socket = NodeId::new("/run/a:b", 5432);
        assert_eq!((socket.host(), socket.port()), ("/run/a:b", 5432));
    }
}

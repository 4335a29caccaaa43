//! The proxies around one node, and how clients and nodes are told apart on one address.
//!
//! Patroni publishes one address for each server, used by clients and by the other nodes. The
//! first bytes say who speaks: nodes log in under names nobody else uses, and Patroni names
//! itself in its HTTP requests.

use std::net::SocketAddr;

use anyhow::Result;

use crate::{FaultProxy, Lane};

/// The role that standbys stream under.
pub(super) const REPLICATOR: &str = "replicator";
/// The role under which a node inspects and rewinds from another.
pub(super) const REWINDER: &str = "rewinder";

/// One address with a lane for clients and a lane for nodes.
#[derive(Debug)]
pub(super) struct Front {
    proxy: FaultProxy,
}

impl Front {
    pub(super) async fn postgres(listen: SocketAddr, server: SocketAddr) -> Result<Self> {
        Ok(Self { proxy: FaultProxy::with_lanes(listen, server, 2, Some(postgres_lane)).await? })
    }

    pub(super) async fn rest(listen: SocketAddr, server: SocketAddr) -> Result<Self> {
        Ok(Self { proxy: FaultProxy::with_lanes(listen, server, 2, Some(rest_lane)).await? })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.proxy.address()
    }

    pub(super) fn clients(&self) -> &Lane {
        self.proxy.lane(CLIENTS)
    }

    pub(super) fn peers(&self) -> &Lane {
        self.proxy.lane(PEERS)
    }

    pub(super) fn proxy(&self) -> &FaultProxy {
        &self.proxy
    }
}

/// A start-up message is a length, a version, and then names and values, each ended by a zero
/// byte. Nodes ask for no encryption, so theirs comes first and in the clear.
fn postgres_lane(first: &[u8]) -> usize {
    let words: Vec<&[u8]> = first.get(8..).unwrap_or_default().split(|byte| *byte == 0).collect();
    let user = words.chunks(2).find(|pair| pair[0] == b"user").and_then(|pair| pair.get(1));
    let node =
        user.is_some_and(|user| *user == REPLICATOR.as_bytes() || *user == REWINDER.as_bytes());
    if node { PEERS } else { CLIENTS }
}

fn rest_lane(first: &[u8]) -> usize {
    let head = String::from_utf8_lossy(first).to_ascii_lowercase();
    if head.contains("user-agent: patroni/") { PEERS } else { CLIENTS }
}

const CLIENTS: usize = 0;
const PEERS: usize = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_told_from_clients_by_their_first_bytes() {
        let cases: [(&[u8], usize); 4] = [
            (b"\0\0\0\x21\0\x03\0\0user\0replicator\0database\0x\0\0", PEERS),
            (b"\0\0\0\x21\0\x03\0\0database\0replicator\0user\0app\0\0", CLIENTS),
            (b"\0\0\0\x08\x04\xd2\x16\x2f", CLIENTS),
            (b"", CLIENTS),
        ];
        for (first, lane) in cases {
            assert_eq!(postgres_lane(first), lane, "{first:?}");
        }
        assert_eq!(rest_lane(b"GET / HTTP/1.1\r\nUser-Agent: Patroni/4.1.5 Python\r\n\r\n"), PEERS);
        assert_eq!(rest_lane(b"GET /patroni HTTP/1.1\r\nHost: x\r\n\r\n"), CLIENTS);
    }
}

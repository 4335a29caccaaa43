//! Whether two snapshots differ in what a statement would notice.

use std::time::Duration;

use crate::NodeId;
use crate::snapshot::{ClusterSnapshot, Health, Leadership, Node, NodeRole};

/// Whether anything that selection or the pool reads is different.
///
/// Moments, round trips and log positions are left out, and lags are compared by their order of
/// magnitude (powers of two), so that a calm cluster publishes nothing.
pub fn changed(old: &ClusterSnapshot, new: &ClusterSnapshot) -> bool {
    old.generation != new.generation
        || old.system_identifier != new.system_identifier
        || old.switchover != new.switchover
        || leader(&old.leadership) != leader(&new.leadership)
        || old.nodes.len() != new.nodes.len()
        || !old.nodes.iter().map(key).eq(new.nodes.iter().map(key))
}

fn leader(leadership: &Leadership) -> (u8, Option<&NodeId>) {
    match leadership {
        Leadership::Unknown => (0, None),
        Leadership::Claimed { node, .. } => (1, Some(node)),
        Leadership::Confirmed { node, .. } => (2, Some(node)),
    }
}

#[derive(PartialEq)]
struct Key<'a> {
    id: &'a NodeId,
    role: NodeRole,
    health: Health,
    default_read_only: bool,
    no_load_balance: bool,
    synchronous: bool,
    foreign_to: Option<crate::SystemIdentifier>,
    incarnation: Option<crate::ServerIncarnation>,
    reported_role: Option<crate::observation::MemberRole>,
    lag_bytes: Option<u32>,
    replay_lag: Option<u32>,
    generation: crate::Generation,
}

fn key<'a>((id, node): (&'a NodeId, &'a Node)) -> Key<'a> {
    Key {
        id,
        role: node.role,
        health: node.health,
        default_read_only: node.default_read_only,
        no_load_balance: node.no_load_balance,
        synchronous: node.synchronous,
        foreign_to: node.system_identifier,
        incarnation: node.incarnation,
        reported_role: node.reported_role,
        lag_bytes: node.lag_bytes.map(magnitude),
        replay_lag: node.replay_lag.map(millis_magnitude),
        generation: node.generation,
    }
}

/// The number of binary digits.
const fn magnitude(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

fn millis_magnitude(span: Duration) -> u32 {
    magnitude(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

//! What a new snapshot means for the pooled connections of each node.

use std::collections::BTreeMap;

use crate::NodeId;
use crate::snapshot::{ClusterSnapshot, Node};

/// What to do with the connections of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Command {
    /// Nothing.
    Keep,
    /// Close the idle ones now and the busy ones at check-in.
    Flush(FlushReason),
}

/// Why the connections of a node are closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FlushReason {
    /// The node's generation rose: another run of its server, or a primary no more.
    GenerationRose,
    /// The node is no longer part of the cluster.
    Removed,
}

/// One command for every node of the older snapshot. A node that only the newer one knows has no
/// connections yet.
pub fn plan(old: &ClusterSnapshot, new: &ClusterSnapshot) -> BTreeMap<NodeId, Command> {
    let command = |(id, before): (&NodeId, &Node)| {
        let command = match new.nodes.get(id) {
            None => Command::Flush(FlushReason::Removed),
            Some(after) if after.generation != before.generation => {
                Command::Flush(FlushReason::GenerationRose)
            }
            Some(_) => Command::Keep,
        };
        (id.clone(), command)
    };
    old.nodes.iter().map(command).collect()
}

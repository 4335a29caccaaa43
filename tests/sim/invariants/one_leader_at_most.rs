//! A session that needs the leader is sent to the confirmed one, or to nobody.

use aya_db_core::conninfo::LagLimits;
use aya_db_core::route::{Intent, select};
use aya_db_core::snapshot::NodeRole;

use super::Fold;

pub(super) fn check(fold: &Fold<'_>) -> Result<(), String> {
    let leader = fold.after.leadership.confirmed();
    let selection = select(fold.after, Intent::Primary, &LagLimits::default(), 0);
    if !selection.candidates.iter().eq(leader) {
        return Err(format!("selected {:?}, confirmed {leader:?}", selection.candidates));
    }
    let role = leader.map(|leader| fold.after.nodes.get(leader).map(|node| node.role));
    match role {
        None | Some(Some(NodeRole::Primary)) => Ok(()),
        Some(other) => Err(format!("the confirmed leader has the role {other:?}")),
    }
}

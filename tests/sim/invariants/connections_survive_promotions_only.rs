//! The connections of a server are kept while it runs on and is promoted, and are given up when
//! its run changes or when a primary turns out to be none any more.

use aya_db_core::snapshot::NodeRole;

use super::Fold;

pub(super) fn check(fold: &Fold<'_>) -> Result<(), String> {
    for (id, node) in &fold.after.nodes {
        let Some(old) = fold.before.nodes.get(id) else { continue };
        let rose = node.generation > old.generation;
        let same_run = old.incarnation.is_none() || old.incarnation == node.incarnation;
        let was_primary = old.answered_role == NodeRole::Primary;
        let fallen = was_primary && node.answered_role != NodeRole::Primary;
        if rose && same_run && matches!(node.answered_role, NodeRole::Primary | NodeRole::Standby) {
            let role = (old.answered_role, node.answered_role);
            if !matches!(role, (NodeRole::StalePrimary, _) | (_, NodeRole::Standby)) {
                return Err(format!("{id} lost its connections by {role:?} in the same run"));
            }
        }
        if !rose && (!same_run || fallen) {
            return Err(format!("{id} kept the connections of another run or of a lost primary"));
        }
    }
    Ok(())
}

//! Neither the generation of the cluster nor that of a server ever falls, and the former rises
//! by one at a time.

use super::Fold;

pub(super) fn check(fold: &Fold<'_>) -> Result<(), String> {
    let (before, after) = (fold.before.generation, fold.after.generation);
    if after != before && after != before.next() {
        return Err(format!("the generation went from {} to {}", before.0, after.0));
    }
    for (id, node) in &fold.after.nodes {
        if fold.before.nodes.get(id).is_some_and(|old| old.generation > node.generation) {
            return Err(format!("the generation of {id} fell"));
        }
    }
    Ok(())
}

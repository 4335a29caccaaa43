//! Nothing in the snapshot grows with time.

use super::Fold;

pub(super) fn check(fold: &Fold<'_>) -> Result<(), String> {
    let after = fold.after;
    let sizes = [after.reasons.len(), after.nodes.len(), after.history.len(), after.claims.len()];
    if sizes.iter().zip([32, 16, 256, 2]).all(|(size, bound)| *size <= bound) {
        Ok(())
    } else {
        Err(format!("the snapshot grew to {sizes:?}"))
    }
}

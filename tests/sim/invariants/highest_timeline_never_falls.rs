//! The highest timeline seen is never forgotten.

use super::Fold;

pub(super) fn check(fold: &Fold<'_>) -> Result<(), String> {
    if fold.after.highest_timeline < fold.before.highest_timeline {
        return Err("the highest timeline fell".into());
    }
    Ok(())
}

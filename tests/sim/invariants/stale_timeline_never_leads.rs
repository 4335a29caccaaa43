//! A leader of a known timeline is on the highest one seen.

use aya_db_core::snapshot::Leadership;

use super::Fold;

pub(super) fn check(fold: &Fold<'_>) -> Result<(), String> {
    match &fold.after.leadership {
        Leadership::Confirmed { node, timeline: Some(timeline), .. }
            if Some(*timeline) < fold.after.highest_timeline =>
        {
            Err(format!("{node} leads on timeline {timeline}"))
        }
        _ => Ok(()),
    }
}

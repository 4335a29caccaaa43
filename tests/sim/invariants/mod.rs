//! What must hold after every observation, one file each.

use aya_db_core::observation::Observation;
use aya_db_core::snapshot::ClusterSnapshot;

mod confirmed_leader_has_answered;
mod connections_survive_promotions_only;
mod generations_never_fall;
mod highest_timeline_never_falls;
mod one_leader_at_most;
mod snapshot_is_bounded;
mod stale_timeline_never_leads;

/// One fold: what was, what came, what is.
pub(crate) struct Fold<'a> {
    pub(crate) before: &'a ClusterSnapshot,
    pub(crate) observation: &'a Observation,
    pub(crate) after: &'a ClusterSnapshot,
}

/// Checks all of them.
pub(crate) fn check(fold: &Fold<'_>) -> Result<(), String> {
    confirmed_leader_has_answered::check(fold)?;
    connections_survive_promotions_only::check(fold)?;
    generations_never_fall::check(fold)?;
    highest_timeline_never_falls::check(fold)?;
    one_leader_at_most::check(fold)?;
    snapshot_is_bounded::check(fold)?;
    stale_timeline_never_leads::check(fold)
}

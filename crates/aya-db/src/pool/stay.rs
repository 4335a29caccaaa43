//! Whether a session may go on with the connection that it has kept.

use std::sync::Arc;

use tokio::time::timeout_at;

use aya_db_core::failure::Cause;

use super::checkout::Seeker;
use super::keeper::Keeper;
use super::manager::Dialling;
use super::pooled::Pooled;
use crate::failed::Failed;

/// What becomes of a connection that was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stay {
    /// It is used again.
    On,
    /// Its server runs anew, has another role, or has closed it: another one is looked for.
    Leave,
}

/// Waits while a hold keeps calls away from the server of `link`, on which no transaction is open.
///
/// Dropped midway, nothing has happened to the connection.
pub(crate) async fn stay(
    shared: &Dialling,
    keeper: &Keeper,
    seeker: &Seeker,
    link: &Pooled,
) -> Result<Stay, Failed> {
    // The keeper may be a moment behind what the application has been told already.
    let serial = shared.monitor.serial();
    let fleet = keeper.fleet();
    if fleet.serial < serial || fleet.keeps_away(seeker.intent, link.node()) {
        drop(fleet);
        let mut fleets = keeper.subscribe();
        loop {
            let fleet = Arc::clone(&fleets.borrow_and_update());
            if fleet.serial >= serial && !fleet.keeps_away(seeker.intent, link.node()) {
                break;
            }
            match timeout_at(seeker.deadline, fleets.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(seeker.waiting(Cause::Closed)),
                Err(_) => return Err(seeker.in_vain(&fleet)),
            }
        }
    }
    Ok(if link.is_current() { Stay::On } else { Stay::Leave })
}

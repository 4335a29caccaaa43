//! Asks whoever leads.

use std::future::Future;
use std::sync::Arc;

use tokio::time::{Instant, timeout_at};
use tracing::debug;

use aya_db_core::continuity::Verdict;
use aya_db_core::failure::Safety;
use aya_db_core::route::Intent;
use aya_db_core::{Fate, Generation, NodeId};

use super::Left;
use crate::core::Core;
use crate::execute::{Attempting, Work, execute};
use crate::failed::Failed;
use crate::link::Link;
use crate::options::CallOptions;
use crate::pool::{Fleet, Pooled};
use crate::talk::Talk;

/// A question that does no harm when it is asked twice.
pub(super) trait Inquire: Send + Sync {
    /// What is answered.
    type Answer: Send;

    fn core(&self) -> &Arc<Core>;

    /// Asks it.
    fn ask(&self, talk: &Talk<'_>) -> impl Future<Output = Result<Self::Answer, Failed>> + Send;

    /// What the server prepared for it is out of date.
    fn forget(&self, link: &Link);
}

/// Asks the leader, once there is one. The old leader itself, back again, is asked on a connection of its
/// own: the lost ones may still hold every place of its pool.
pub(super) async fn ask_leader<I: Inquire>(
    core: &Arc<Core>,
    inquiry: &I,
    left: &Left,
    deadline: Instant,
) -> Result<I::Answer, Verdict> {
    let Some((leader, generation)) = leader(core, deadline).await else {
        return Err(Verdict::Unknown("nobody led in time"));
    };
    if leader != *left.node() {
        let time = deadline.saturating_duration_since(Instant::now());
        let options = CallOptions::new().idempotent().intent(Intent::Primary).timeout(time);
        let asked = Box::pin(execute(core, &options, &mut Asking(inquiry))).await;
        return asked.map_err(|error| {
            debug!(%error, "a commit in doubt: nobody can be asked");
            match error.fate() {
                // The ledger's answer is a row of its own, and this leader has stopped before a standby
                // had it.
                Fate::Committed => {
                    Verdict::Undecided("the leader stopped before its answer was safe")
                }
                _ => Verdict::Unknown("no leader could be asked in time"),
            }
        });
    }
    let Ok(link) = core.dialling.open(&leader, generation, None, deadline).await else {
        return Err(Verdict::Undecided("the leader cannot be reached"));
    };
    let talk = Talk::alone(&link, &core.session, Safety::Idempotent, Some(deadline));
    let asked = inquiry.ask(&talk).await;
    asked.map_err(|_| Verdict::Undecided("the leader did not answer"))
}

/// The confirmed leader, once there is one.
async fn leader(core: &Core, deadline: Instant) -> Option<(NodeId, Generation)> {
    let mut fleets = core.keeper.subscribe();
    let confirmed = |fleet: &Arc<Fleet>| fleet.snapshot.leadership.confirmed().is_some();
    let fleet = timeout_at(deadline, fleets.wait_for(confirmed)).await.ok()?.ok()?;
    let leader = fleet.snapshot.leadership.confirmed()?;
    Some((leader.clone(), fleet.snapshot.nodes.get(leader)?.generation))
}

/// The work of asking.
struct Asking<'a, I>(&'a I);

impl<I: Inquire> Work for Asking<'_, I> {
    type Output = I::Answer;

    async fn run(&mut self, link: Pooled, attempt: &Attempting<'_>) -> Result<I::Answer, Failed> {
        let session = &self.0.core().session;
        let talk = Talk::alone(&link, session, Safety::Idempotent, attempt.run_until);
        match self.0.ask(&talk).await {
            Ok(answer) => Ok(answer),
            Err(failed) => Err(failed.with_link(link)),
        }
    }

    fn forget(&self, link: &Link) {
        self.0.forget(link);
    }
}

//! The end of a transaction that seems to have only read, when the answer to its COMMIT is lost.

use aya_db_core::Fate;
use aya_db_core::continuity::Resolution;

use super::replay::{Outcome, Replay, Taken};
use super::shared::{Commit, Open, Shared};
use crate::commit::Did;
use crate::doubt::Left;
use crate::execute::cure;
use crate::failed::Failed;

impl Shared {
    /// Whether a COMMIT that is in doubt may be settled by reading once more.
    pub(super) fn may_read_again(&self, open: &Open, failed: &Failed) -> bool {
        failed.classify().fate == Fate::Unknown
            && self.core.resolution != Resolution::Off
            && open.did == Did::Read
            && open.record.is_kept()
    }

    /// Runs the transaction once more, READ ONLY. If each statement gives what the application saw, then
    /// that was the transaction: it has no effects, and if the first one had any, this one has seen them. If
    /// a statement wants to write or gives something else, the first failure stands.
    pub(super) async fn read_again(&self, open: &mut Open, failed: Failed) -> Result<(), Failed> {
        let options = self.options.clone().transaction(self.options.transaction.read_only());
        let Some(link) = open.link.take() else { return Err(failed) };
        let left = Left::of(&link);
        link.discard();
        let mut work = Replay {
            core: &self.core,
            options: &options,
            session: open.home.as_mut().map(|seat| &mut seat.state),
            record: &open.record,
            did: Did::Read,
            left,
            ask: &Commit,
        };
        let again = failed.copy().with_safety(options.safety);
        match cure(&self.core, &options, &mut work, again, self.run_until).await {
            Ok(Taken { link, outcome: Outcome::Stands(Ok(())), .. }) => {
                open.link = Some(link);
                Ok(())
            }
            Ok(Taken { link, .. }) => {
                link.discard();
                Err(failed)
            }
            Err(_) => Err(failed),
        }
    }
}

//! The way by the ledger: a row that is committed with the transaction, or with nothing.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};
use tokio_postgres::Row;

use aya_db_core::continuity::{Question, Verdict};
use aya_db_core::failure::Safety;
use aya_db_core::route::Intent;
use aya_db_core::server_sql::{PRUNE, SETTLE};

use super::Left;
use super::leader::{Inquire, ask_leader};
use crate::core::Core;
use crate::execute::{Attempting, Work, execute};
use crate::failed::Failed;
use crate::link::Link;
use crate::options::CallOptions;
use crate::pool::Pooled;
use crate::talk::Talk;

/// What a transaction is known by in the ledger: 128 bits that nobody else draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token(u128);

impl Token {
    pub(crate) fn draw() -> Self {
        Self(rand::random())
    }

    /// As PostgreSQL reads a `uuid`.
    pub(crate) fn text(self) -> String {
        format!("{:032x}", self.0)
    }
}

/// Asks the leader what became of the token's transaction.
pub(super) async fn look_up(
    core: &Arc<Core>,
    token: Token,
    question: Question,
    left: &Left,
    deadline: Instant,
) -> Verdict {
    let lookup = LookUp { core, token: token.text(), left, question };
    ask_leader(core, &lookup, left, deadline).await.unwrap_or_else(|verdict| verdict)
}

struct LookUp<'a> {
    core: &'a Arc<Core>,
    token: String,
    left: &'a Left,
    question: Question,
}

impl Inquire for LookUp<'_> {
    type Answer = Verdict;

    fn core(&self) -> &Arc<Core> {
        self.core
    }

    fn forget(&self, link: &Link) {
        link.forget(SETTLE);
    }

    /// A leader on which the commit was told of while it was not replicated says nothing new.
    async fn ask(&self, talk: &Talk<'_>) -> Result<Verdict, Failed> {
        if self.question == Question::Promoted && talk.link.node() == self.left.node() {
            return Ok(Verdict::Unknown(
                "nobody was promoted, and perhaps no standby has the commit",
            ));
        }
        self.left.end_idle(talk).await?;
        let rows = talk.query(SETTLE, &[&self.token]).await?;
        Ok(rows.first().map_or(NO_ANSWER, verdict_of))
    }
}

fn verdict_of(row: &Row) -> Verdict {
    match row.try_get::<_, Option<bool>>(0) {
        Ok(Some(true)) => Verdict::Committed("the ledger holds the transaction's row"),
        Ok(Some(false)) => Verdict::RolledBack("the ledger lacks the transaction's row"),
        Ok(None) | Err(_) => NO_ANSWER,
    }
}

/// Removes old rows from the ledger, now and then, for as long as the cluster handle lives.
#[derive(Debug)]
pub(crate) struct Pruner(AbortHandle);

impl Pruner {
    /// Begins on the current runtime.
    pub(crate) fn start(core: &Arc<Core>) -> Self {
        let core = Arc::downgrade(core);
        Self(tokio::spawn(prune(core)).abort_handle())
    }
}

impl Drop for Pruner {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn prune(core: Weak<Core>) {
    loop {
        // Many processes share a ledger, and need not come at once.
        sleep(PRUNED_EVERY.mul_f64(rand::random_range(0.5..1.5))).await;
        let Some(core) = core.upgrade().filter(|core| !core.is_closed()) else { return };
        let options = CallOptions::new().idempotent().intent(Intent::Primary);
        let mut work = Batch { core: &core };
        while let Ok(BATCH..) = execute(&core, &options, &mut work).await {}
    }
}

/// One batch of rows.
struct Batch<'a> {
    core: &'a Arc<Core>,
}

impl Work for Batch<'_> {
    type Output = i64;

    async fn run(&mut self, link: Pooled, attempt: &Attempting<'_>) -> Result<i64, Failed> {
        let session = &self.core.session;
        let talk = Talk::alone(&link, session, Safety::Idempotent, attempt.run_until);
        match talk.query(PRUNE, &[]).await {
            Ok(rows) => Ok(rows.first().and_then(|row| row.try_get(0).ok()).unwrap_or(0)),
            Err(failed) => Err(failed.with_link(link)),
        }
    }

    fn forget(&self, link: &Link) {
        link.forget(PRUNE);
    }
}

const NO_ANSWER: Verdict = Verdict::Unknown("the ledger gave no answer");

const PRUNED_EVERY: Duration = Duration::from_secs(600);
const BATCH: i64 = 1_000;

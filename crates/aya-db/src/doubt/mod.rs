//! Resolves a commit whose answer was lost: notes what identifies it before COMMIT is sent, and
//! asks the leader of later what became of it.
//!
//! ```text
//! lsn:    a statement, and MARK behind it --> Doubt (CommitMark) --+
//! ledger: a token's row ahead of COMMIT ----> Doubt (token) -------+
//!                                                                  |  the connection is lost
//!                                                                  v
//! settle: the leader's history, or the token's row --> kept | rolled back | unknown
//! ```

mod leader;
mod ledger;
mod left;
mod lsn;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_postgres::Row;
use tracing::{debug, info};

use aya_db_core::Fate;
use aya_db_core::continuity::{CommitMark, Question, Resolution, Verdict};

pub(crate) use self::ledger::{Pruner, Token};
pub(crate) use self::left::Left;
pub(crate) use self::lsn::life_of;
use self::lsn::mark_of;
use crate::core::Core;
use crate::failed::Failed;
use crate::link::Link;

/// A failure of unknown fate, with how the like can be resolved where it was not.
pub(crate) fn advise(resolution: Resolution, failed: Failed) -> Failed {
    match (failed.classify().fate, resolution.advice()) {
        (Fate::Unknown, Some(advice)) => failed.advise(advice),
        (_, _) => failed,
    }
}

/// What identifies a transaction, as far as it is known.
#[derive(Debug, Default)]
pub(crate) struct Doubt {
    mark: OnceLock<CommitMark>,
    token: OnceLock<Token>,
    /// A mark that was asked for behind the last statement says that nothing was written.
    empty: AtomicBool,
}

/// By what a transaction is looked up.
#[derive(Debug, Clone, Copy)]
enum Sought<'a> {
    Mark(&'a CommitMark),
    Token(Token),
}

impl Doubt {
    /// Keeps the answer to [`MARK`](aya_db_core::server_sql::MARK); one that lacks a part marks nothing.
    pub(crate) fn keep(&self, row: &Row, on: &Link) {
        let unassigned = row.try_get::<_, Option<&str>>(0).is_ok_and(|xid| xid.is_none());
        self.empty.store(unassigned, Ordering::Release);
        if let Some(Some(life)) = on.life().get()
            && let Some(mark) = mark_of(row, life)
        {
            let _ = self.mark.set(mark);
        }
    }

    /// A statement runs that may write: what an earlier mark said of that is over.
    pub(crate) fn may_be_written(&self) {
        self.empty.store(false, Ordering::Release);
    }

    /// Keeps the token whose row is written with the transaction.
    pub(crate) fn keep_token(&self, token: Token) {
        let _ = self.token.set(token);
    }

    fn sought(&self) -> Option<Sought<'_>> {
        let mark = self.mark.get().map(Sought::Mark);
        mark.or_else(|| self.token.get().map(|token| Sought::Token(*token)))
    }

    /// The transaction wrote to the log, and its number and a place behind that are known.
    pub(crate) fn is_marked(&self) -> bool {
        self.mark.get().is_some()
    }

    /// The transaction has written nothing, so that there is nothing to find out.
    pub(crate) fn is_empty(&self) -> bool {
        self.empty.load(Ordering::Acquire) && !self.is_marked()
    }
}

/// What became of the work whose commit failed. `Ok(())`: it is committed. Otherwise the failure,
/// perhaps with the knowledge that it was rolled back.
///
/// It waits for a leader, up to `run_until` and no longer than `failover_timeout`. Dropped midway,
/// nothing is known.
pub(crate) async fn settle(
    core: &Arc<Core>,
    doubt: &Doubt,
    failed: Failed,
    left: Left,
    run_until: Option<Instant>,
) -> Result<(), Failed> {
    let Some(question) = Question::of(failed.facts()) else { return Err(failed) };
    if question == Question::Committed && doubt.is_empty() {
        return Ok(());
    }
    if core.is_closed() {
        return Err(failed);
    }
    let Some(sought) = doubt.sought() else { return Err(advise(core.resolution, failed)) };
    drop(core.tell(&failed, &failed.classify()));
    let failed = failed.told();
    let began = Instant::now();
    let waiting = began + core.session.info().failover_timeout();
    let deadline = run_until.map_or(waiting, |end| end.min(waiting));
    let verdict = look_up(core, sought, question, &left, deadline).await;
    info!(
        xid = doubt.mark.get().map(|mark| mark.xid.0),
        ?verdict,
        took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        "a commit in doubt"
    );
    match verdict {
        Verdict::Committed(_) => Ok(()),
        Verdict::RolledBack(_) => Err(failed.rolled_back()),
        Verdict::Undecided(_) | Verdict::Unknown(_) => Err(advise(core.resolution, failed)),
    }
}

async fn look_up(
    core: &Arc<Core>,
    sought: Sought<'_>,
    question: Question,
    left: &Left,
    deadline: Instant,
) -> Verdict {
    let mut pause = FIRST_PAUSE;
    loop {
        let verdict = match sought {
            Sought::Mark(mark) => lsn::look_up(core, mark, question, left, deadline).await,
            Sought::Token(token) => ledger::look_up(core, token, question, left, deadline).await,
        };
        let Verdict::Undecided(why) = verdict else { return verdict };
        if deadline.saturating_duration_since(Instant::now()) <= pause {
            return verdict;
        }
        debug!(why, "a commit in doubt: asking again");
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

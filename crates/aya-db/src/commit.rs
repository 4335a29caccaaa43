//! The end of a transaction that may have written, on one connection.

use std::sync::Arc;

use aya_db_core::continuity::Resolution;
use aya_db_core::failure::{Cause, ClientFault, Facts, InTransaction, Phase, Safety, Sent};
use aya_db_core::pool::TransactionStatus;
use aya_db_core::server_sql::{HAS_LEDGER, LIFE, MARK, NOTE};

use crate::core::Core;
use crate::doubt::{Doubt, Left, Token, life_of, settle};
use crate::failed::Failed;
use crate::link::Link;
use crate::talk::{Ahead, Talk};

/// How the commit of a transaction is resolved if it comes to be in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Not at all.
    None,
    /// By the leader's history.
    Lsn,
    /// By the ledger.
    Ledger,
}

/// What a transaction has done, by the words of its statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Did {
    /// It has read; a function may have written all the same.
    Read,
    /// It may have written.
    Write,
}

impl Way {
    /// The same for one whose caller promised something that makes it needless.
    pub(crate) async fn for_transaction(core: &Arc<Core>, talk: &Talk<'_>) -> Result<Self, Failed> {
        match talk.safety {
            Safety::Unmarked => Self::find(core, talk).await,
            Safety::ReadOnly | Safety::Idempotent => Ok(Self::None),
        }
    }

    /// Whether it is known already, and nothing is done.
    pub(crate) fn is_known_to_be_none(core: &Core, link: &Link) -> bool {
        match core.resolution {
            Resolution::Off => true,
            Resolution::LedgerOrNone => link.has_ledger().get() == Some(&false),
            Resolution::Lsn | Resolution::Ledger | Resolution::LedgerOrLsn => false,
        }
    }

    /// The way for a transaction that begins next on this connection. What it takes is prepared ahead,
    /// since nothing can be prepared in a transaction that has failed. That the session was made on a
    /// standby says nothing: it outlives its server's promotion, and then writes.
    pub(crate) async fn find(core: &Arc<Core>, talk: &Talk<'_>) -> Result<Self, Failed> {
        match core.resolution {
            Resolution::Off => Ok(Self::None),
            Resolution::Lsn => Self::lsn(talk).await,
            Resolution::Ledger | Resolution::LedgerOrLsn | Resolution::LedgerOrNone => {
                if has_ledger(talk).await? {
                    talk.prepare(NOTE).await?;
                    core.prune_ledger();
                    return Ok(Self::Ledger);
                }
                match core.resolution {
                    Resolution::Ledger => Err(no_ledger(talk)),
                    Resolution::LedgerOrLsn => Self::lsn(talk).await,
                    Resolution::LedgerOrNone | Resolution::Lsn | Resolution::Off => Ok(Self::None),
                }
            }
        }
    }

    async fn lsn(talk: &Talk<'_>) -> Result<Self, Failed> {
        let life = match talk.link.life().get() {
            Some(life) => *life,
            None => {
                let rows = talk.query(LIFE, &[]).await.map_err(Failed::ahead_of_work)?;
                let found = rows.first().and_then(life_of);
                // A standby tells nothing, and tells once it is promoted.
                if found.is_none() && talk.link.facts().in_recovery {
                    return Ok(Self::None);
                }
                *talk.link.life().get_or_init(|| found)
            }
        };
        if life.is_none() {
            return Ok(Self::None);
        }
        talk.prepare(MARK).await?;
        Ok(Self::Lsn)
    }
}

async fn has_ledger(talk: &Talk<'_>) -> Result<bool, Failed> {
    if let Some(found) = talk.link.has_ledger().get() {
        return Ok(*found);
    }
    let rows = talk.query(HAS_LEDGER, &[]).await.map_err(Failed::ahead_of_work)?;
    let found = rows.first().and_then(|row| row.try_get(0).ok()).unwrap_or(false);
    Ok(*talk.link.has_ledger().get_or_init(|| found))
}

fn no_ledger(talk: &Talk<'_>) -> Failed {
    let cause = Cause::Client(ClientFault::Configuration);
    let facts = Facts::new(Phase::Statement(InTransaction::No), Sent::No, cause);
    Failed::new(facts.with_safety(talk.safety)).on(talk.link).because(NoLedger)
}

#[derive(Debug, thiserror::Error)]
#[error(
    "commit_resolution is ledger, and the database has no commit ledger that the user may write to: \
     run aya_db::COMMIT_LEDGER_SQL in it once, or choose another commit_resolution"
)]
struct NoLedger;

/// Commits, and finds out what became of it if the answer is lost.
///
/// By the leader's history: nothing more is sent where a mark has come with an earlier statement; a
/// transaction that may have written is marked before COMMIT is sent, and one that has read together with
/// it. By the ledger: a token's row goes ahead of COMMIT, in the same round trip.
pub(crate) async fn commit(
    core: &Arc<Core>,
    talk: &Talk<'_>,
    doubt: &Doubt,
    way: Way,
    did: Did,
) -> Result<(), Failed> {
    let status = TransactionStatus::from_byte(talk.link.state().status());
    let stands = status == Some(TransactionStatus::InTransaction);
    let sent = match way {
        Way::Lsn if stands && !doubt.is_marked() && !doubt.is_empty() => match did {
            Did::Read => talk.commit(Ahead::Mark(doubt)).await,
            Did::Write => {
                talk.mark_now(doubt).await?;
                talk.commit(Ahead::Nothing).await
            }
        },
        Way::Ledger if stands => {
            let token = Token::draw();
            doubt.keep_token(token);
            talk.commit(Ahead::Token(&token.text())).await
        }
        Way::None | Way::Lsn | Way::Ledger => talk.commit(Ahead::Nothing).await,
    };
    match sent {
        Ok(()) => Ok(()),
        Err(failed) => {
            let left = Left::of(talk.link);
            Box::pin(settle(core, doubt, failed, left, talk.until)).await
        }
    }
}

//! Takes an open transaction up on another connection.
//!
//! ```text
//! BEGIN --> each statement of the record, compared with what the application saw --> the one that failed
//!               |
//!               +-- something else came: roll back, and say which
//! ```

use std::sync::Arc;

use futures_util::{TryStreamExt, pin_mut};
use tokio_postgres::types::ToSql;

use aya_db_core::continuity::{
    Answered, Digester, Divergence, Entry, Input, Record, Seen, answered_again, is_cured_by_replay,
};
use aya_db_core::failure::{Cause, Facts, InTransaction, Phase, Sent};
use aya_db_core::sql_text::may_write;

use super::ask::{Ask, Inside, Sent as SentBefore, digest_of_rows, digest_of_texts};
use super::copying::copy_all;
use crate::commit::{Did, Way};
use crate::core::Core;
use crate::doubt::{Doubt, Left};
use crate::execute::{Attempting, Work};
use crate::failed::Failed;
use crate::link::Link;
use crate::options::CallOptions;
use crate::pool::Pooled;
use crate::session::State;
use crate::talk::{Block, Talk};

/// The work of a replay: everything of the record, and then what had failed.
pub(super) struct Replay<'a, A> {
    pub(super) core: &'a Arc<Core>,
    pub(super) options: &'a CallOptions,
    /// The session that it belongs to, if it does.
    pub(super) session: Option<&'a mut State>,
    pub(super) record: &'a Record,
    pub(super) did: Did,
    pub(super) left: Left,
    pub(super) ask: &'a A,
}

/// The transaction, on its new connection.
pub(super) struct Taken<T> {
    pub(super) link: Pooled,
    pub(super) doubt: Doubt,
    pub(super) way: Way,
    pub(super) outcome: Outcome<T>,
}

/// What came of the replay.
pub(super) enum Outcome<T> {
    /// The transaction stands as before, and this came of what had failed.
    Stands(Result<T, Failed>),
    /// A statement gave something else, and the transaction was rolled back.
    Diverged(Failed),
}

impl<A: Ask> Work for Replay<'_, A> {
    type Output = Taken<A::Answer>;

    async fn run(
        &mut self,
        mut link: Pooled,
        attempt: &Attempting<'_>,
    ) -> Result<Self::Output, Failed> {
        if self.session.is_some() {
            link.take_over();
        }
        let doubt = Doubt::default();
        match Box::pin(self.run_on(&link, &doubt, attempt)).await {
            Ok((way, outcome)) => Ok(Taken { link, doubt, way, outcome }),
            Err(failed) => Err(failed),
        }
    }
}

impl<A: Ask> Replay<'_, A> {
    async fn run_on(
        &mut self,
        link: &Link,
        doubt: &Doubt,
        attempt: &Attempting<'_>,
    ) -> Result<(Way, Outcome<A::Answer>), Failed> {
        let (core, safety) = (self.core, self.options.safety);
        let alone = Talk::alone(link, &core.session, safety, attempt.run_until);
        self.left.end_any(&alone).await.map_err(Failed::ahead_of_work)?;
        if let Some(session) = &mut self.session
            && let Some(lost) = session.restore(&alone).await?
        {
            return Ok((Way::None, Outcome::Diverged(lost.inside_transaction())));
        }
        let way = Way::for_transaction(core, &alone).await?;
        let talk = Talk { block: Block::Open, canceller: self.options.canceller.as_ref(), ..alone };
        talk.begin(&self.options.transaction.begin()).await?;
        let writing = Talk { rider: (way == Way::Lsn).then_some(doubt), ..talk };
        for (index, entry) in self.record.entries().iter().enumerate() {
            let talk = if may_write(&entry.sql) { &writing } else { &talk };
            let now = again(talk, entry).await;
            let judged = now.as_ref().map(|seen| *seen);
            let judged = judged.map_err(|failed| (failed.classify(), failed.sqlstate()));
            let judged = judged.as_ref().map(|seen| *seen).map_err(|(found, code)| (found, *code));
            match answered_again(self.record, index, judged) {
                Answered::AsBefore => {}
                Answered::Diverged(divergence) => {
                    talk.undo().await;
                    return Ok((way, Outcome::Diverged(self.diverged(link, divergence))));
                }
                Answered::Failed => {
                    talk.undo().await;
                    return Err(now.err().unwrap_or_else(|| self.lost(link)));
                }
            }
        }
        let inside = Inside { core, talk: writing, doubt, way, did: self.did };
        match self.ask.run(&inside).await {
            Err(failed) if is_cured_by_replay(&failed.classify(), safety) => Err(failed),
            answer => Ok((way, Outcome::Stands(answer))),
        }
    }

    fn diverged(&self, link: &Link, divergence: Divergence) -> Failed {
        let phase = Phase::Statement(InTransaction::Yes);
        let facts = Facts::new(phase, Sent::Yes, Cause::Diverged);
        Failed::new(facts.with_safety(self.options.safety)).on(link).because(divergence)
    }

    fn lost(&self, link: &Link) -> Failed {
        let phase = Phase::Statement(InTransaction::Yes);
        let facts = Facts::new(phase, Sent::Yes, Cause::ConnectionLost);
        Failed::new(facts.with_safety(self.options.safety)).on(link)
    }
}

/// Runs a statement again in the way it was run.
async fn again(talk: &Talk<'_>, entry: &Entry) -> Result<Seen, Failed> {
    let sql = &*entry.sql;
    match &entry.input {
        Input::Rows(values) => {
            let sent: Vec<_> = values.iter().map(SentBefore).collect();
            Ok(digest_of_rows(&talk.query(sql, &params(&sent)).await?))
        }
        Input::Count(values) => {
            let sent: Vec<_> = values.iter().map(SentBefore).collect();
            Ok(Seen::Count(talk.execute(sql, &params(&sent)).await?))
        }
        Input::Done => talk.batch(sql).await.map(|()| Seen::Done),
        Input::Text => Ok(digest_of_texts(&talk.simple_query(sql).await?)),
        Input::Unprepared => talk.prepare(sql).await.map(|_| Seen::Done),
        Input::CopyIn(pieces) => copy_all(talk, sql, pieces).await.map(Seen::Count),
        Input::CopyOut => {
            let stream = talk.copy_out(sql).await?;
            pin_mut!(stream);
            let mut digester = Digester::new();
            while let Some(piece) = talk.copied(stream.try_next()).await? {
                digester.bytes(&piece);
            }
            Ok(Seen::Rows(digester.finish()))
        }
    }
}

fn params<'a>(sent: &'a [SentBefore<'_>]) -> Vec<&'a (dyn ToSql + Sync)> {
    sent.iter().map(|param| param as &(dyn ToSql + Sync)).collect()
}

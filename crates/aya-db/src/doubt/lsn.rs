//! The way by the leader's history: what a mark holds, and what the leader of later says of it.

use std::sync::Arc;

use tokio::time::Instant;
use tokio_postgres::Row;

use aya_db_core::continuity::{
    CommitMark, Evidence, LeaderWord, Life, Question, Verdict, Xid, XidStatus, resolve,
};
use aya_db_core::server_sql::{LINE, STATUS};
use aya_db_core::{Lsn, ServerIncarnation, SqlState, Timeline};

use super::Left;
use super::leader::{Inquire, ask_leader};
use crate::core::Core;
use crate::failed::Failed;
use crate::link::Link;
use crate::talk::Talk;

/// What the answer to [`MARK`](aya_db_core::server_sql::MARK) tells; `None` if a part is missing.
pub(super) fn mark_of(row: &Row, on: &Life) -> Option<CommitMark> {
    let text = |column| row.try_get::<_, Option<&str>>(column).ok().flatten();
    let (xid, lsn) = (Xid(text(0)?.parse().ok()?), text(1)?.parse::<Lsn>().ok()?);
    Some(CommitMark::new(xid, lsn, on))
}

/// What the answer to [`LIFE`](aya_db_core::server_sql::LIFE) tells; `None` if a part is missing.
pub(crate) fn life_of(row: &Row) -> Option<Life> {
    let number = |column| row.try_get::<_, Option<i64>>(column).ok().flatten();
    let replayed_to = row.try_get::<_, Option<&str>>(2).ok().flatten();
    Some(Life {
        timeline: Timeline(u32::try_from(number(0)?).ok()?),
        incarnation: ServerIncarnation(number(1)?),
        replayed_to: replayed_to.and_then(|lsn| lsn.parse().ok()),
    })
}

/// Asks the leader what became of the marked transaction.
pub(super) async fn look_up(
    core: &Arc<Core>,
    mark: &CommitMark,
    question: Question,
    left: &Left,
    deadline: Instant,
) -> Verdict {
    match ask_leader(core, &Inquiry { core, mark, left }, left, deadline).await {
        Ok(word) => {
            let evidence = Evidence::of(&word, mark, left.node(), &core.monitor.snapshot());
            resolve(mark, question, &evidence)
        }
        Err(verdict) => verdict,
    }
}

/// The question to the leader.
struct Inquiry<'a> {
    core: &'a Arc<Core>,
    mark: &'a CommitMark,
    left: &'a Left,
}

impl Inquire for Inquiry<'_> {
    type Answer = LeaderWord;

    fn core(&self) -> &Arc<Core> {
        self.core
    }

    fn forget(&self, link: &Link) {
        link.forget(LINE);
        link.forget(STATUS);
    }

    async fn ask(&self, talk: &Talk<'_>) -> Result<LeaderWord, Failed> {
        let rows = talk.query(LINE, &[]).await?;
        let row = rows.first();
        let number = |column| row.and_then(|row| row.try_get::<_, i64>(column).ok()).unwrap_or(0);
        let lsn = |column| {
            let text = row.and_then(|row| row.try_get::<_, Option<&str>>(column).ok().flatten());
            text.and_then(|lsn| lsn.parse::<Lsn>().ok())
        };
        let status = match talk.query(STATUS, &[&self.mark.xid.0.to_string()]).await {
            Ok(rows) => status_of(rows.first()),
            Err(failed) if failed.sqlstate() == Some(SqlState::INVALID_PARAMETER_VALUE) => {
                XidStatus::InFuture
            }
            Err(failed) => return Err(failed),
        };
        let incarnation = ServerIncarnation(number(1));
        if status == XidStatus::InProgress && incarnation == self.mark.incarnation {
            self.left.end_idle(talk).await?;
        }
        Ok(LeaderWord {
            timeline: Timeline(u32::try_from(number(0)).unwrap_or_default()),
            incarnation,
            replayed_to: lsn(2),
            node: talk.link.node().clone(),
            status,
        })
    }
}

fn status_of(row: Option<&Row>) -> XidStatus {
    XidStatus::from_text(row.and_then(|row| row.try_get::<_, Option<&str>>(0).ok().flatten()))
}

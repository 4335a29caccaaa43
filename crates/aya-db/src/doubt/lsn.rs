//! The way by the leader's history: what a mark holds, and what the leader of later says of it.

use std::sync::Arc;

use tokio::time::Instant;
use tokio_postgres::Row;

use aya_db_core::continuity::{
    CommitMark, Evidence, Life, Question, Restarted, Server, Verdict, Xid, XidStatus, resolve,
};
use aya_db_core::snapshot::NodeRole;
use aya_db_core::{Lsn, NodeId, ServerIncarnation, SqlState, Timeline};

use super::Left;
use super::leader::{Inquire, ask_leader};
use crate::core::Core;
use crate::failed::Failed;
use crate::link::Link;
use crate::server_sql::{incarnation, timeline_written};
use crate::talk::Talk;

/// Notes the transaction it runs in, once that has a number, and leaves a record of it in the log: what it
/// has written so far may have left none (temporary and unlogged tables). The place is behind that record.
///
/// The record is a message that nobody but logical decoding reads, and is part of the transaction.
pub(crate) const MARK: &str = "select number::text, case when number is not null \
        then pg_catalog.pg_logical_emit_message(true, 'aya_db'::text, ''::text) end::text \
    from (select pg_catalog.pg_current_xact_id_if_assigned() as number offset 0) as mine";

/// What is the same for all marks of a connection; nothing on a standby, or where a function may not be
/// called, since an error of [`MARK`] would take the transaction with it.
pub(crate) const LIFE: &str = concat!(
    "select case when r then null else ",
    timeline_written!(),
    " end, ",
    incarnation!(),
    ", pg_catalog.pg_last_wal_replay_lsn()::text from (select pg_catalog.pg_is_in_recovery() \
        or not pg_catalog.has_function_privilege( \
            'pg_catalog.pg_current_wal_insert_lsn()', 'execute') \
        or not pg_catalog.has_function_privilege('pg_catalog.pg_walfile_name(pg_lsn)', 'execute') \
        or not coalesce( \
            pg_catalog.has_function_privilege(pg_catalog.to_regprocedure( \
                'pg_catalog.pg_logical_emit_message(boolean,text,text,boolean)'), 'execute'), \
            pg_catalog.has_function_privilege(pg_catalog.to_regprocedure( \
                'pg_catalog.pg_logical_emit_message(boolean,text,text)'), 'execute'), \
            false) \
        as r offset 0) as role"
);

/// Asks a leader for its timeline, its run, and where its replay of the log ended.
const QUESTION: &str = concat!(
    "select ",
    timeline_written!(),
    ", ",
    incarnation!(),
    ", pg_catalog.pg_last_wal_replay_lsn()::text"
);

/// Asks it what it knows of a transaction number.
const STATUS: &str = "select pg_catalog.pg_xact_status($1::text::xid8)";

/// What the answer to [`MARK`] tells; `None` if a part is missing.
pub(super) fn mark_of(row: &Row, on: &Life) -> Option<CommitMark> {
    let text = |column| row.try_get::<_, Option<&str>>(column).ok().flatten();
    let (xid, lsn) = (Xid(text(0)?.parse().ok()?), text(1)?.parse::<Lsn>().ok()?);
    Some(CommitMark::new(xid, lsn, on))
}

/// What the answer to [`LIFE`] tells; `None` if a part is missing.
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
        Ok(answer) => resolve(mark, question, &answer.evidence(core, mark, left.node())),
        Err(verdict) => verdict,
    }
}

/// The question to the leader.
struct Inquiry<'a> {
    core: &'a Arc<Core>,
    mark: &'a CommitMark,
    left: &'a Left,
}

/// What the leader answered.
struct Answer {
    timeline: Timeline,
    incarnation: ServerIncarnation,
    replayed_to: Option<Lsn>,
    node: NodeId,
    status: XidStatus,
}

impl Answer {
    fn evidence(&self, core: &Core, mark: &CommitMark, node: &NodeId) -> Evidence {
        let snapshot = core.monitor.snapshot();
        let old = snapshot.nodes.get(node);
        let was_standby = snapshot
            .nodes
            .get(&self.node)
            .is_some_and(|leader| leader.standby_run == Some(self.incarnation));
        // One that came back as a standby has written nothing on its own.
        let restarted = old.is_some_and(|old| {
            matches!(old.answered_role, NodeRole::Primary | NodeRole::StalePrimary)
                && old.timeline == Some(mark.timeline)
                && old.incarnation.is_some_and(|run| run != mark.incarnation)
        });
        Evidence {
            timeline: self.timeline,
            incarnation: self.incarnation,
            server: if self.node == *node { Server::Same } else { Server::Another },
            replayed_to: self.replayed_to,
            promoted_at: self.replayed_to.filter(|_| was_standby),
            history: snapshot.history.clone(),
            restarted: if restarted { Restarted::Seen } else { Restarted::Unseen },
            status: self.status,
        }
    }
}

impl Inquire for Inquiry<'_> {
    type Answer = Answer;

    fn core(&self) -> &Arc<Core> {
        self.core
    }

    fn forget(&self, link: &Link) {
        link.forget(QUESTION);
        link.forget(STATUS);
    }

    async fn ask(&self, talk: &Talk<'_>) -> Result<Answer, Failed> {
        let rows = talk.query(QUESTION, &[]).await?;
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
        Ok(Answer {
            timeline: Timeline(u32::try_from(number(0)).unwrap_or_default()),
            incarnation,
            replayed_to: lsn(2),
            node: talk.link.node().clone(),
            status,
        })
    }
}

fn status_of(row: Option<&Row>) -> XidStatus {
    match row.and_then(|row| row.try_get::<_, Option<&str>>(0).ok().flatten()) {
        Some("committed") => XidStatus::Committed,
        Some("aborted") => XidStatus::Aborted,
        Some("in progress") => XidStatus::InProgress,
        _ => XidStatus::Forgotten,
    }
}

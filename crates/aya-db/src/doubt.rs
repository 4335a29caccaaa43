//! Resolves a commit whose answer was lost: notes what identifies it before COMMIT is sent, and
//! asks the leader of later what became of it.
//!
//! ```text
//! Talk::commit, Talk::write --> Doubt (CommitMark, once its row has come)
//!                                 |  the connection is lost
//!                                 v
//! settle: leader --> Evidence --> aya_db_core::continuity::resolve --> kept | rolled back | ?
//! ```

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tokio_postgres::Row;
use tracing::{debug, info};

use aya_db_core::conninfo::{CommitResolution, ConnInfo};
use aya_db_core::continuity::{
    CommitMark, Evidence, Question, Restarted, Verdict, Xid, XidStatus, resolve,
};
use aya_db_core::failure::{InTransaction, Safety};
use aya_db_core::route::Intent;
use aya_db_core::snapshot::NodeRole;
use aya_db_core::{Generation, Lsn, NodeId, ServerIncarnation, SqlState, Timeline};

use crate::core::Core;
use crate::error::Error;
use crate::execute::{Attempting, Work, execute};
use crate::failed::Failed;
use crate::link::Link;
use crate::options::CallOptions;
use crate::pool::{Fleet, Pooled};
use crate::server_sql::{incarnation, timeline_written};
use crate::talk::Talk;

/// Notes the transaction it runs in; nothing on a standby, or where a function may not be called,
/// since an error would take the transaction with it. The number is there only once the
/// transaction has written, and then the place in the log lies behind what it wrote.
pub(crate) const MARK: &str = concat!(
    "select pg_catalog.pg_current_xact_id_if_assigned()::text, \
        case when r then null else pg_catalog.pg_current_wal_insert_lsn() end::text, \
        case when r then null else ",
    timeline_written!(),
    " end, ",
    incarnation!(),
    " from (select pg_catalog.pg_is_in_recovery() \
        or not pg_catalog.has_function_privilege( \
            'pg_catalog.pg_current_wal_insert_lsn()', 'execute') \
        or not pg_catalog.has_function_privilege('pg_catalog.pg_walfile_name(pg_lsn)', 'execute') \
        as r offset 0) as role"
);

/// Asks a leader for its timeline, its run, and where the log stood when that began and when it was
/// promoted.
const QUESTION: &str = concat!(
    "select ",
    timeline_written!(),
    ", ",
    incarnation!(),
    ", case when pg_catalog.has_function_privilege( \
                'pg_catalog.pg_control_checkpoint()', 'execute') \
            then (select case when redo_lsn = checkpoint_lsn then checkpoint_lsn end \
                from pg_catalog.pg_control_checkpoint()) end::text, \
        pg_catalog.pg_last_wal_replay_lsn()::text"
);

/// Asks it what it knows of a transaction number.
const STATUS: &str = "select pg_catalog.pg_xact_status($1::text::xid8)";

/// Where the mark of a transaction is kept as soon as its row has come.
#[derive(Debug, Default)]
pub(crate) struct Doubt(OnceLock<CommitMark>);

impl Doubt {
    /// Keeps the answer to [`MARK`]; one that lacks a part marks nothing.
    pub(crate) fn keep(&self, row: &Row) {
        if let Some(mark) = mark_of(row) {
            let _ = self.0.set(mark);
        }
    }

    fn mark(&self) -> Option<CommitMark> {
        self.0.get().copied()
    }
}

fn mark_of(row: &Row) -> Option<CommitMark> {
    let text = |column| row.try_get::<_, Option<&str>>(column).ok().flatten();
    let number = |column| row.try_get::<_, Option<i64>>(column).ok().flatten();
    Some(CommitMark {
        xid: Xid(text(0)?.parse().ok()?),
        lsn: text(1)?.parse::<Lsn>().ok()?,
        timeline: Timeline(u32::try_from(number(2)?).ok()?),
        incarnation: ServerIncarnation(number(3)?),
    })
}

/// Whether commits are marked. Without a source that tells the history of timelines there is
/// nothing to compare a mark with after a promotion.
pub(crate) fn marks_commits(info: &ConnInfo) -> bool {
    let cluster = info.cluster();
    match info.commit_resolution() {
        CommitResolution::Off => false,
        CommitResolution::Lsn => true,
        CommitResolution::Auto => {
            !cluster.etcd.endpoints.is_empty() || !cluster.patroni.endpoints.is_empty()
        }
    }
}

/// Whether a statement is a write that may run in a transaction block, by its first word.
/// Whatever is not recognised runs as it is.
pub(crate) fn is_plain_write(sql: &str) -> bool {
    let first = sql.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or("");
    let write = ["insert", "update", "delete", "merge"];
    write.iter().any(|word| first.eq_ignore_ascii_case(word))
        && InTransaction::of_autocommit(sql) == InTransaction::No
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
    run_until: Option<Instant>,
) -> Result<(), Failed> {
    let parts = (Question::of(failed.facts()), doubt.mark(), failed.node().cloned());
    let (Some(question), Some(mark), Some(node)) = parts else { return Err(failed) };
    if core.is_closed() {
        return Err(failed);
    }
    drop(core.tell(&failed, &failed.classify()));
    let failed = failed.told();
    let began = Instant::now();
    let waiting = began + core.session.info().failover_timeout();
    let deadline = run_until.map_or(waiting, |end| end.min(waiting));
    let verdict = inquire(core, &mark, question, &node, deadline).await;
    info!(
        xid = mark.xid.0,
        lsn = %mark.lsn,
        ?verdict,
        took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        "a commit in doubt"
    );
    match verdict {
        Verdict::Committed(_) => Ok(()),
        Verdict::RolledBack(_) => Err(failed.rolled_back()),
        Verdict::Undecided(_) | Verdict::Unknown(_) => Err(failed),
    }
}

async fn inquire(
    core: &Arc<Core>,
    mark: &CommitMark,
    question: Question,
    node: &NodeId,
    deadline: Instant,
) -> Verdict {
    let mut pause = FIRST_PAUSE;
    loop {
        let asked = ask_leader(core, mark, node, deadline).await;
        let verdict = match asked {
            Ok(answer) => resolve(mark, question, &answer.evidence(core, mark, node)),
            Err(verdict) => verdict,
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

/// Asks whoever leads. The old leader itself, back again, is asked on a connection of its own: the
/// lost ones may still hold every place of its pool.
async fn ask_leader(
    core: &Arc<Core>,
    mark: &CommitMark,
    old: &NodeId,
    deadline: Instant,
) -> Result<Answer, Verdict> {
    let Some((leader, generation)) = leader(core, deadline).await else {
        return Err(Verdict::Unknown("nobody led in time"));
    };
    let mut inquiry = Inquiry { core, mark };
    if leader != *old {
        let left = deadline.saturating_duration_since(Instant::now());
        let options = CallOptions::new().idempotent().intent(Intent::Primary).timeout(left);
        let asked = Box::pin(execute(core, &options, &mut inquiry)).await;
        return asked.map_err(|error| unanswered(&error));
    }
    let Ok(link) = core.dialling.open(&leader, generation, None, deadline).await else {
        return Err(Verdict::Undecided("the leader cannot be reached"));
    };
    let asked = inquiry.ask(&inquiry.talk(&link, Some(deadline))).await;
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

fn unanswered(error: &Error) -> Verdict {
    debug!(%error, "a commit in doubt: nobody can be asked");
    Verdict::Unknown("no leader could be asked in time")
}

/// The question to the leader.
struct Inquiry<'a> {
    core: &'a Arc<Core>,
    mark: &'a CommitMark,
}

/// What the leader answered.
struct Answer {
    timeline: Timeline,
    incarnation: ServerIncarnation,
    began_at: Option<Lsn>,
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
            began_at: self.began_at,
            promoted_at: self.replayed_to.filter(|_| was_standby),
            history: snapshot.history.clone(),
            restarted: if restarted { Restarted::Seen } else { Restarted::Unseen },
            status: self.status,
        }
    }
}

impl Inquiry<'_> {
    fn talk<'a>(&'a self, link: &'a Link, until: Option<Instant>) -> Talk<'a> {
        Talk::alone(link, &self.core.session, Safety::Idempotent, until)
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
        Ok(Answer {
            timeline: Timeline(u32::try_from(number(0)).unwrap_or_default()),
            incarnation: ServerIncarnation(number(1)),
            began_at: lsn(2),
            replayed_to: lsn(3),
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

impl Work for Inquiry<'_> {
    type Output = Answer;

    async fn run(&mut self, link: Pooled, attempt: &Attempting<'_>) -> Result<Answer, Failed> {
        match self.ask(&self.talk(&link, attempt.run_until)).await {
            Ok(answer) => Ok(answer),
            Err(failed) => Err(failed.with_link(link)),
        }
    }

    fn forget(&self, link: &Link) {
        link.forget(QUESTION);
        link.forget(STATUS);
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_write_is_put_into_a_transaction() {
        for sql in ["insert into t values (1)", " UPDATE t set n = 1", "delete from t"] {
            assert!(is_plain_write(sql), "{sql}");
        }
        let others = [
            "select 1",
            "vacuum t",
            "call p()",
            "-- x\ninsert into t values (1)",
            "insert; commit",
        ];
        for sql in others {
            assert!(!is_plain_write(sql), "{sql}");
        }
    }
}

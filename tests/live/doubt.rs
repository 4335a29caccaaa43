//! Commits whose answer is lost with the leader, and what becomes of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use tokio::task::JoinHandle;

use aya_db::{COMMIT_LEDGER_SQL, CallOptions, Cluster, Error, FailureKind, Fate};
use aya_testkit::{PatroniCluster, sql, until};

use crate::failover::{everything, started};
use crate::replication::without_its_standby;
use crate::support::{LONG, SOON, connect, error_of, joined, number, number_from};

#[tokio::test]
async fn live_a_commit_in_doubt_is_resolved_by_the_new_leaders_history() -> Result<()> {
    Box::pin(resolved("lsn")).await
}

#[tokio::test]
async fn live_a_commit_in_doubt_is_resolved_by_the_ledger() -> Result<()> {
    Box::pin(resolved("ledger")).await
}

/// Commits that the standby has, and such that it has not, whose leader is lost.
async fn resolved(way: &str) -> Result<()> {
    let mut servers = started(PatroniCluster::builder().synchronous()).await?;
    let more = "target_session_attrs=read-write commit_resolution";
    let cluster = connect(&format!("{} {more}={way}", everything(&servers))).await?;
    set_up_ledger(&cluster, way).await?;
    cluster.batch("create table t (id int, run int)").await?;
    the_standby_knows("t", &servers).await?;

    // The standby never hears of them: they are not kept, and are replayed.
    let old = servers.leader().await.context("nobody leads")?;
    servers.node(&old)?.peers().black_hole();
    let runs = Arc::new(AtomicU32::new(0));
    let tasks = [insert(&cluster, 1), inserts(&cluster, 2, &runs)];
    waiting(&servers, &old, "SyncRep", 2).await?;
    fail_over(&mut servers, &old).await?;
    for task in tasks {
        joined(LONG, "a commit that was not kept", task).await??;
    }
    assert_eq!(runs.load(Ordering::SeqCst), 1, "the closure was replayed, and not called again");
    assert_eq!(rows(&servers).await?, [(1, 1), (2, 1)]);

    // The standby has them on disk and has not applied them: they are kept, and do not run again.
    let new = back_again(&mut servers, &old).await?;
    let paused = servers.node(&old)?.superuser_conninfo();
    sql(&paused, "SELECT pg_wal_replay_pause()").await?;
    runs.store(0, Ordering::SeqCst);
    let apply = "set synchronous_commit = remote_apply";
    let waits = cluster.begin().await?;
    waits.batch(&apply.replace("set", "set local")).await?;
    waits.execute("insert into t values (3, 1)", &[]).await?;
    let explicit = tokio::spawn(waits.commit());
    let closure = applied(&cluster, 4, &runs);
    waiting(&servers, &new, "SyncRep", 2).await?;
    flushed(&servers, &new).await?;
    fail_over(&mut servers, &new).await?;
    joined(LONG, "a commit that was kept", explicit).await??;
    joined(LONG, "a closure that was kept", closure).await??;
    assert_eq!(runs.load(Ordering::SeqCst), 1, "the closure ran once");
    assert_eq!(rows(&servers).await?, [(1, 1), (2, 1), (3, 1), (4, 1)]);
    Ok(())
}

#[tokio::test]
async fn live_without_resolution_a_lost_commit_stays_unknown() -> Result<()> {
    let mut servers = started(PatroniCluster::builder().synchronous()).await?;
    let more = "target_session_attrs=read-write commit_resolution=off";
    let cluster = connect(&format!("{} {more}", everything(&servers))).await?;
    cluster.batch("create table t (id int, run int)").await?;
    the_standby_knows("t", &servers).await?;
    let old = servers.leader().await.context("nobody leads")?;
    servers.node(&old)?.peers().black_hole();
    let task = insert(&cluster, 1);
    waiting(&servers, &old, "SyncRep", 1).await?;
    servers.node_mut(&old)?.kill()?;
    let error = error_of("a lost insert", joined(SOON, "its end", task).await?)?;
    assert_eq!((error.kind(), error.fate()), (FailureKind::ConnectionLost, Fate::Unknown));
    Ok(())
}

#[tokio::test]
async fn live_a_commit_that_outlives_the_crash_of_its_server_is_kept() -> Result<()> {
    Box::pin(kept("lsn")).await
}

#[tokio::test]
async fn live_the_ledger_knows_a_commit_that_outlives_the_crash_of_its_server() -> Result<()> {
    Box::pin(kept("ledger")).await
}

async fn set_up_ledger(cluster: &Cluster, way: &str) -> Result<()> {
    if way == "ledger" {
        cluster.with(CallOptions::new().idempotent()).batch(COMMIT_LEDGER_SQL).await?;
    }
    Ok(())
}

/// A commit that waits for its standby when its server crashes, and is on disk there.
async fn kept(way: &str) -> Result<()> {
    let more = format!("commit_resolution={way} pool_max_size=2");
    let (mut pair, cluster) = without_its_standby(&more).await?;
    let runs = Arc::new(AtomicU32::new(0));
    let tasks = [insert(&cluster, 1), inserts(&cluster, 2, &runs)];
    until("both to wait for the standby", SOON, async || {
        let query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        Ok((number(&pair.primary, query).await? == 2).then_some(()))
    })
    .await?;
    pair.primary.kill()?;
    pair.primary.start().await?;
    for task in tasks {
        joined(SOON, "a commit that was on disk", task).await??;
    }
    assert_eq!(runs.load(Ordering::SeqCst), 1, "the closure ran once");
    assert_eq!(number(&pair.primary, "select count(*) from t").await?, 2);
    Ok(())
}

fn insert(cluster: &Cluster, id: i32) -> JoinHandle<Result<(), Error>> {
    let cluster = cluster.clone();
    tokio::spawn(async move {
        let sql = "insert into t values ($1, 1) returning id";
        let row = cluster.query_one(sql, &[&id]).await?;
        assert_eq!(row.get::<_, i32>(0), id);
        Ok(())
    })
}

fn inserts(cluster: &Cluster, id: i32, runs: &Arc<AtomicU32>) -> JoinHandle<Result<(), Error>> {
    in_closure(cluster, id, runs, "select 1")
}

fn applied(cluster: &Cluster, id: i32, runs: &Arc<AtomicU32>) -> JoinHandle<Result<(), Error>> {
    in_closure(cluster, id, runs, "set local synchronous_commit = remote_apply")
}

fn in_closure(
    cluster: &Cluster,
    id: i32,
    runs: &Arc<AtomicU32>,
    first: &'static str,
) -> JoinHandle<Result<(), Error>> {
    let (cluster, runs) = (cluster.clone(), Arc::clone(runs));
    tokio::spawn(async move {
        let work = cluster.transaction(|tx| {
            let run = i32::try_from(runs.fetch_add(1, Ordering::SeqCst) + 1).unwrap_or(0);
            async move {
                tx.batch(first).await?;
                tx.execute("insert into t values ($1, $2)", &[&id, &run]).await?;
                Ok::<_, Error>(())
            }
        });
        work.await
    })
}

/// Waits until so many sessions of `app` on `name` wait for `event`.
pub(crate) async fn waiting(
    servers: &PatroniCluster,
    name: &str,
    event: &str,
    count: i64,
) -> Result<()> {
    let server = servers.node(name)?.superuser_conninfo();
    let query = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND wait_event = '{event}'"
    );
    until(&format!("{count} sessions in {event}"), SOON, async || {
        Ok((number_from(&server, &query).await? >= count).then_some(()))
    })
    .await
}

/// Waits until the standby of `name` has everything on disk.
async fn flushed(servers: &PatroniCluster, name: &str) -> Result<()> {
    let server = servers.node(name)?.superuser_conninfo();
    let query = "SELECT count(*) FROM pg_stat_replication \
        WHERE flush_lsn = pg_current_wal_insert_lsn() AND replay_lsn < flush_lsn";
    until("the standby to have it on disk", SOON, async || {
        Ok((number_from(&server, query).await? == 1).then_some(()))
    })
    .await
}

/// Kills the leader and waits for its successor.
pub(crate) async fn fail_over(servers: &mut PatroniCluster, old: &str) -> Result<()> {
    servers.node_mut(old)?.kill()?;
    servers.wait_leader_other_than(old, LONG).await?;
    Ok(())
}

/// Starts the dead node again, waits until it is the synchronous standby, and names the leader.
async fn back_again(servers: &mut PatroniCluster, dead: &str) -> Result<String> {
    servers.node(dead)?.heal();
    servers.node_mut(dead)?.start()?;
    servers.wait_streaming(1, LONG).await?;
    servers.wait_synchronous(LONG).await?;
    servers.leader().await.context("nobody leads")
}

pub(crate) async fn the_standby_knows(table: &str, servers: &PatroniCluster) -> Result<()> {
    for node in servers.nodes() {
        let server = node.superuser_conninfo().replace("dbname=postgres", "dbname=app");
        let query = format!("SELECT count(*) FROM pg_class WHERE relname = '{table}'");
        until("the table to be replicated", SOON, async || {
            Ok((number_from(&server, &query).await? == 1).then_some(()))
        })
        .await?;
    }
    Ok(())
}

/// The rows of the table on the leader.
async fn rows(servers: &PatroniCluster) -> Result<Vec<(i32, i32)>> {
    let leader = servers.wait_leader(LONG).await?;
    let server = servers.node(&leader)?.superuser_conninfo();
    let server = server.replace("dbname=postgres", "dbname=app");
    let rows = sql(&server, "SELECT id, run FROM t ORDER BY id, run").await?;
    rows.into_iter()
        .map(|row| {
            let number = |column: usize| -> Result<i32> {
                Ok(row[column].as_deref().context("a null")?.parse()?)
            };
            Ok((number(0)?, number(1)?))
        })
        .collect()
}

//! Connections that are kept: how many there are, and in what state they are handed out.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::{JoinHandle, JoinSet};

use aya_db::{CallOptions, FailureKind, Fate};
use aya_testkit::{Postgres, until};

use crate::support::{
    Lock, SOON, blocked, connect, error_of, gone, node, number, running, served, session, within,
};

#[tokio::test]
async fn live_a_hundred_calls_share_five_connections() -> Result<()> {
    let (server, cluster) = served("pool_max_size=5").await?;
    let mut calls = JoinSet::new();
    for n in 0..100_i32 {
        let cluster = cluster.clone();
        calls.spawn(async move {
            cluster
                .query_one("select $1::int, pg_sleep(0.05)", &[&n])
                .await
                .map(|row| row.get::<_, i32>(0))
        });
    }
    let (mut sum, mut most) = (0_i32, 0);
    while let Some(answer) = within(SOON, "the calls", calls.join_next()).await? {
        sum += answer??;
        most = cluster.pool_status().iter().map(|status| status.size).fold(most, usize::max);
    }
    assert_eq!(sum, 4950, "every call got its own answer");
    assert!((1..=5).contains(&most), "the pool grew to {most}");
    let query = "SELECT count(*) FROM pg_stat_activity \
        WHERE usename = 'app' AND query LIKE '%pg_sleep(0.05)%'";
    let sessions = number(&server, query).await?;
    assert!((1..=5).contains(&sessions), "the server saw {sessions} sessions");
    let status = cluster.pool_status();
    let ours = status.iter().find(|it| it.node == node(server.client_address()));
    let ours = ours.expect("the pool of the server");
    assert!((1..=5).contains(&ours.size), "{ours:?}");
    assert_eq!((ours.idle, ours.waiting), (ours.size, 0), "all of them are idle now");
    Ok(())
}

#[tokio::test]
async fn live_a_call_that_gets_no_connection_says_so_in_time() -> Result<()> {
    let (server, cluster) = served("pool_max_size=1 failover_timeout=1s").await?;
    let busy = tokio::spawn({
        let cluster = cluster.clone();
        async move { cluster.query("select pg_sleep(3)", &[]).await }
    });
    running(&server, "%pg_sleep(3)%").await?;
    let status = cluster.pool_status();
    assert_eq!((status[0].size, status[0].idle), (1, 0), "{status:?}");
    let refused = within(SOON, "a refusal", cluster.query("select 1", &[])).await?;
    let error = error_of("a call without a connection", refused)?;
    assert_eq!((error.kind(), error.fate()), (FailureKind::PoolExhausted, Fate::NotSent));
    let hurried = cluster.with(CallOptions::new().timeout(Duration::from_millis(200)));
    let begun = Instant::now();
    let error = error_of("a hurried call", hurried.query("select 1", &[]).await)?;
    assert_eq!(error.fate(), Fate::NotSent, "{error}");
    assert!(begun.elapsed() < Duration::from_secs(1), "it took {:?}", begun.elapsed());

    // Callers who give up leave the queue, and take nobody's place.
    let waiting: Vec<_> = (0..10)
        .map(|_| {
            let cluster = cluster.clone();
            tokio::spawn(async move { cluster.query("select 1", &[]).await })
        })
        .collect();
    until("ten calls to wait", SOON, async || {
        Ok((cluster.pool_status()[0].waiting == 10).then_some(()))
    })
    .await?;
    waiting.iter().for_each(JoinHandle::abort);
    within(SOON, "the slow call", busy).await???;
    cluster.query("select 1", &[]).await?;
    Ok(())
}

#[tokio::test]
async fn live_a_dropped_call_leaves_no_dirty_connection_behind() -> Result<()> {
    let (server, cluster) = served("pool_max_size=1").await?;
    cluster.batch("create table t (id int); create table u (id int)").await?;

    // A statement is dropped while it runs.
    let task = tokio::spawn({
        let cluster = cluster.clone();
        async move { cluster.query("select pg_sleep(30)", &[]).await }
    });
    running(&server, "%pg_sleep(30)%").await?;
    task.abort();
    let row = within(SOON, "the next call", cluster.query_one("select 7", &[])).await??;
    assert_eq!(row.get::<_, i32>(0), 7);

    // A transaction is dropped while one of its statements runs.
    let lock = Lock::table(&server, "u").await?;
    let tx = cluster.begin().await?;
    tx.execute("insert into t values (1)", &[]).await?;
    let task = tokio::spawn(async move { tx.execute("insert into u values (1)", &[]).await });
    blocked(&server, "insert into u%").await?;
    task.abort();
    let rows = within(SOON, "the next call", cluster.query("select id from t", &[])).await??;
    assert!(rows.is_empty(), "the transaction goes on");
    lock.release(&server).await?;

    // A batch leaves a transaction open, which is nobody else's.
    cluster.batch("begin; insert into t values (2)").await?;
    let rows = within(SOON, "the next call", cluster.query("select id from t", &[])).await??;
    assert!(rows.is_empty(), "somebody else's transaction was handed out");
    cluster.execute("insert into t values (3)", &[]).await?;
    assert_eq!(number(&server, "select sum(id) from t").await?, 3);
    assert_eq!(number(&server, "select count(*) from u").await?, 0);
    Ok(())
}

#[tokio::test]
async fn live_an_idle_connection_ends_after_its_time_and_a_minimum_is_kept() -> Result<()> {
    let server = Postgres::builder().start().await?;
    let conninfo = format!("{} application_name=kept", server.conninfo());
    let ends = connect(&format!("{conninfo} pool_idle_timeout=500ms")).await?;
    ends.query("select 'this one ends'", &[]).await?;
    let left = "SELECT count(*) FROM pg_stat_activity \
        WHERE usename = 'app' AND query LIKE '%this one ends%'";
    until("the idle connection to end", SOON, async || {
        Ok((number(&server, left).await? == 0).then_some(()))
    })
    .await?;
    ends.close();

    let kept = connect(&format!("{conninfo} pool_min_idle=3")).await?;
    until("three connections to be ready", SOON, async || {
        let status = kept.pool_status();
        Ok(status.iter().any(|it| it.idle >= 3).then_some(()))
    })
    .await?;
    session(&server, "application_name = 'kept'").await?;
    Ok(())
}

#[tokio::test]
async fn live_a_server_without_a_slot_is_waited_for() -> Result<()> {
    let server = Postgres::builder().start().await?;
    server.sql("ALTER ROLE app CONNECTION LIMIT 3").await?;
    let cluster = connect(&format!("{} pool_max_size=16", server.conninfo())).await?;
    let mut calls = JoinSet::new();
    for _ in 0..16 {
        let cluster = cluster.clone();
        calls.spawn(async move { cluster.query("select pg_sleep(0.1)", &[]).await.map(drop) });
    }
    let all = async {
        while let Some(answer) = calls.join_next().await {
            answer??;
        }
        Ok::<_, anyhow::Error>(())
    };
    within(Duration::from_secs(20), "sixteen calls on three slots", all).await?
}

#[tokio::test]
async fn live_sessions_that_the_server_ends_for_idleness_are_replaced() -> Result<()> {
    let (server, cluster) = served("options='-c idle_session_timeout=300ms'").await?;
    cluster.batch("create table t (n int)").await?;
    cluster.execute("insert into t values (1)", &[]).await?;
    gone(&server, "insert into t%").await?;
    cluster.execute("insert into t values (2)", &[]).await?;
    assert_eq!(number(&server, "select sum(n) from t").await?, 3);

    let (server, cluster) =
        served("options='-c idle_in_transaction_session_timeout=300ms'").await?;
    let tx = cluster.begin().await?;
    tx.batch("create table t (n int)").await?;
    gone(&server, "create table t%").await?;
    let error = error_of("a statement after it", tx.query("select 1", &[]).await)?;
    assert_eq!((error.kind(), error.fate()), (FailureKind::TransactionExpired, Fate::RolledBack));
    cluster.query("select 1", &[]).await?;
    Ok(())
}

#[tokio::test]
async fn live_a_dropped_cluster_leaves_no_session_behind() -> Result<()> {
    let server = Postgres::builder().start().await?;
    for n in 0..20 {
        let cluster = connect(&format!("{} application_name=n{n}", server.conninfo())).await?;
        cluster.query("select 1", &[]).await?;
    }
    gone(&server, "%").await
}

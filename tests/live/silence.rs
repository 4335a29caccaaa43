//! Servers that fall silent are noticed; servers that are merely slow are left alone.

use std::time::{Duration, Instant};

use anyhow::Result;

use aya_db::{CallOptions, ClusterEvent, FailureKind, Fate};
use aya_testkit::Postgres;

use crate::support::{
    Lock, SOON, beside, blocked, error_of, event, joined, running, served, within,
};

/// Two seconds by the promise, and some for a machine that is busy.
const NOTICED: Duration = Duration::from_millis(2500);

#[tokio::test]
async fn live_a_black_hole_under_a_statement_is_noticed_within_two_seconds() -> Result<()> {
    noticed(|server| {
        server.proxy().black_hole();
        Ok(())
    })
    .await
}

#[tokio::test]
async fn live_a_frozen_server_under_a_statement_is_noticed_within_two_seconds() -> Result<()> {
    noticed(Postgres::freeze).await
}

/// A statement that runs when the fault comes ends with its fate, and in time.
async fn noticed(fault: impl FnOnce(&Postgres) -> Result<()>) -> Result<()> {
    let (server, cluster) = served("failover_timeout=30s commit_resolution=off").await?;
    let mut events = cluster.events();
    let task = tokio::spawn({
        let cluster = cluster.clone();
        async move { cluster.query("select pg_sleep(30)", &[]).await }
    });
    running(&server, "%pg_sleep(30)%").await?;
    let begun = Instant::now();
    fault(&server)?;
    let ended = joined(SOON, "the end of the statement", task).await?;
    let took = begun.elapsed();
    let error = error_of("a statement on a silent server", ended)?;
    assert_eq!((error.kind(), error.fate()), (FailureKind::ServerSilent, Fate::Unknown), "{error}");
    assert!((Duration::from_secs(1)..NOTICED).contains(&took), "it took {took:?}");
    let lost = event(&mut events, SOON, "the loss", |event| {
        matches!(event, ClusterEvent::LeaderLost { .. }).then_some(())
    });
    lost.await?;

    server.thaw();
    server.proxy().heal();
    let back = within(SOON, "the next call", cluster.query_one("select 7", &[])).await??;
    assert_eq!(back.get::<_, i32>(0), 7);
    Ok(())
}

#[tokio::test]
async fn live_a_read_under_a_black_hole_is_noticed_and_runs_again() -> Result<()> {
    let (server, cluster) = served("").await?;
    cluster.batch("create table t (n int); insert into t values (7)").await?;
    // Prepared from here on: what waits for the lock is the read itself.
    cluster.with(CallOptions::new().read_only()).query_one("select n from t", &[]).await?;
    let lock = Lock::table(&server, "t").await?;
    let mut events = cluster.events();
    let task = tokio::spawn({
        let cluster = cluster.clone();
        async move {
            let reader = cluster.with(CallOptions::new().read_only());
            reader.query_one("select n from t", &[]).await
        }
    });
    blocked(&server, "select n from t%").await?;
    server.proxy().black_hole();
    let lost = event(&mut events, NOTICED, "the loss", |event| {
        matches!(event, ClusterEvent::LeaderLost { .. }).then_some(())
    });
    lost.await?;
    server.proxy().heal();
    lock.release(&server).await?;
    assert_eq!(joined(SOON, "the read", task).await??.get::<_, i32>(0), 7);
    Ok(())
}

#[tokio::test]
async fn live_a_black_hole_under_a_transaction_rolls_it_back() -> Result<()> {
    let (server, cluster) = served("transaction_replay=off").await?;
    cluster.batch("create table t (n int)").await?;
    let tx = cluster.begin().await?;
    tx.execute("insert into t values (1)", &[]).await?;
    server.proxy().black_hole();
    let begun = Instant::now();
    let lost = within(SOON, "the error", tx.execute("insert into t values (2)", &[])).await?;
    let error = error_of("a statement that nobody hears", lost)?;
    assert_eq!((error.kind(), error.fate()), (FailureKind::ServerSilent, Fate::RolledBack));
    assert!(begun.elapsed() < NOTICED, "it took {:?}", begun.elapsed());
    drop(tx);
    server.proxy().heal();
    let rows = within(SOON, "the next call", cluster.query("select n from t", &[])).await??;
    assert!(rows.is_empty());
    Ok(())
}

#[tokio::test]
async fn live_a_slow_statement_of_a_healthy_server_is_not_ended() -> Result<()> {
    let (server, cluster) = served("").await?;
    cluster.batch("create table t (n int)").await?;
    // Longer than the silence that ends a link, twice over, for each way of being slow.
    let lock = Lock::table(&server, "t").await?;
    let waiting = tokio::spawn({
        let cluster = cluster.clone();
        async move { cluster.execute("insert into t values (1)", &[]).await }
    });
    blocked(&server, "insert into t%").await?;
    let begun = Instant::now();
    within(SOON, "a slow statement", cluster.query("select pg_sleep(4)", &[])).await??;
    assert!(begun.elapsed() >= Duration::from_secs(4));
    assert!(!waiting.is_finished(), "the insert ended before its lock was free");
    lock.release(&server).await?;
    assert_eq!(joined(SOON, "the insert", waiting).await??, 1);
    assert_eq!(beside(&server, "select count(*) from t").await?[0][0].as_deref(), Some("1"));
    Ok(())
}

#[tokio::test]
async fn live_a_slow_statement_without_a_free_slot_is_not_ended() -> Result<()> {
    let server = Postgres::builder().start().await?;
    // The side channel asks before it logs in, so that a full server still shows that it lives.
    let cluster =
        crate::support::connect(&format!("{} pool_max_size=1", server.conninfo())).await?;
    let task = tokio::spawn({
        let cluster = cluster.clone();
        async move { cluster.query("select pg_sleep(4)", &[]).await }
    });
    running(&server, "%pg_sleep(4)%").await?;
    server.sql("ALTER ROLE app CONNECTION LIMIT 0").await?;
    joined(SOON, "the slow statement", task).await??;
    Ok(())
}

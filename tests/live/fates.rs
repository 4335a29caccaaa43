//! What becomes of work whose connection or server goes away.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::{JoinHandle, JoinSet};

use aya_db::{CallOptions, Cluster, Error, FailureKind, Fate};
use aya_testkit::{FaultProxy, Postgres, until};

use crate::support::{
    Lock, SOON, blocked, error_of, gone, joined, number, running, served, session, within,
};

type Fault = fn(&FaultProxy);

/// An insert on a task of its own.
fn insert(cluster: &Cluster, options: CallOptions) -> JoinHandle<Result<u64, Error>> {
    let cluster = cluster.clone();
    tokio::spawn(async move {
        let sql = "insert into t values (1) on conflict do nothing";
        cluster.with(options).execute(sql, &[]).await
    })
}

/// A server with a table, and a lock that holds the insert up while it runs.
async fn locked(parameters: &str) -> Result<(Postgres, Cluster, Lock)> {
    let (server, cluster) = served(parameters).await?;
    cluster.batch("create table t (id int primary key)").await?;
    let lock = Lock::key(&server, "t").await?;
    Ok((server, cluster, lock))
}

#[tokio::test]
async fn live_an_insert_whose_server_dies_is_unknown_and_not_repeated() -> Result<()> {
    let (mut server, cluster, _lock) = locked("").await?;
    let task = insert(&cluster, CallOptions::new());
    blocked(&server, "insert into t%").await?;
    server.kill()?;
    // The answer does not wait for the server to come back: nothing is left to do.
    let error = error_of("an insert on a dead server", joined(SOON, "the error", task).await?)?;
    assert_eq!((error.kind(), error.fate()), (FailureKind::ConnectionLost, Fate::Unknown));
    assert_eq!(error.attempts().len(), 1, "{error}");
    assert!(!error.is_retryable());
    server.start().await?;
    let sql = "select count(*) from t";
    let row = within(SOON, "the next call", cluster.query_one(sql, &[])).await??;
    assert!(row.get::<_, i64>(0) <= 1, "it ran twice");
    Ok(())
}

#[tokio::test]
async fn live_an_idempotent_insert_whose_server_dies_runs_again() -> Result<()> {
    let (mut server, cluster, _lock) = locked("").await?;
    let task = insert(&cluster, CallOptions::new().idempotent());
    blocked(&server, "insert into t%").await?;
    server.kill()?;
    server.start().await?;
    assert_eq!(joined(SOON, "the insert", task).await??, 1);
    assert_eq!(number(&server, "select count(*) from t").await?, 1);
    Ok(())
}

#[tokio::test]
async fn live_connections_that_died_idle_are_nobodys_concern() -> Result<()> {
    let (server, cluster) = served("pool_max_size=4").await?;
    cluster.batch("create table t (n int)").await?;
    let sessions = "FROM pg_stat_activity WHERE usename = 'app' AND query LIKE 'insert into t%'";
    for round in 0..4 {
        let mut calls = JoinSet::new();
        for _ in 0..4 {
            let cluster = cluster.clone();
            calls.spawn(async move {
                cluster.execute("insert into t select 1 from pg_sleep(0.02)", &[]).await
            });
        }
        while let Some(answer) = within(SOON, "an insert", calls.join_next()).await? {
            answer??;
        }
        if round % 2 == 0 {
            server.proxy().drop_connections();
        } else {
            server.sql(&format!("SELECT pg_terminate_backend(pid) {sessions}")).await?;
        }
        gone(&server, "insert into t%").await?;
    }
    assert_eq!(number(&server, "select count(*) from t").await?, 16);
    Ok(())
}

#[tokio::test]
async fn live_a_closure_whose_connection_drops_runs_again_where_it_is_not_replayed() -> Result<()> {
    let (server, cluster) = served("transaction_replay=off").await?;
    cluster.batch("create table t (n int)").await?;
    let runs = AtomicU32::new(0);
    let done = cluster.transaction(|tx| {
        let run = runs.fetch_add(1, Ordering::SeqCst);
        let server = &server;
        async move {
            tx.execute("insert into t values (1)", &[]).await?;
            if run == 0 {
                server.proxy().drop_connections();
            }
            tx.execute("insert into t values (2)", &[]).await?;
            Ok::<_, Error>(())
        }
    });
    within(SOON, "the transaction", done).await??;
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    assert_eq!(number(&server, "select count(*) from t").await?, 2);
    Ok(())
}

#[tokio::test]
async fn live_an_open_transaction_whose_connection_drops_is_rolled_back_where_it_is_not_replayed()
-> Result<()> {
    let (server, cluster) = served("transaction_replay=off").await?;
    cluster.batch("create table t (n int)").await?;
    let tx = cluster.begin().await?;
    tx.execute("insert into t values (1)", &[]).await?;
    server.proxy().drop_connections();
    let lost = within(SOON, "the error", tx.execute("insert into t values (2)", &[])).await?;
    let error = error_of("a statement of a lost transaction", lost)?;
    assert_eq!((error.kind(), error.fate()), (FailureKind::ConnectionLost, Fate::RolledBack));
    assert!(error.is_retryable(), "the whole may be run again");
    let commit = within(SOON, "the commit", tx.commit()).await?;
    let error = error_of("its commit", commit)?;
    assert_eq!(error.fate(), Fate::RolledBack, "{error}");
    cluster.execute("insert into t values (3)", &[]).await?;
    assert_eq!(number(&server, "select sum(n) from t").await?, 3);
    Ok(())
}

#[tokio::test]
async fn live_a_terminated_backend_leaves_its_statement_to_another() -> Result<()> {
    let (server, cluster, lock) = locked("").await?;
    let task = insert(&cluster, CallOptions::new());
    let pid = blocked(&server, "insert into t%").await?;
    server.sql(&format!("SELECT pg_terminate_backend({pid})")).await?;
    // The server said itself that the statement is undone, so that it may run elsewhere.
    let condition = format!("wait_event_type = 'Lock' AND pid <> {pid}");
    session(&server, &condition).await?;
    lock.release(&server).await?;
    assert_eq!(joined(SOON, "the insert", task).await??, 1);
    assert_eq!(number(&server, "select count(*) from t").await?, 1);
    Ok(())
}

#[tokio::test]
async fn live_calls_wait_while_the_server_refuses_and_go_on_when_it_is_back() -> Result<()> {
    let (server, cluster) = served("pool_max_size=1").await?;
    cluster.batch("create table t (id int primary key)").await?;
    server.proxy().refuse();
    cluster.execute("insert into t values (0)", &[]).await?;
    let faults: [(i32, &str, Fault); 2] =
        [(1, "cut", FaultProxy::cut), (2, "close on accept", FaultProxy::close_on_accept)];
    for (id, fault, cause) in faults {
        cause(server.proxy());
        server.proxy().drop_connections();
        gone(&server, "insert into t%").await?;
        let task = tokio::spawn({
            let cluster = cluster.clone();
            async move { cluster.execute("insert into t values ($1)", &[&id]).await }
        });
        until("the loss to be known", SOON, async || {
            Ok(cluster.snapshot().leadership.confirmed().is_none().then_some(()))
        })
        .await?;
        server.proxy().heal();
        assert_eq!(joined(SOON, fault, task).await??, 1, "{fault}");
    }
    assert_eq!(number(&server, "select count(*) from t").await?, 3);
    Ok(())
}

#[tokio::test]
async fn live_a_server_that_stays_away_is_given_up_at_the_deadline() -> Result<()> {
    let (server, cluster) = served("failover_timeout=2s").await?;
    cluster.query("select 1", &[]).await?;
    server.proxy().cut();
    gone(&server, "select 1").await?;
    let begun = Instant::now();
    let gone = within(SOON, "giving up", cluster.query("select 1", &[])).await?;
    let error = error_of("a call to nobody", gone)?;
    let took = begun.elapsed();
    assert_eq!(error.fate(), Fate::NotSent, "{error}");
    assert!(error.to_string().contains(&server.client_address().to_string()), "{error}");
    assert!((Duration::from_millis(1900)..Duration::from_secs(4)).contains(&took), "{took:?}");
    Ok(())
}

#[tokio::test]
async fn live_a_half_open_connection_costs_one_timeout_and_nothing_else() -> Result<()> {
    let (server, cluster) = served("pool_max_size=1").await?;
    cluster.batch("create table t (n int)").await?;
    let insert = "insert into t values ($1)";
    // Prepared from here on: what gets lost is the insert itself.
    cluster.execute(insert, &[&1]).await?;
    server.proxy().half_open();
    let hurried = cluster.with(CallOptions::new().timeout(Duration::from_secs(1)));
    let lost = within(SOON, "the timeout", hurried.execute(insert, &[&10])).await?;
    let error = error_of("an insert that nobody hears", lost)?;
    assert_eq!((error.kind(), error.fate()), (FailureKind::DeadlineExceeded, Fate::Unknown));
    within(SOON, "the next call", cluster.execute(insert, &[&100])).await??;
    assert_eq!(number(&server, "select sum(n) from t").await?, 101);
    Ok(())
}

#[tokio::test]
async fn live_a_far_server_is_as_good_as_a_near_one() -> Result<()> {
    let (server, cluster) = served("").await?;
    cluster.batch("create table t (n int)").await?;
    server.proxy().delay(Duration::from_millis(50));
    let cluster = Arc::new(cluster);
    let mut calls = JoinSet::new();
    for n in 0..20 {
        let cluster = Arc::clone(&cluster);
        calls.spawn(async move { cluster.execute("insert into t values ($1)", &[&n]).await });
    }
    while let Some(answer) = within(SOON, "an insert", calls.join_next()).await? {
        answer??;
    }
    let slow = cluster.query("select pg_sleep(2)", &[]);
    within(SOON, "a slow statement", slow).await??;
    assert!(cluster.snapshot().leadership.confirmed().is_some(), "{}", cluster.explain());
    assert_eq!(number(&server, "select count(*) from t").await?, 20);
    Ok(())
}

#[tokio::test]
async fn live_a_server_that_shuts_down_in_order_is_waited_for() -> Result<()> {
    let (mut server, cluster) = served("").await?;
    cluster.batch("create table t (n int)").await?;
    let task = tokio::spawn({
        let cluster = cluster.clone();
        async move { cluster.execute("insert into t select 1 from pg_sleep(1)", &[]).await }
    });
    running(&server, "%pg_sleep(1)%").await?;
    server.stop().await?;
    server.start().await?;
    // 57P01 proves that the insert is undone: it runs again.
    assert_eq!(joined(SOON, "the insert", task).await??, 1);
    assert_eq!(number(&server, "select count(*) from t").await?, 1);
    Ok(())
}

#[tokio::test]
async fn live_a_copy_whose_connection_drops_before_its_end_is_rolled_back() -> Result<()> {
    let (server, cluster) = served("commit_resolution=off").await?;
    cluster.batch("create table t (n int)").await?;
    let mut copy = cluster.copy_in("copy t from stdin").await?;
    copy.send("1\n2\n").await?;
    server.proxy().drop_connections();
    gone(&server, "copy t%").await?;
    let error = error_of("a copy that lost its server", copy.finish().await)?;
    assert_eq!((error.kind(), error.fate()), (FailureKind::ConnectionLost, Fate::RolledBack));
    assert_eq!(within(SOON, "a call", cluster.query("select n from t", &[])).await??.len(), 0);
    Ok(())
}

#[tokio::test]
async fn live_a_crashed_backend_takes_the_others_down_and_idempotent_work_goes_on() -> Result<()> {
    let (server, cluster, lock) = locked("").await?;
    let unmarked = insert(&cluster, CallOptions::new());
    let first = blocked(&server, "insert into t%").await?;
    let marked = insert(&cluster, CallOptions::new().idempotent());
    session(&server, &format!("wait_event_type = 'Lock' AND pid <> {first}")).await?;
    let victim = server.sql("SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    let victim = victim.await?.pop().and_then(|mut row| row.pop()).flatten();
    // The postmaster ends every session when one of them dies like this, and recovers.
    let killed = Command::new("kill").arg("-9").args(victim).status()?;
    assert!(killed.success(), "{killed}");
    let error = error_of("an unmarked insert", joined(SOON, "the error", unmarked).await?)?;
    assert_eq!(error.fate(), Fate::Unknown, "{error}");
    assert_eq!(joined(SOON, "the marked insert", marked).await??, 1);
    assert_eq!(number(&server, "select count(*) from t").await?, 1);
    drop(lock);
    Ok(())
}

#[tokio::test]
async fn live_a_timeout_inside_a_closure_rolls_it_back_and_ends_the_call() -> Result<()> {
    let (server, cluster) = served("pool_max_size=1").await?;
    cluster.batch("create table t (n int)").await?;
    let runs = AtomicU32::new(0);
    let hurried = cluster.with(CallOptions::new().timeout(Duration::from_millis(500)));
    let slow = hurried.transaction(|tx| {
        runs.fetch_add(1, Ordering::SeqCst);
        async move {
            tx.execute("insert into t values (1)", &[]).await?;
            tx.query("select pg_sleep(30)", &[]).await?;
            Ok::<_, Error>(())
        }
    });
    let begun = Instant::now();
    let error = error_of("a slow closure", within(SOON, "the timeout", slow).await?)?;
    assert_eq!((error.kind(), error.fate()), (FailureKind::DeadlineExceeded, Fate::RolledBack));
    assert!(begun.elapsed() < Duration::from_secs(3), "it took {:?}", begun.elapsed());
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    gone(&server, "%pg_sleep(30)%").await?;
    assert_eq!(within(SOON, "a call", cluster.query("select n from t", &[])).await??.len(), 0);
    Ok(())
}

//! Transactions: closures that run again, and those that must not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;
use tokio::sync::Notify;

use aya_db::{CallOptions, Cluster, Error, FailureKind, Fate, IsolationLevel, TransactionOptions};
use aya_testkit::{Postgres, sql, until};

use crate::support::{
    SOON, beside, blocked, connect, direct, error_of, joined, number, served, within,
};

#[tokio::test]
async fn live_a_closure_runs_again_when_a_row_changed_under_it() -> Result<()> {
    let (server, cluster) = served("").await?;
    cluster.batch("create table t (n int); insert into t values (1)").await?;
    for level in [IsolationLevel::RepeatableRead, IsolationLevel::Serializable] {
        let runs = AtomicU32::new(0);
        let options =
            CallOptions::new().transaction(TransactionOptions::new().isolation_level(level));
        let before = number(&server, "select n from t").await?;
        let seen = cluster
            .with(options)
            .transaction(|tx| {
                let run = runs.fetch_add(1, Ordering::SeqCst);
                let conninfo = server.conninfo();
                async move {
                    let seen: i32 = tx.query_one("select n from t", &[]).await?.get(0);
                    if run == 0 {
                        let other = sql(&conninfo, "update t set n = n + 10").await;
                        other.expect("the update from the side");
                    }
                    tx.execute("update t set n = n + 1", &[]).await?;
                    Ok::<_, Error>(seen)
                }
            })
            .await?;
        assert_eq!(runs.load(Ordering::SeqCst), 2, "{level:?}");
        assert_eq!(i64::from(seen), before + 10, "the second run saw the change");
        assert_eq!(number(&server, "select n from t").await?, before + 11);
    }
    Ok(())
}

#[tokio::test]
async fn live_a_closure_runs_again_when_its_commit_cannot_be_serialized() -> Result<()> {
    let (server, cluster) = served("").await?;
    cluster
        .batch("create table t (class int, n int); insert into t values (1, 10), (2, 20)")
        .await?;
    let serializable = TransactionOptions::new().isolation_level(IsolationLevel::Serializable);
    let runs = AtomicU32::new(0);
    let view = cluster.with(CallOptions::new().transaction(serializable));
    let skewed = view.transaction(|tx| {
        let run = runs.fetch_add(1, Ordering::SeqCst);
        let conninfo = server.conninfo();
        async move {
            let sum: i64 = tx.query_one("select sum(n) from t where class = 1", &[]).await?.get(0);
            tx.execute("insert into t values (2, $1::bigint)", &[&sum]).await?;
            if run == 0 {
                let other = "begin isolation level serializable; \
                    insert into t select 1, sum(n) from t where class = 2; commit";
                sql(&conninfo, other).await.expect("the other transaction");
            }
            Ok::<_, Error>(sum)
        }
    });
    assert_eq!(within(SOON, "the transaction", skewed).await??, 30, "what the other one left");
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    assert_eq!(number(&server, "select count(*) from t").await?, 4);
    Ok(())
}

#[tokio::test]
async fn live_a_closure_runs_again_when_it_lost_a_deadlock() -> Result<()> {
    let server = Postgres::builder().setting("deadlock_timeout", "200ms").start().await?;
    let cluster = connect(&server.conninfo()).await?;
    cluster.batch("create table t (id int, n int); insert into t values (1, 0), (2, 0)").await?;
    let runs = AtomicU32::new(0);
    let (taken, go_on) = (Notify::new(), Notify::new());
    let done = cluster.transaction(|tx| {
        let run = runs.fetch_add(1, Ordering::SeqCst);
        let (taken, go_on) = (&taken, &go_on);
        async move {
            tx.execute("update t set n = n + 1 where id = 1", &[]).await?;
            if run == 0 {
                taken.notify_one();
                go_on.notified().await;
            }
            tx.execute("update t set n = n + 1 where id = 2", &[]).await?;
            Ok::<_, Error>(())
        }
    });
    let other = async {
        taken.notified().await;
        let both = "begin; update t set n = n + 10 where id = 2; \
            update t set n = n + 10 where id = 1; commit";
        let conninfo = direct(&server);
        let other = tokio::spawn(async move { sql(&conninfo, both).await });
        past_its_deadlock_check(&server).await?;
        go_on.notify_one();
        other.await?
    };
    let (done, other) =
        within(SOON * 2, "both", Box::pin(async { tokio::join!(done, other) })).await?;
    done?;
    other?;
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    assert_eq!(number(&server, "select sum(n) from t").await?, 22);
    Ok(())
}

/// Whoever waits looks for a deadlock once, after `deadlock_timeout`: who looks last is the victim.
async fn past_its_deadlock_check(server: &Postgres) -> Result<()> {
    let query = "SELECT 1 FROM pg_locks WHERE NOT granted AND waitstart < now() - interval '1 s'";
    until("the other transaction to have waited", SOON, async || {
        Ok(server.sql(query).await?.pop().map(drop))
    })
    .await
}

#[derive(Debug)]
enum AppError {
    Database(Error),
    Refused,
}

impl From<Error> for AppError {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

#[tokio::test]
async fn live_a_closure_that_fails_is_rolled_back_and_not_run_again() -> Result<()> {
    let (server, cluster) = served("pool_max_size=1").await?;
    cluster.batch("create table t (id int primary key)").await?;
    let runs = AtomicU32::new(0);
    let refused = cluster
        .transaction(|tx| {
            runs.fetch_add(1, Ordering::SeqCst);
            async move {
                tx.execute("insert into t values (1)", &[]).await?;
                Err::<(), _>(AppError::Refused)
            }
        })
        .await;
    assert!(matches!(refused, Err(AppError::Refused)), "{refused:?}");
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    assert_eq!(cluster.query("select * from t", &[]).await?.len(), 0);

    let doubled = cluster
        .transaction(|tx| {
            runs.fetch_add(1, Ordering::SeqCst);
            async move {
                tx.execute("insert into t values (1)", &[]).await?;
                tx.execute("insert into t values (1)", &[]).await?;
                Ok::<_, AppError>(())
            }
        })
        .await;
    let Err(AppError::Database(error)) = doubled else { panic!("{doubled:?}") };
    assert_eq!(error.kind(), FailureKind::ConstraintViolation);
    assert_eq!(error.fate(), Fate::RolledBack);
    assert_eq!(runs.load(Ordering::SeqCst), 2, "a violated constraint is not tried again");
    assert_eq!(number(&server, "select count(*) from t").await?, 0);
    Ok(())
}

#[tokio::test]
async fn live_commit_of_a_failed_transaction_is_an_error() -> Result<()> {
    let (server, cluster) = served("pool_max_size=1").await?;
    cluster.batch("create table t (id int)").await?;
    let runs = AtomicU32::new(0);
    let closure = cluster.transaction(|tx| {
        runs.fetch_add(1, Ordering::SeqCst);
        async move {
            tx.execute("insert into t values (1)", &[]).await?;
            _ = tx.execute("select 1/0", &[]).await;
            Ok::<_, Error>(())
        }
    });
    let error = error_of("a closure that passes over an error", closure.await)?;
    assert_eq!((error.kind(), error.fate()), (FailureKind::CommitRolledBack, Fate::RolledBack));
    assert_eq!(runs.load(Ordering::SeqCst), 1);

    let tx = cluster.begin().await?;
    tx.execute("insert into t values (1)", &[]).await?;
    error_of("a division by zero", tx.query("select 1/0", &[]).await)?;
    let error = error_of("a statement after it", tx.query("select 1", &[]).await)?;
    assert_eq!(error.kind(), FailureKind::TransactionAborted, "{error}");
    let error = error_of("its commit", tx.commit().await)?;
    assert_eq!((error.kind(), error.fate()), (FailureKind::CommitRolledBack, Fate::RolledBack));
    assert_eq!(number(&server, "select count(*) from t").await?, 0);
    Ok(())
}

#[tokio::test]
async fn live_begin_commits_rolls_back_and_goes_back_to_savepoints() -> Result<()> {
    let (server, cluster) = served("pool_max_size=1").await?;
    cluster.batch("create table t (id int)").await?;
    let count = async || number(&server, "select count(*) from t").await;

    let tx = cluster.begin().await?;
    tx.execute("insert into t values (1)", &[]).await?;
    assert_eq!(count().await?, 0, "nobody sees it before the commit");
    tx.commit().await?;
    assert_eq!(count().await?, 1);

    let tx = cluster.begin().await?;
    tx.execute("insert into t values (2)", &[]).await?;
    tx.rollback().await?;
    assert_eq!(count().await?, 1);

    let tx = cluster.begin().await?;
    tx.execute("insert into t values (3)", &[]).await?;
    tx.savepoint("here").await?;
    error_of("a division by zero", tx.query("select 1/0", &[]).await)?;
    tx.rollback_to("here").await?;
    tx.execute("insert into t values (4)", &[]).await?;
    tx.release("here").await?;
    tx.commit().await?;
    assert_eq!(count().await?, 3);

    let tx = cluster.begin().await?;
    tx.execute("insert into t values (5)", &[]).await?;
    drop(tx);
    let rows = within(SOON, "the next call", cluster.query("select id from t", &[])).await??;
    assert_eq!(rows.len(), 3, "a transaction that is dropped is rolled back");
    cluster.execute("insert into t values (6)", &[]).await?;
    assert_eq!(count().await?, 4, "the session is in no transaction any more");
    Ok(())
}

#[tokio::test]
async fn live_a_wrong_number_of_rows_leaves_an_open_transaction_uncommitted() -> Result<()> {
    let (_server, cluster) = served("").await?;
    cluster.batch("create table t (id int)").await?;
    let alone = error_of("no row", cluster.query_one("select 1 where false", &[]).await)?;
    assert_eq!((alone.kind(), alone.fate()), (FailureKind::RowCount, Fate::Committed));
    let tx = cluster.begin().await?;
    let inside = error_of("no row", tx.query_one("select 1 where false", &[]).await)?;
    assert_eq!((inside.kind(), inside.fate()), (FailureKind::RowCount, Fate::RolledBack));
    tx.execute("insert into t values (1)", &[]).await?;
    tx.commit().await?;
    let rows = cluster.query("select id from t", &[]).await?;
    assert_eq!(rows.len(), 1, "the transaction went on");
    Ok(())
}

#[tokio::test]
async fn live_a_closure_runs_again_when_its_statements_went_stale() -> Result<()> {
    let (server, cluster) = served("pool_max_size=1").await?;
    cluster.batch("create table t (id int); insert into t values (1)").await?;
    let runs = AtomicU32::new(0);
    let width = async |cluster: &Cluster| -> Result<usize> {
        let widths = cluster.transaction(|tx| {
            runs.fetch_add(1, Ordering::SeqCst);
            async move { Ok::<_, Error>(tx.query_one("select * from t", &[]).await?.len()) }
        });
        Ok(within(SOON, "the transaction", widths).await??)
    };
    assert_eq!(width(&cluster).await?, 1);
    beside(&server, "alter table t add column more int").await?;
    assert_eq!(width(&cluster).await?, 2);
    assert_eq!(runs.load(Ordering::SeqCst), 3, "the second transaction ran twice");
    Ok(())
}

#[tokio::test]
async fn live_conflicting_closures_lose_no_update() -> Result<()> {
    let (server, cluster) = served("").await?;
    cluster.batch("create table t (n int); insert into t values (0)").await?;
    let runs = Arc::new(AtomicU32::new(0));
    let serializable = TransactionOptions::new().isolation_level(IsolationLevel::Serializable);
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let (cluster, runs, options) =
                (cluster.clone(), Arc::clone(&runs), CallOptions::new().transaction(serializable));
            tokio::spawn(async move {
                for _ in 0..10 {
                    let view = cluster.with(options.clone());
                    let increment = view.transaction(|tx| {
                        runs.fetch_add(1, Ordering::SeqCst);
                        async move {
                            let n: i32 = tx.query_one("select n from t", &[]).await?.get(0);
                            tx.execute("update t set n = $1", &[&(n + 1)]).await?;
                            Ok::<_, Error>(())
                        }
                    });
                    increment.await?;
                }
                Ok::<_, Error>(())
            })
        })
        .collect();
    for task in tasks {
        joined(SOON * 3, "the increments", task).await??;
    }
    assert_eq!(number(&server, "select n from t").await?, 40);
    assert!(runs.load(Ordering::SeqCst) > 40, "there was no conflict to speak of");
    Ok(())
}

#[tokio::test]
async fn live_a_closure_that_is_dropped_midway_leaves_nothing() -> Result<()> {
    let (server, cluster) = served("pool_max_size=1").await?;
    cluster.batch("create table t (id int); create table u (id int)").await?;
    let lock = crate::support::Lock::table(&server, "u").await?;
    let task = tokio::spawn({
        let cluster = cluster.clone();
        async move {
            let stuck = cluster.transaction(|tx| async move {
                tx.execute("insert into t values (1)", &[]).await?;
                tx.execute("insert into u values (1)", &[]).await?;
                Ok::<_, Error>(())
            });
            stuck.await
        }
    });
    blocked(&server, "insert into u%").await?;
    task.abort();
    let rows = within(SOON, "the next call", cluster.query("select id from t", &[])).await??;
    assert!(rows.is_empty());
    lock.release(&server).await?;
    cluster.execute("insert into t values (2)", &[]).await?;
    assert_eq!(number(&server, "select sum(id) from t").await?, 2);
    assert_eq!(number(&server, "select count(*) from u").await?, 0);
    Ok(())
}

//! Statements on their own: every call, their errors, their ends.

use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use futures_util::TryStreamExt as _;

use aya_db::{CallOptions, Canceller, Cluster, FailureKind, Fate, SimpleQueryMessage};
use aya_testkit::until;

use crate::support::{SOON, beside, error_of, joined, number, running, served, within};

#[tokio::test]
async fn live_every_call_does_what_its_name_says() -> Result<()> {
    let (_server, cluster) = served("").await?;
    cluster
        .batch("create table t (id int primary key, name text); insert into t values (0, 'zero')")
        .await?;
    let insert = "insert into t values ($1, $2), ($3, $4)";
    assert_eq!(cluster.execute(insert, &[&1, &"one", &2, &None::<&str>]).await?, 2);
    let rows = cluster.query("select id, name from t where id >= $1 order by id", &[&1]).await?;
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].get::<_, &str>("name"), "one");
    assert_eq!(rows[1].get::<_, Option<&str>>("name"), None);
    assert_eq!(cluster.query_one("select count(*) from t", &[]).await?.get::<_, i64>(0), 3);
    assert!(cluster.query_opt("select 1 from t where id = $1", &[&9]).await?.is_none());
    assert!(cluster.query_opt("select 1 from t where id = $1", &[&2]).await?.is_some());
    let answers = cluster.simple_query("select 1 as n; select 'x' as m, null as o").await?;
    let texts: Vec<_> = answers
        .iter()
        .filter_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => Some((row.get(0), row.len())),
            _ => None,
        })
        .collect();
    assert_eq!(texts, [(Some("1"), 1), (Some("x"), 2)]);
    let prepared = cluster.prepare("select name from t where id = $1").await?;
    for (id, name) in [(0, "zero"), (1, "one")] {
        assert_eq!(cluster.query_one(&prepared, &[&id]).await?.get::<_, &str>(0), name);
    }
    Ok(())
}

#[tokio::test]
async fn live_a_failed_statement_says_what_kind_of_failure_it_is() -> Result<()> {
    let (_server, cluster) = served("").await?;
    cluster.batch("create table t (id int primary key); insert into t values (1)").await?;
    let cases = [
        ("selec 1", FailureKind::StatementRejected, "42601"),
        ("select * from absent", FailureKind::StatementRejected, "42P01"),
        ("insert into t values (1)", FailureKind::ConstraintViolation, "23505"),
        ("insert into t values (null)", FailureKind::ConstraintViolation, "23502"),
        (
            "insert into t select 1/(n-n) from (values (1)) v (n)",
            FailureKind::DataException,
            "22012",
        ),
        (
            "do $$ begin raise exception 'no' using errcode = 'P0001'; end $$",
            FailureKind::ServerError,
            "P0001",
        ),
    ];
    for (sql, kind, sqlstate) in cases {
        let error = error_of(sql, cluster.execute(sql, &[]).await)?;
        assert_eq!((error.kind(), error.sqlstate()), (kind, Some(sqlstate)), "{sql}: {error}");
        assert_eq!(error.attempts().len(), 1, "it would fail again: {error}");
        assert!(!error.is_retryable(), "{error}");
        assert_eq!(error.db_error().map(|it| it.code().code()), Some(sqlstate));
        if !sql.starts_with("do") {
            assert_eq!(error.fate(), Fate::RolledBack, "{sql}: {error}");
        }
    }
    let slow = "set local statement_timeout = 100; select pg_sleep(30)";
    let error = error_of(slow, cluster.batch(slow).await)?;
    assert_eq!((error.kind(), error.sqlstate()), (FailureKind::QueryCancelled, Some("57014")));
    assert_eq!((error.fate(), error.attempts().len()), (Fate::RolledBack, 1));
    let error = error_of("no row", cluster.query_one("select 1 where false", &[]).await)?;
    assert_eq!(error.kind(), FailureKind::RowCount, "{error}");
    let error = error_of("two rows", cluster.query_opt("values (1), (2)", &[]).await)?;
    assert_eq!(error.kind(), FailureKind::RowCount, "{error}");
    let error = error_of("text as int", cluster.query("select $1::int", &[&"x"]).await)?;
    assert_eq!((error.kind(), error.fate()), (FailureKind::ParameterConversion, Fate::NotSent));
    let error = error_of("no parameter", cluster.query("select $1::int", &[]).await)?;
    assert_eq!((error.kind(), error.fate()), (FailureKind::ParameterConversion, Fate::NotSent));
    assert_eq!(cluster.query("select id from t", &[]).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn live_copy_moves_rows_both_ways_and_an_unfinished_copy_leaves_none() -> Result<()> {
    let (server, cluster) = served("pool_max_size=1").await?;
    cluster.batch("create table t (id int, name text)").await?;
    let mut copy = cluster.copy_in("copy t from stdin").await?;
    copy.send(Bytes::from_static(b"1\tone\n2\t")).await?;
    copy.send(Bytes::from_static(b"two\n")).await?;
    assert_eq!(copy.finish().await?, 2);

    let copy = cluster.copy_out("copy (select * from t order by id) to stdout").await?;
    let chunks: Vec<Bytes> = within(SOON, "copying out", copy.try_collect()).await??;
    assert_eq!(chunks.concat(), b"1\tone\n2\ttwo\n");

    let mut unfinished = cluster.copy_in("copy t from stdin").await?;
    unfinished.send(Bytes::from_static(b"3\tthree\n")).await?;
    drop(unfinished);
    let count = within(SOON, "a query after it", cluster.query("select * from t", &[])).await??;
    assert_eq!(count.len(), 2);

    let mut wrong = cluster.copy_in("copy t from stdin").await?;
    wrong.send(Bytes::from_static(b"no number\tx\n")).await?;
    let error = error_of("bad data", wrong.finish().await)?;
    assert_eq!((error.kind(), error.fate()), (FailureKind::DataException, Fate::RolledBack));

    let mut half_read =
        cluster.copy_out("copy (select generate_series(1, 1000000)) to stdout").await?;
    assert!(within(SOON, "a chunk", half_read.try_next()).await??.is_some());
    drop(half_read);
    let row = within(SOON, "a query after it", cluster.query_one("select 7", &[])).await??;
    assert_eq!(row.get::<_, i32>(0), 7);
    assert_eq!(number(&server, "select count(*) from t").await?, 2);
    Ok(())
}

#[tokio::test]
async fn live_a_statement_is_prepared_again_when_the_session_forgot_it() -> Result<()> {
    let (server, cluster) = served("pool_max_size=1").await?;
    cluster.batch("create table t (id int); insert into t values (1)").await?;
    let sql = "select * from t where id = $1";
    let prepared = cluster.prepare(sql).await?;
    let columns = async |cluster: &Cluster| -> Result<[usize; 2]> {
        let by_text = cluster.query_one(sql, &[&1]).await?.len();
        Ok([by_text, cluster.query_one(&prepared, &[&1]).await?.len()])
    };
    let session = cluster.query_one("select pg_backend_pid()", &[]).await?.get::<_, i32>(0);
    assert_eq!(columns(&cluster).await?, [1, 1]);
    for (width, column) in [(2, "a"), (3, "b")] {
        beside(&server, &format!("alter table t add column {column} int")).await?;
        assert_eq!(columns(&cluster).await?, [width, width], "after the result type changed");
    }
    for forget in ["discard all", "deallocate all"] {
        cluster.batch(forget).await?;
        assert_eq!(columns(&cluster).await?, [3, 3], "after {forget}");
    }
    let same = cluster.query_one("select pg_backend_pid()", &[]).await?.get::<_, i32>(0);
    assert_eq!(same, session, "another session was used");
    Ok(())
}

#[tokio::test]
async fn live_many_statements_and_large_values_fit_one_connection() -> Result<()> {
    let (_server, cluster) = served("pool_max_size=1").await?;
    let pid = "select pg_backend_pid()";
    let session: i32 = cluster.query_one(pid, &[]).await?.get(0);
    for n in 0..1000_i32 {
        let row = cluster.query_one(&format!("select {n} + $1::int"), &[&n]).await?;
        assert_eq!(row.get::<_, i32>(0), 2 * n);
    }
    let kept = "select count(*) from pg_prepared_statements";
    let kept: i64 = cluster.query_one(kept, &[]).await?.get(0);
    assert!((100..400).contains(&kept), "{kept} statements are kept");
    let large = "x".repeat(20_000_000);
    let row = cluster.query_one("select $1::text || 'y', length($1)", &[&large]).await?;
    assert_eq!((row.get::<_, &str>(0).len(), row.get::<_, i32>(1)), (20_000_001, 20_000_000));
    let rows = cluster.query("select generate_series(1, 200000)", &[]).await?;
    assert_eq!(rows.iter().map(|row| i64::from(row.get::<_, i32>(0))).sum::<i64>(), 20_000_100_000);
    assert_eq!(cluster.query_one(pid, &[]).await?.get::<_, i32>(0), session);
    Ok(())
}

#[tokio::test]
async fn live_a_call_marked_read_only_may_not_write() -> Result<()> {
    let (_server, cluster) = served("").await?;
    cluster.batch("create table t (id int)").await?;
    let reader = cluster.with(CallOptions::new().read_only());
    let error = error_of("a write", reader.execute("insert into t values (1)", &[]).await)?;
    assert_eq!((error.kind(), error.sqlstate()), (FailureKind::WriteInReadOnly, Some("25006")));
    assert_eq!(error.fate(), Fate::RolledBack);
    assert_eq!(error.attempts().len(), 1);
    assert_eq!(reader.query_one("select count(*) from t", &[]).await?.get::<_, i64>(0), 0);
    cluster.execute("insert into t values (1)", &[]).await?;
    Ok(())
}

#[tokio::test]
async fn live_a_timeout_ends_a_slow_statement_and_a_read_at_the_server_too() -> Result<()> {
    let (server, cluster) = served("pool_max_size=1").await?;
    let options = CallOptions::new().timeout(Duration::from_millis(400));
    for (options, sql) in [
        (options.clone(), "select pg_sleep(5) as unmarked"),
        (options.read_only(), "select pg_sleep(30) as read_only"),
    ] {
        let begun = Instant::now();
        let slow = within(SOON, sql, cluster.with(options).query(sql, &[])).await?;
        let error = error_of("a slow statement", slow)?;
        let took = begun.elapsed();
        assert_eq!(error.kind(), FailureKind::DeadlineExceeded, "{sql}: {error}");
        assert_eq!(error.fate(), Fate::Unknown, "{sql} was sent: {error}");
        assert!((Duration::from_millis(350)..Duration::from_secs(2)).contains(&took), "{took:?}");
        let row = within(SOON, "the next call", cluster.query_one("select 7", &[])).await??;
        assert_eq!(row.get::<_, i32>(0), 7);
    }
    // One that may write is left alone: it may be waiting for its standby.
    let query = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' \
        AND state = 'active' AND query LIKE '%as read_only%'";
    let ended = until("the server to stop working on the read", SOON, async || {
        Ok((number(&server, query).await? == 0).then_some(()))
    });
    ended.await
}

#[tokio::test]
async fn live_a_canceller_ends_the_statement_it_was_given() -> Result<()> {
    let (server, cluster) = served("").await?;
    let canceller = Canceller::new();
    let task = tokio::spawn({
        let (cluster, canceller) = (cluster.clone(), canceller.clone());
        async move {
            let options = CallOptions::new().canceller(&canceller);
            cluster.with(options).query("select pg_sleep(30)", &[]).await
        }
    });
    running(&server, "%pg_sleep(30)%").await?;
    within(SOON, "cancelling", canceller.cancel()).await??;
    let error = error_of("a cancelled call", joined(SOON, "its end", task).await?)?;
    assert_eq!((error.kind(), error.sqlstate()), (FailureKind::QueryCancelled, Some("57014")));
    assert_eq!(error.fate(), Fate::RolledBack);
    assert_eq!(error.attempts().len(), 1);

    // With nothing left to cancel it does nothing, and harms no later call.
    within(SOON, "cancelling nothing", canceller.cancel()).await??;
    cluster.query("select 1", &[]).await?;
    Ok(())
}

#[tokio::test]
async fn live_a_closed_cluster_serves_no_more() -> Result<()> {
    let (server, cluster) = served("").await?;
    let other = cluster.clone();
    let task = tokio::spawn(async move { other.query("select pg_sleep(1)", &[]).await });
    running(&server, "%pg_sleep(1)%").await?;
    cluster.close();
    let error =
        error_of("a call after it", within(SOON, "it", cluster.query("select 1", &[])).await?)?;
    assert_eq!((error.kind(), error.fate()), (FailureKind::Closed, Fate::NotSent));
    // What is under way is seen through, and its connection ends with it.
    joined(SOON, "its end", task).await??;
    drop(cluster);
    let left = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app'";
    let gone = until("every session to end", SOON, async || {
        Ok((number(&server, left).await? == 0).then_some(()))
    });
    gone.await
}

//! Open transactions whose connection is lost, and that go on.

use std::time::Duration;

use anyhow::{Context, Result};

use aya_db::{
    CallOptions, Cluster, Error, FailureKind, Fate, IsolationLevel, Replay, Transaction,
    TransactionOptions, once,
};
use aya_testkit::Postgres;

use crate::support::{SOON, beside, error_of, number, served, within};

/// What a transaction does in one step, and what it must see.
type Step = (&'static str, Seen);

enum Seen {
    /// A statement without rows, or whose rows do not matter.
    Done,
    /// The one value, as text.
    Value(&'static str),
    /// An error of this code.
    Fails(&'static str),
}
use Seen::{Done, Fails, Value};

async fn take(tx: &Transaction, (sql, seen): &Step) -> Result<()> {
    let taken = within(SOON, sql, async {
        match seen {
            Done => tx.batch(*sql).await,
            Value(expected) => {
                let row = tx.query_one(*sql, &[]).await?;
                assert_eq!(row.get::<_, &str>(0), *expected, "{sql}");
                Ok(())
            }
            Fails(code) => {
                let Err(error) = tx.query(*sql, &[]).await else { panic!("{sql} succeeded") };
                assert_eq!(error.sqlstate(), Some(*code), "{sql}: {error}");
                Ok(())
            }
        }
    });
    taken.await?.with_context(|| (*sql).to_owned())
}

/// Runs the steps in one transaction whose connection is cut ahead of each of them and of COMMIT.
async fn survives(server: &Postgres, cluster: &Cluster, steps: &[Step]) -> Result<()> {
    let tx = cluster.begin().await?;
    for step in steps {
        server.proxy().drop_connections();
        take(&tx, step).await?;
    }
    server.proxy().drop_connections();
    within(SOON, "the commit", tx.commit()).await??;
    Ok(())
}

/// Runs the steps, cuts the connection, and gives the error of the statement that follows.
async fn fails(
    server: &Postgres,
    cluster: &Cluster,
    options: CallOptions,
    steps: &[Step],
) -> Result<Error> {
    let tx = cluster.with(options).begin().await?;
    for step in steps {
        take(&tx, step).await?;
    }
    server.proxy().drop_connections();
    let error = error_of("a replay", within(SOON, "the end", tx.query("select 1", &[])).await?)?;
    assert_eq!(error.fate(), Fate::RolledBack, "{error}");
    assert!(error.is_retryable(), "{error}");
    // What the application does next is told the same, and gives no second account of the loss.
    let again = error_of("a lost transaction", tx.query("select 1", &[]).await)?;
    assert_eq!((again.kind(), again.fate()), (FailureKind::TransactionLost, Fate::RolledBack));
    tx.rollback().await?;
    Ok(error)
}

#[tokio::test]
async fn live_everything_that_a_transaction_does_goes_on_on_another_connection() -> Result<()> {
    let (server, cluster) = served("commit_resolution=lsn").await?;
    cluster.batch("create table t (id int primary key, name text)").await?;
    let steps = [
        ("insert into t values (1, 'one')", Done),
        ("insert into t values (2, 'two') returning name", Value("two")),
        ("savepoint a", Done),
        ("insert into t values (1, 'again')", Fails("23505")),
        ("select 'in a failed transaction'", Fails("25P02")),
        ("rollback to savepoint a", Done),
        ("select wrong", Fails("42703")),
        ("rollback to a", Done),
        ("update t set name = 'uno' where id = 1 returning name", Value("uno")),
        ("set local work_mem = '12MB'", Done),
        ("select current_setting('work_mem')", Value("12MB")),
        ("declare c cursor for select name from t order by id", Done),
        ("fetch 1 from c", Value("uno")),
        ("fetch 1 from c", Value("two")),
        ("create temp table x on commit drop as select 7 as n", Done),
        ("select n::text from x", Value("7")),
        ("select pg_advisory_xact_lock(42)::text", Value("")),
        ("select count(*)::text from pg_locks where locktype = 'advisory'", Value("1")),
        ("select lo_create(4711)::text", Value("4711")),
        ("select lo_put(4711, 0, '\\x010203')::text", Value("")),
        ("select lo_get(4711)::text", Value("\\x010203")),
        ("notify news, 'done'", Done),
        ("release a", Done),
        ("select count(*)::text from t", Value("2")),
    ];
    survives(&server, &cluster, &steps).await?;
    let rows = beside(&server, "select id, name from t order by id").await?;
    let text =
        |row: &Vec<Option<String>>| format!("{:?}", row.iter().flatten().collect::<Vec<_>>());
    assert_eq!(rows.iter().map(text).collect::<Vec<_>>(), ["[\"1\", \"uno\"]", "[\"2\", \"two\"]"]);
    assert_eq!(number(&server, "select count(*) from pg_largeobject_metadata").await?, 1);
    Ok(())
}

#[tokio::test]
async fn live_parameters_and_copied_data_are_sent_again() -> Result<()> {
    let (server, cluster) = served("commit_resolution=lsn").await?;
    cluster.batch("create table t (id int, name text, at timestamptz default now())").await?;
    let tx = cluster.begin().await?;
    let none: Option<&str> = None;
    let sql = "insert into t (id, name) values ($1, $2)";
    assert_eq!(tx.execute(sql, &[&1_i32, &none]).await?, 1);
    assert_eq!(tx.query("select id from t where id = any ($1)", &[&vec![1_i32]]).await?.len(), 1);
    server.proxy().drop_connections();
    let mut copy = within(SOON, "copy", tx.copy_in("copy t (id, name) from stdin")).await??;
    copy.send("2\ttwo\n").await?;
    server.proxy().drop_connections();
    within(SOON, "a piece", copy.send("3\tthree\n")).await??;
    server.proxy().drop_connections();
    assert_eq!(within(SOON, "the end of the copy", copy.finish()).await??, 2);
    server.proxy().drop_connections();
    let mut copy = within(SOON, "copy", tx.copy_out("copy (select 1) to stdout")).await??;
    while let Some(piece) = copy.next().await {
        piece?;
    }
    drop(copy);
    server.proxy().drop_connections();
    within(SOON, "the commit", tx.commit()).await??;
    assert_eq!(number(&server, "select sum(id) from t").await?, 6);
    assert_eq!(number(&server, "select count(*) from t where name is null").await?, 1);
    Ok(())
}

#[tokio::test]
async fn live_a_copy_that_stands_alone_is_sent_again() -> Result<()> {
    let (server, cluster) = served("commit_resolution=lsn").await?;
    cluster.batch("create table t (n int)").await?;
    let mut copy = cluster.copy_in("copy t from stdin").await?;
    copy.send("1\n2\n").await?;
    server.proxy().drop_connections();
    assert_eq!(within(SOON, "the copy", copy.finish()).await??, 2);
    assert_eq!(number(&server, "select count(*) from t").await?, 2);
    Ok(())
}

#[tokio::test]
async fn live_the_transaction_begins_again_in_the_same_modes() -> Result<()> {
    let (server, cluster) = served("commit_resolution=lsn").await?;
    let modes = TransactionOptions::new()
        .isolation_level(IsolationLevel::Serializable)
        .read_only()
        .deferrable();
    let tx = cluster.with(CallOptions::new().transaction(modes)).begin().await?;
    server.proxy().drop_connections();
    for (name, value) in [
        ("transaction_isolation", "serializable"),
        ("transaction_read_only", "on"),
        ("transaction_deferrable", "on"),
    ] {
        let shown = within(SOON, name, tx.query_one(&format!("show {name}"), &[])).await??;
        assert_eq!(shown.get::<_, &str>(0), value, "{name}");
    }
    tx.rollback().await?;
    Ok(())
}

#[tokio::test]
async fn live_a_replay_that_gives_something_else_is_rolled_back_and_says_where() -> Result<()> {
    let (server, cluster) = served("commit_resolution=lsn").await?;
    cluster.batch("create table t (n int); insert into t values (1); create sequence s").await?;
    for sql in [
        "select now()::text",
        "select random()::text",
        "select nextval('s')::text",
        "insert into t select 2 returning clock_timestamp()::text",
    ] {
        let steps = [("select 'the same'", Value("the same")), (sql, Done)];
        let tx = cluster.begin().await?;
        take(&tx, &steps[0]).await?;
        tx.query(sql, &[]).await?;
        server.proxy().drop_connections();
        let error = error_of(sql, within(SOON, sql, tx.query("select 1", &[])).await?)?;
        assert_eq!(error.kind(), FailureKind::ReplayDiverged, "{error}");
        assert_eq!((error.sqlstate(), error.fate()), (Some("40001"), Fate::RolledBack), "{error}");
        assert!(error.to_string().contains("statement 2 ("), "{error}");
    }
    // Somebody else has changed what was read.
    let tx = cluster.begin().await?;
    tx.query("select n from t", &[]).await?;
    tx.execute("insert into t values (3)", &[]).await?;
    beside(&server, "update t set n = 5").await?;
    server.proxy().drop_connections();
    let error = error_of("a commit", within(SOON, "the commit", tx.commit()).await?)?;
    assert_eq!(error.kind(), FailureKind::ReplayDiverged, "{error}");
    assert!(error.to_string().contains("statement 1 (select n from t)"), "{error}");
    Ok(())
}

#[tokio::test]
async fn live_what_was_not_seen_may_differ() -> Result<()> {
    let (server, cluster) = served("commit_resolution=lsn").await?;
    cluster.batch("create table t (id serial, at timestamptz default clock_timestamp())").await?;
    survives(&server, &cluster, &[("insert into t default values", Done)]).await?;
    assert_eq!(number(&server, "select count(*) from t").await?, 1);
    Ok(())
}

#[tokio::test]
async fn live_a_closure_that_diverges_runs_again() -> Result<()> {
    let (server, cluster) = served("commit_resolution=lsn").await?;
    cluster.batch("create table t (n int); insert into t values (1)").await?;
    let mut cuts = 1;
    let seen = cluster.transaction(|tx| {
        let cut = std::mem::take(&mut cuts) == 1;
        let server = &server;
        async move {
            let row = tx.query_one("select n from t", &[]).await?;
            if cut {
                beside(server, "update t set n = 5").await.expect("the update");
                server.proxy().drop_connections();
            }
            tx.execute("insert into t values (0)", &[]).await?;
            Ok::<i32, Error>(row.get(0))
        }
    });
    assert_eq!(within(SOON, "the closure", seen).await??, 5);
    assert_eq!(number(&server, "select sum(n) from t").await?, 5);
    Ok(())
}

#[tokio::test]
async fn live_what_must_not_run_twice_is_not_replayed_and_says_why() -> Result<()> {
    let limits = "commit_resolution=lsn replay_max_statements=3 replay_max_bytes=2kB";
    let (server, cluster) = served(limits).await?;
    cluster.batch("create table t (n text)").await?;
    let one = ("insert into t values ('1')", Done);
    let long: &str = Box::leak(format!("select '{}'", "x".repeat(3_000)).into_boxed_str());
    let cases: [(&str, Vec<Step>); 3] = [
        ("replay_max_statements", (0..4).map(|_| ("insert into t values ('1')", Done)).collect()),
        ("replay_max_bytes", vec![(long, Done)]),
        (
            "failed with 57014",
            vec![
                ("set local statement_timeout = 50", Done),
                ("savepoint a", Done),
                ("select pg_sleep(9)", Fails("57014")),
            ],
        ),
    ];
    for (reason, steps) in cases {
        let error = fails(&server, &cluster, CallOptions::new(), &steps).await?;
        assert_eq!(error.kind(), FailureKind::TransactionLost, "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    }
    let off = TransactionOptions::new().replay(Replay::Off);
    let off = CallOptions::new().transaction(off);
    let error = fails(&server, &cluster, off, &[one]).await?;
    assert_eq!(error.kind(), FailureKind::ConnectionLost, "{error}");

    let tx = cluster.begin().await?;
    tx.execute(&once("insert into t values ('once')"), &[]).await?;
    server.proxy().drop_connections();
    let error = error_of("a marked statement", within(SOON, "it", tx.commit()).await?)?;
    assert_eq!((error.kind(), error.fate()), (FailureKind::TransactionLost, Fate::RolledBack));
    assert!(error.to_string().contains("to run once: insert into t values('…')"), "{error}");

    let tx = cluster.begin().await?;
    let mut copy = tx.copy_out("copy (select generate_series(1, 3000000)) to stdout").await?;
    copy.next().await.context("no data")??;
    server.proxy().drop_connections();
    let error = loop {
        match within(SOON, "the data", copy.next()).await?.context("it ended")? {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), FailureKind::TransactionLost, "{error}");
    assert_eq!(number(&server, "select count(*) from t").await?, 0);
    Ok(())
}

#[tokio::test]
async fn live_a_session_that_was_left_behind_does_not_block_its_successor() -> Result<()> {
    let (server, cluster) = served("commit_resolution=lsn").await?;
    cluster.batch("create table t (n int); insert into t values (1)").await?;
    let tx = cluster.begin().await?;
    tx.execute("update t set n = 2", &[]).await?;
    // Nobody tells the server of the end: its session keeps the lock on the row.
    server.proxy().black_hole();
    let going_on = tokio::spawn(async move {
        tx.execute("update t set n = n + 1", &[]).await?;
        tx.commit().await
    });
    let gone = cluster.snapshot();
    drop(gone);
    tokio::time::timeout(Duration::from_secs(9), async {
        while cluster.snapshot().leadership.confirmed().is_some() {
            tokio::task::yield_now().await;
        }
    })
    .await?;
    server.proxy().heal();
    within(SOON, "the transaction", going_on).await???;
    assert_eq!(number(&server, "select n from t").await?, 3);
    Ok(())
}

#[tokio::test]
async fn live_a_commit_by_a_statement_of_its_own_is_of_unknown_fate() -> Result<()> {
    let (server, cluster) = served("commit_resolution=lsn").await?;
    cluster.batch("create table t (n int)").await?;
    let tx = cluster.begin().await?;
    tx.execute("insert into t values (1)", &[]).await?;
    server.proxy().black_hole();
    let commit = tx.batch("commit");
    let lost = error_of("a commit without answer", within(SOON * 2, "it", commit).await?)?;
    assert_eq!(lost.fate(), Fate::Unknown, "{lost}");
    Ok(())
}

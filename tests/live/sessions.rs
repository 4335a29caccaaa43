//! Sessions: what is set in them outlives their connection, or its loss is told.

use anyhow::Result;

use aya_db::{FailureKind, Fate, Session};
use aya_testkit::Postgres;

use crate::support::{SOON, error_of, number, served, within};

async fn shown(session: &Session, sql: &str) -> Result<String> {
    Ok(within(SOON, sql, session.query_one(sql, &[])).await??.get(0))
}

#[tokio::test]
async fn live_what_a_session_has_set_is_set_on_the_next_connection() -> Result<()> {
    let (server, cluster) = served("commit_resolution=lsn").await?;
    let superuser = server.superuser_conninfo().replace("dbname=postgres", "dbname=app");
    aya_testkit::sql(&superuser, "create role clerk; grant clerk to app").await?;
    let session = cluster.session().await?;
    session.batch("set search_path = 'somewhere', public").await?;
    session.batch("set app.tenant = 'seven'").await?;
    session.query("select set_config('app.user', $1, false)", &[&"ada"]).await?;
    session.batch("create table once (n int)").await?;
    session.batch("insert into once values (1); prepare one as table once").await?;
    session.batch("listen news; prepare two as select 2; set role clerk").await?;
    let tx = session.begin().await?;
    tx.batch("set work_mem = '9MB'; set local lock_timeout = '7s'").await?;
    tx.commit().await?;
    let tx = session.begin().await?;
    tx.batch("set statement_timeout = '9s'").await?;
    tx.rollback().await?;
    let expected = [
        ("select current_setting('search_path')", "somewhere, public"),
        ("select current_setting('app.tenant')", "seven"),
        ("select current_setting('app.user')", "ada"),
        ("select pg_listening_channels()", "news"),
        (
            "select string_agg(name, ' ' order by name) from pg_prepared_statements where from_sql",
            "one two",
        ),
        ("select current_user::text", "clerk"),
        ("select current_setting('work_mem')", "9MB"),
        ("select current_setting('lock_timeout')", "0"),
        ("select current_setting('statement_timeout')", "0"),
    ];
    for (sql, value) in expected {
        server.proxy().drop_connections();
        assert_eq!(shown(&session, sql).await?, value, "{sql}");
    }
    session.batch("reset app.tenant; reset role; unlisten *; deallocate two").await?;
    // What stood beside a PREPARE has not run again.
    assert_eq!(number(&server, "select count(*) from once").await?, 1);
    server.proxy().drop_connections();
    assert_eq!(
        shown(&session, "select coalesce(current_setting('app.tenant', true), '')").await?,
        ""
    );
    assert_eq!(shown(&session, "select current_user::text").await?, "app");
    assert_eq!(shown(&session, "select current_setting('app.user')").await?, "ada");
    Ok(())
}

#[tokio::test]
async fn live_a_transaction_of_a_session_is_replayed_in_the_restored_session() -> Result<()> {
    let (server, cluster) = served("commit_resolution=lsn").await?;
    let session = cluster.session().await?;
    session.batch("create schema mine; create table mine.t (n int)").await?;
    session.batch("set search_path = mine").await?;
    let tx = session.begin().await?;
    tx.execute("insert into t values (1)", &[]).await?;
    server.proxy().drop_connections();
    within(SOON, "a statement", tx.execute("insert into t values (2)", &[])).await??;
    server.proxy().drop_connections();
    within(SOON, "the commit", tx.commit()).await??;
    assert_eq!(shown(&session, "select sum(n)::text from t").await?, "3");
    assert_eq!(number(&server, "select count(*) from mine.t").await?, 2);
    Ok(())
}

#[tokio::test]
async fn live_what_cannot_be_restored_is_named_once() -> Result<()> {
    let (server, cluster) = served("commit_resolution=lsn").await?;
    cluster.batch("create table t (n int)").await?;
    let cases = [
        ("create temp table scratch (n int)", "the temporary table scratch"),
        ("select pg_advisory_lock(42)", "the advisory lock 42"),
        ("begin; declare c cursor with hold for select 1; commit", "the cursor WITH HOLD c"),
        (
            "do $$ begin perform set_config('x.y', '1', false); end $$; create temp table a ()",
            "the temporary table a",
        ),
    ];
    for (sql, named) in cases {
        let session = cluster.session().await?;
        session.batch(sql).await?;
        lost_and_told(&server, &session, named).await?;
    }
    // In a transaction, which is lost with it.
    let session = cluster.session().await?;
    session.batch("create temp table scratch (n int)").await?;
    let tx = session.begin().await?;
    tx.execute("insert into t values (1)", &[]).await?;
    server.proxy().drop_connections();
    let lost = within(SOON, "a statement", tx.execute("insert into t values (1)", &[])).await?;
    let error = error_of("a transaction of a lost session", lost)?;
    assert_eq!((error.kind(), error.fate()), (FailureKind::SessionStateLost, Fate::RolledBack));
    drop(tx);
    session.execute("insert into t values (7)", &[]).await?;
    assert_eq!(number(&server, "select sum(n) from t").await?, 7);
    Ok(())
}

async fn lost_and_told(server: &Postgres, session: &Session, named: &str) -> Result<()> {
    server.proxy().drop_connections();
    let insert = "insert into t values (100)";
    let lost = within(SOON, named, session.execute(insert, &[])).await?;
    let error = error_of(named, lost)?;
    assert_eq!((error.kind(), error.fate()), (FailureKind::SessionStateLost, Fate::NotSent));
    assert!(error.to_string().contains(named), "{error}");
    assert_eq!(shown(session, "select 'on'").await?, "on", "it goes on");
    assert_eq!(number(server, "select count(*) from t").await?, 0);
    Ok(())
}

#[tokio::test]
async fn live_a_session_leaves_nothing_to_the_next_user_of_its_connection() -> Result<()> {
    let (_server, cluster) = served("pool_max_size=1").await?;
    let session = cluster.session().await?;
    session.batch("set app.tenant = 'seven'").await?;
    drop(session);
    let left = "select coalesce(current_setting('app.tenant', true), 'nothing')";
    let row = within(SOON, "a call", cluster.query_one(left, &[])).await??;
    assert_eq!(row.get::<_, &str>(0), "nothing");
    Ok(())
}

#[tokio::test]
async fn live_a_statement_that_leaves_a_transaction_open_is_rolled_back_and_told() -> Result<()> {
    for resolution in ["off", "lsn"] {
        let (server, cluster) = served(&format!("commit_resolution={resolution}")).await?;
        cluster.batch("create table t (n int)").await?;
        let session = cluster.session().await?;
        for (sql, fate) in [
            ("begin", Fate::RolledBack),
            ("begin isolation level serializable;", Fate::RolledBack),
            ("insert into t values (1); commit; begin; insert into t values (10)", Fate::Unknown),
        ] {
            let error = error_of(sql, within(SOON, sql, session.batch(sql)).await?)?;
            assert_eq!((error.kind(), error.fate()), (FailureKind::Usage, fate), "{sql}: {error}");
            assert!(
                format!("{:#}", anyhow::Error::from(error)).contains("Session::begin"),
                "{sql}"
            );
        }
        // One that has failed inside is not left behind either.
        let failed = session.batch("begin; select 1 / 0").await;
        assert_eq!(error_of("a failure", failed)?.sqlstate(), Some("22012"));
        session.execute("insert into t values (100)", &[]).await?;
        assert_eq!(number(&server, "select sum(n) from t").await?, 101);
    }
    Ok(())
}

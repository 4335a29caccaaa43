//! What the first host of a connection string may do while the second one serves.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use aya_db::{Cluster, FailureKind};
use aya_testkit::{Pair, Postgres, Script, ScriptedServer};

use crate::support::{SOON, connect, error_of, hosts, hosts_named, within};

/// Long enough that a test which waits for it has failed.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);

#[tokio::test]
async fn live_a_first_host_that_cannot_serve_is_passed_over() -> Result<()> {
    let server = Postgres::builder().start().await?;
    let good = server.client_address();
    let mut first =
        vec![("has no address".to_owned(), "does-not-exist.invalid".to_owned(), 5432, None)];
    let scripts = [
        ("never answers", Script::Silent),
        ("closes at once", Script::CloseAtOnce),
        ("is starting up", Script::fatal("57P03")),
        ("is shutting down", Script::fatal("57P01")),
        ("has no slot left", Script::fatal("53300")),
    ];
    for (what, script) in scripts {
        let scripted = ScriptedServer::start(script).await?;
        let address = scripted.address();
        first.push((what.to_owned(), address.ip().to_string(), address.port(), Some(scripted)));
    }
    let closed = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    first.push(("refuses".to_owned(), closed.ip().to_string(), closed.port(), None));
    let mut wrong = Vec::new();
    for (what, host, port, _scripted) in &first {
        let names = [host.clone(), good.ip().to_string()];
        let conninfo = format!(
            "{} target_session_attrs=read-write failover_timeout=20s connect_timeout={}",
            hosts_named(&names, &[port.to_string(), good.port().to_string()]),
            CONNECT_TIMEOUT.as_secs(),
        );
        let begun = Instant::now();
        let served = serves(&conninfo).await;
        let took = begun.elapsed();
        if served.is_err() || took > CONNECT_TIMEOUT / 2 {
            wrong.push(format!("a first host that {what}: {served:?} after {took:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[tokio::test]
async fn live_a_first_host_that_refuses_the_login_ends_the_search() -> Result<()> {
    let mut wrong = Vec::new();
    for (sqlstate, kind) in
        [("28P01", FailureKind::AuthenticationFailed), ("3D000", FailureKind::UnknownDatabase)]
    {
        let refusing = ScriptedServer::start(Script::fatal(sqlstate)).await?;
        let silent = ScriptedServer::start(Script::Silent).await?;
        let conninfo = format!(
            "{} target_session_attrs=read-write failover_timeout=20s connect_timeout={}",
            hosts(&[refusing.address(), silent.address()]),
            CONNECT_TIMEOUT.as_secs(),
        );
        let begun = Instant::now();
        let connected = within(SOON * 3, "connecting", Cluster::connect(&conninfo)).await?;
        let error = error_of("a refused login", connected)?;
        let took = begun.elapsed();
        let as_itself = error.kind() == kind && error.sqlstate() == Some(sqlstate);
        if !as_itself || took > CONNECT_TIMEOUT / 2 {
            wrong.push(format!("{sqlstate}: {:?} after {took:?}: {error}", error.kind()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[tokio::test]
async fn live_a_standby_in_front_is_passed_over_by_who_wants_to_write() -> Result<()> {
    let pair = Pair::start(Postgres::builder()).await?;
    let (primary, standby) = (pair.primary.client_address(), pair.standby.client_address());
    let both = hosts(&[standby, primary]);
    let wanted = [
        ("read-write", false),
        ("primary", false),
        ("any", false),
        ("prefer-primary", false),
        ("read-only", true),
        ("standby", true),
        ("prefer-standby", true),
    ];
    let mut wrong = Vec::new();
    for (attrs, on_standby) in wanted {
        let cluster = connect(&format!("{both} target_session_attrs={attrs}")).await?;
        let row = within(SOON, attrs, cluster.query_one("select pg_is_in_recovery()", &[])).await?;
        let in_recovery: bool = row.with_context(|| attrs.to_owned())?.get(0);
        if in_recovery != on_standby {
            wrong.push(format!("{attrs} was led to a server in recovery: {in_recovery}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    let cluster = connect(&format!("{both} target_session_attrs=read-write")).await?;
    cluster.execute("create table t as select 1 as n", &[]).await?;
    Ok(())
}

#[tokio::test]
async fn live_only_a_standby_is_no_place_to_write() -> Result<()> {
    let pair = Pair::start(Postgres::builder()).await?;
    let standby = pair.standby.client_address();
    let conninfo =
        format!("{} target_session_attrs=read-write failover_timeout=2s", hosts(&[standby]));
    let begun = Instant::now();
    let connected = within(SOON, "connecting", Cluster::connect(&conninfo)).await?;
    let error = error_of("writing on a standby", connected)?;
    assert_eq!(error.kind(), FailureKind::NoLeader, "{error}");
    assert!(error.to_string().contains(&standby.to_string()), "{error}");
    assert!(error.to_string().contains("standby"), "the role it has is not told: {error}");
    assert!(begun.elapsed() > Duration::from_millis(1800), "it did not wait for a promotion");

    // With more time, the promotion is what it waits for.
    let patient =
        format!("{} target_session_attrs=read-write failover_timeout=30s", hosts(&[standby]));
    let waiting = tokio::spawn(async move { Cluster::connect(&patient).await });
    pair.promote().await?;
    let cluster = within(SOON, "connecting to the promoted server", waiting).await???;
    cluster.execute("create table t as select 1 as n", &[]).await?;
    Ok(())
}

#[tokio::test]
async fn live_a_leader_that_is_read_only_by_default_serves_no_writer() -> Result<()> {
    let server = Postgres::builder().start().await?;
    server.sql("ALTER ROLE app SET default_transaction_read_only = on").await?;
    let conninfo = format!("{} failover_timeout=2s", server.conninfo());
    let wanted = format!("{conninfo} target_session_attrs=read-write");
    let connected = within(SOON, "connecting", Cluster::connect(&wanted)).await?;
    let error = error_of("writing where sessions are read-only", connected)?;
    assert_eq!(error.kind(), FailureKind::NoLeader, "{error}");
    assert!(error.to_string().contains("read-only"), "the reason is not told: {error}");
    for attrs in ["primary", "read-only", "any"] {
        serves(&format!("{conninfo} target_session_attrs={attrs}")).await.context(attrs)?;
    }
    Ok(())
}

/// Connects and runs a statement.
async fn serves(conninfo: &str) -> Result<()> {
    let cluster = within(SOON * 3, "connecting", Cluster::connect(conninfo)).await??;
    within(SOON, "a statement", cluster.query_one("select 1", &[])).await??;
    Ok(())
}

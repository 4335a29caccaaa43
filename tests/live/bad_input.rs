//! Connections that cannot be made: what the error says, how soon, and what it keeps to itself.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use aya_db::{Cluster, Error, FailureKind, Fate};
use aya_testkit::{Postgres, Script, ScriptedServer, until};

use crate::support::{SOON, error_of, hosts, within};

/// In every string of this file, so that one search finds it where it must not be.
const SECRET: &str = "Sup3rGeheim";

#[tokio::test]
async fn live_a_string_that_cannot_be_read_says_where_and_what_is_wrong() -> Result<()> {
    let cases: [(&str, String, &[&str]); 8] = [
        ("bad percent-encoding", format!("postgresql://app:{SECRET}%zz@localhost/app"), &["byte"]),
        ("open bracket", format!("postgresql://app:{SECRET}@[::1/app"), &["byte"]),
        ("open quote", format!("host=localhost password='{SECRET}"), &["byte"]),
        ("no value", format!("host password={SECRET}"), &["byte", "host"]),
        (
            "ports for other hosts",
            format!("host=a,b port=1,2,3 user=app password={SECRET}"),
            &["3", "2", "port"],
        ),
        (
            "misspelt parameter",
            format!("host=localhost target_sesion_attrs=read-write password={SECRET}"),
            &["target_sesion_attrs", "target_session_attrs"],
        ),
        (
            "misspelt value",
            format!("host=localhost password={SECRET} target_session_attrs=read-wirte"),
            &["read-write"],
        ),
        (
            "a scope alone is missing",
            format!("host=localhost password={SECRET} etcd_endpoints=localhost"),
            &["cluster_scope"],
        ),
    ];
    let mut wrong = Vec::new();
    for (what, conninfo, words) in cases {
        let begun = Instant::now();
        let error = failed(&conninfo).await.context(what)?;
        let text = error.to_string();
        if error.kind() != FailureKind::Configuration || error.fate() != Fate::NotSent {
            wrong.push(format!("{what}: {:?}, {}", error.kind(), error.fate()));
        }
        for word in words.iter().filter(|word| !text.contains(**word)) {
            wrong.push(format!("{what}: {word:?} is not in {text:?}"));
        }
        if begun.elapsed() > Duration::from_secs(1) {
            wrong.push(format!("{what}: took {:?}", begun.elapsed()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[tokio::test]
async fn live_no_host_reachable_lists_each_with_its_own_cause_and_time() -> Result<()> {
    let silent = ScriptedServer::start(Script::Silent).await?;
    let full = ScriptedServer::start(Script::fatal("53300")).await?;
    let refusing = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let (silent_at, full_at) = (silent.address(), full.address());
    let conninfo = format!(
        "host=127.0.0.1,does-not-exist.invalid,127.0.0.1,127.0.0.1 port={},5432,{},{} user=app \
         password={SECRET} dbname=app target_session_attrs=read-write connect_timeout=1 \
         failover_timeout=3s",
        refusing.port(),
        silent_at.port(),
        full_at.port(),
    );
    let begun = Instant::now();
    let error = failed(&conninfo).await?;
    assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?}", begun.elapsed());
    assert_eq!(error.kind(), FailureKind::NoLeader, "{error}");
    assert_eq!(error.fate(), Fate::NotSent);
    assert!(error.is_retryable(), "somebody may lead later");
    let text = error.to_string();
    let expected = [
        (refusing.to_string(), "refused"),
        ("does-not-exist.invalid:5432".to_owned(), "address"),
        (silent_at.to_string(), "deadline|in time|did not answer|silent|nothing came"),
        (full_at.to_string(), "too many|no connection slot|53300"),
    ];
    for (host, causes) in expected {
        let at = text.find(&host).with_context(|| format!("{host} is not in {text}"))?;
        let rest = &text[at + host.len()..];
        let told = causes.split('|').any(|cause| rest.contains(cause));
        assert!(told, "the cause of {host} ({causes}) is not in {text}");
    }
    let timed = text.contains(" ms") || text.contains(" s");
    assert!(timed, "no time is told in {text}");
    Ok(())
}

#[tokio::test]
async fn live_a_wrong_password_and_an_unknown_database_are_raised_at_once() -> Result<()> {
    let server = Postgres::builder().start().await?;
    let good = server.conninfo();
    let cases = [
        (
            good.replace("password='app'", &format!("password='{SECRET}'")),
            FailureKind::AuthenticationFailed,
            "28P01",
        ),
        (
            good.replace("user='app'", &format!("user='nobody' password='{SECRET}'")),
            FailureKind::AuthenticationFailed,
            "28P01",
        ),
        (good.replace("dbname='app'", "dbname='shop'"), FailureKind::UnknownDatabase, "3D000"),
    ];
    for attrs in ["any", "read-write", "standby"] {
        for (conninfo, kind, sqlstate) in &cases {
            let begun = Instant::now();
            let error = failed(&format!("{conninfo} target_session_attrs={attrs}")).await?;
            assert_eq!(error.kind(), *kind, "{attrs}: {error}");
            assert_eq!(error.sqlstate(), Some(*sqlstate), "{attrs}: {error}");
            assert_eq!(error.code(), kind.code());
            assert!(!error.is_retryable(), "{error}");
            assert!(begun.elapsed() < Duration::from_secs(3), "took {:?}", begun.elapsed());
        }
    }
    Ok(())
}

#[tokio::test]
async fn live_a_port_that_speaks_http_is_told_for_what_it_is() -> Result<()> {
    let website = ScriptedServer::start(Script::Http).await?;
    let conninfo = hosts(&[website.address()]).replace("password=app", "password=Sup3rGeheim");
    for attrs in ["any", "read-write"] {
        let begun = Instant::now();
        let error = failed(&format!("{conninfo} target_session_attrs={attrs}")).await?;
        assert_eq!(error.kind(), FailureKind::NotPostgres, "{error}");
        assert!(error.to_string().contains(&website.address().to_string()), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(3), "took {:?}", begun.elapsed());
    }
    Ok(())
}

#[tokio::test]
async fn live_a_password_file_that_others_can_read_is_named_in_the_error() -> Result<()> {
    let server = Postgres::builder().start().await?;
    let path = server.data_folder().with_file_name("passwords");
    let address = server.client_address();
    let mut file = fs::File::create(&path)?;
    writeln!(file, "{}:{}:app:app:app", address.ip(), address.port())?;
    let conninfo = server.conninfo().replace("password='app'", "");
    let conninfo = format!("{conninfo} passfile='{}'", path.display());

    fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
    let error = failed(&conninfo).await?;
    let text = error.to_string();
    assert_eq!(error.kind(), FailureKind::AuthenticationFailed, "{text}");
    for word in [path.to_string_lossy().as_ref(), "was not used", "0644"] {
        assert!(text.contains(word), "{word:?} is not in {text}");
    }

    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    within(SOON, "connecting", Cluster::connect(&conninfo)).await??;
    Ok(())
}

#[tokio::test]
async fn live_a_cluster_does_not_show_its_passwords() -> Result<()> {
    let server = Postgres::builder().start().await?;
    server.sql(&format!("ALTER ROLE app PASSWORD '{SECRET}'")).await?;
    let conninfo = server.conninfo().replace("password='app'", &format!("password='{SECRET}'"));
    let conninfo = format!(
        "{conninfo} patroni_endpoints={} patroni_user=monitor patroni_password={SECRET}",
        server.direct_address()
    );
    let cluster = within(SOON, "connecting", Cluster::connect(&conninfo)).await??;
    let mut events = cluster.events();
    let builder = Cluster::builder().text(&conninfo);
    for shown in [format!("{cluster:?}"), format!("{cluster:#?}"), format!("{builder:?}")] {
        assert!(!shown.contains(SECRET), "{shown}");
    }
    let sql = "select this is no statement";
    let error = error_of("nonsense", cluster.execute(sql, &[]).await)?;
    keeps_secrets(&error)?;
    server.proxy().cut();
    let told = until("the loss to be told", SOON, async || {
        let explained = cluster.explain();
        assert!(!explained.contains(SECRET), "{explained}");
        let snapshot = format!("{:?}", cluster.snapshot());
        assert!(!snapshot.contains(SECRET), "{snapshot}");
        let call = cluster.with(aya_db::CallOptions::new().timeout(Duration::from_millis(300)));
        let error = error_of("a call to nobody", call.query("select 1", &[]).await)?;
        keeps_secrets(&error)?;
        Ok(cluster.snapshot().leadership.confirmed().is_none().then_some(()))
    });
    told.await?;
    let event = within(SOON, "an event", events.recv()).await?;
    assert!(!format!("{event:?}").contains(SECRET));
    Ok(())
}

/// The error of a connection that must fail; no secret is in it.
async fn failed(conninfo: &str) -> Result<Error> {
    let connected = within(SOON, "failing to connect", Cluster::connect(conninfo)).await?;
    let error = error_of("connecting", connected)?;
    keeps_secrets(&error)?;
    Ok(error)
}

/// Looks for the secret in all that an error shows, and in all that its causes show.
fn keeps_secrets(error: &Error) -> Result<()> {
    let mut shown = format!("{error} {error:?} {error:#?} {}", error.reason());
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(inner) = cause {
        shown.push_str(&format!(" {inner} {inner:?}"));
        cause = inner.source();
    }
    for attempt in error.attempts() {
        shown.push_str(attempt.cause());
    }
    anyhow::ensure!(!shown.contains(SECRET), "the password is shown: {shown}");
    Ok(())
}

//! Our wire session against libpq's, on the same statements.

use aya_testkit::{Account, Postgres};
use aya_tests::conninfo_strings::Dice;
use aya_tests::libpq::Libpq;
use aya_tests::libpq_session::LibpqSession;
use aya_tests::outcome::Outcome;
use aya_tests::wire_session::WireSession;
use aya_tests::{wire_bytes, wire_judge};
use tokio::runtime::Runtime;

/// Statements as a session runs them, one after the other; what follows `<<<` is for COPY.
const STATEMENTS: &str = include_str!("statements.sql");

#[test]
fn live_libpq_agrees_on_results_and_errors() {
    let libpq = Libpq::from_variable().unwrap();
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(Postgres::builder().start()).unwrap();
    let conninfo = server.conninfo();
    let mut theirs = LibpqSession::connect(&libpq, &conninfo).unwrap().ok().unwrap();
    let mut ours = WireSession::connect(&conninfo).unwrap().ok().unwrap();
    let mut count = 0;
    for block in STATEMENTS.trim_end().split("\n---\n") {
        let (sql, input) = match block.split_once("\n<<<\n") {
            Some((sql, input)) => (sql, Some(input.as_bytes())),
            None => (block, None),
        };
        check(&mut theirs, &mut ours, sql.as_bytes(), input).unwrap();
        count += 1;
    }
    assert!(count > 70, "{count}");
    for sql in [
        &b"set client_encoding = latin1"[..],
        b"select '\xe9\xfc' as \"\xe4\"",
        b"select 1,\n \xe9\xe9 from pg_class",
        b"set client_encoding = sql_ascii",
        b"select '\xc3\xa9'",
        b"select nowhere, '\xc3\xa9'",
        b"set client_encoding = euc_jp",
        b"select '\xb4\xc1\xbb\xfa', nowhere",
        // The end: what came before it, and what libpq says of it.
        b"select 1; select pg_terminate_backend(pg_backend_pid())",
    ] {
        check(&mut theirs, &mut ours, sql, None).unwrap();
    }
}

fn check(
    theirs: &mut LibpqSession<'_>,
    ours: &mut WireSession,
    sql: &[u8],
    input: Option<&[u8]>,
) -> anyhow::Result<()> {
    let shown = String::from_utf8_lossy(sql).into_owned();
    let expected = without_temp(theirs.query(sql, input)?);
    let got = without_temp(ours.query(sql, input)?);
    for (got, expected) in got.iter().zip(&expected) {
        let text = String::from_utf8_lossy;
        assert_eq!(text(&got.message), text(&expected.message), "{shown}");
        assert_eq!(got, expected, "{shown}");
    }
    assert_eq!(got.len(), expected.len(), "{shown}");
    assert_eq!(ours.notices(), theirs.notices(), "{shown}");
    Ok(())
}

#[test]
fn random_bytes_are_read_alike_however_they_are_cut() {
    let mut dice = Dice::new(18);
    let mut refused = 0;
    for n in 0..20_000 {
        let bytes = wire_bytes::next(&mut dice);
        let judged = wire_judge::judge(&bytes, &mut dice);
        refused += u32::from(judged.unwrap_or_else(|error| panic!("stream {n}: {error}")));
    }
    assert!((2_000..18_000).contains(&refused), "{refused}");
}

/// The schemas of temporary tables are numbered, and each session has its own.
fn without_temp(mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
    for outcome in &mut outcomes {
        let texts = outcome.fields.iter_mut().flatten().chain([&mut outcome.message]);
        for text in texts {
            let shown = String::from_utf8_lossy(text).into_owned();
            if let Some((before, after)) = shown.split_once("pg_temp_") {
                let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
                *text = format!("{before}pg_temp{after}").into_bytes();
            }
        }
    }
    outcomes
}

#[test]
fn live_libpq_agrees_on_why_it_cannot_connect() {
    let libpq = Libpq::from_variable().unwrap();
    let runtime = Runtime::new().unwrap();
    let builder = Postgres::builder()
        .account(Account::new("app", "app"))
        .account(Account::new("trusted", "x"))
        .hba("host all trusted 127.0.0.0/8 trust")
        .hba("host nobodys all 127.0.0.0/8 reject");
    let server = runtime.block_on(builder.start()).unwrap();
    let base = server.conninfo();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = server.socket_folder().display().to_string();
    let elsewhere = format!("host=127.0.0.1 port={closed}");
    let cases = [
        format!("{base} password=wrong"),
        format!("{base} user=nobody"),
        format!("{base} dbname=nowhere"),
        format!("{base} dbname=nobodys"),
        format!("{base} user=trusted dbname=nowhere"),
        format!("{base} options='-c nonsense=1'"),
        format!("{base} options='-c work_mem=nonsense'"),
        format!("{base} {elsewhere}"),
        format!("{base} host=localhost hostaddr=127.0.0.1 port={closed}"),
        format!("{base} host=localhost,127.0.0.1 port={closed}"),
        format!("{base} host=/nowhere"),
        format!("{base} host={folder} port={closed}"),
        format!("{base} host={folder},127.0.0.1 port={closed}"),
        format!("{base} target_session_attrs=standby"),
        format!("{base} target_session_attrs=read-only"),
        format!("{base} client_encoding=nonsense"),
        format!("{base} channel_binding=require"),
        format!("{base} user=trusted channel_binding=require"),
        format!("{base} require_auth=md5"),
        format!("{base} require_auth=md5,password"),
        format!("{base} require_auth=!scram-sha-256"),
        format!("{base} require_auth=!none,!scram-sha-256"),
        format!("{base} require_auth=scram-sha-256 user=trusted"),
        format!("{base} require_auth=!none user=trusted"),
        format!("{base} require_auth=none user=trusted dbname=postgres"),
        format!("{base} max_protocol_version=3.2 password=wrong"),
        base.replace("password='app'", ""),
    ];
    for conninfo in cases {
        // This libpq is built without TLS.
        let conninfo = format!("{conninfo} sslmode=disable");
        let expected = LibpqSession::connect(&libpq, &conninfo).unwrap().err();
        let got = WireSession::connect(&conninfo).unwrap().err();
        let text = |message: Option<Vec<u8>>| {
            message.map(|message| String::from_utf8_lossy(&message).into_owned())
        };
        assert_eq!(text(got), text(expected), "{conninfo}");
    }
}

use std::time::Duration;

use aya_testkit::{Postgres, sql, until};
use tokio_postgres::NoTls;

use crate::program::Program;

/// Every transfer has its snapshot before the first of them may touch a row. Of those that take from
/// alice at the same time only one can succeed; the others fail with 40001.
#[tokio::test]
async fn live_retry_transaction_makes_every_transfer_once_despite_conflicts() {
    let server = Postgres::builder().start().await.expect("a server");
    let conninfo = server.conninfo();
    let (side, connection) = tokio_postgres::connect(&conninfo, NoTls).await.expect("a session");
    tokio::spawn(connection);
    side.batch_execute(GATE).await.expect("a gate that is shut");

    let program = Program::start(env!("CARGO_BIN_EXE_retry_transaction"), &[&conninfo]);
    until("two transfers to wait", Duration::from_secs(30), async || {
        let waiting = "select from pg_stat_activity where wait_event_type = 'Lock'";
        Ok((server.sql(waiting).await?.len() >= 2).then_some(()))
    })
    .await
    .expect("in time");
    side.batch_execute("select pg_advisory_unlock(1)").await.expect("the gate opens");

    let output = program.output().await;
    let first = output.lines().next().unwrap_or_default();
    let calls = first.strip_prefix("10 transfers made, by ").and_then(|it| it.split(' ').next());
    let calls: u32 = calls.and_then(|calls| calls.parse().ok()).expect(first);
    assert!(calls >= 11, "{output}");
    assert!(output.contains("a million is refused: alice has 900"), "{output}");
    assert!(output.contains("alice has 900\nbob has 100"), "{output}");
    let transfers = sql(&conninfo, "select from example_transfer").await.expect("the transfers");
    assert_eq!(transfers.len(), 10);
}

const GATE: &str = "
    select pg_advisory_lock(1);
    create table example_account (name text primary key, balance bigint not null);
    create function gate() returns trigger language plpgsql as
        'begin perform pg_advisory_xact_lock_shared(1); return new; end';
    create trigger gate before update on example_account for each row execute function gate()";

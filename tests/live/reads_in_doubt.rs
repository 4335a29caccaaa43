//! Transactions that have only read, and whose COMMIT is not answered.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;

use aya_db::{Cluster, Error, Fate};
use aya_testkit::{Postgres, Snip, Snipper, sql};

use crate::support::{SOON, beside, connect, error_of, number, within};

const SET_UP: &str = "create table t (id int); insert into t values (1); \
    create function enter() returns int language sql as 'insert into t values (2) returning 7'";

/// Without it nobody's transaction is marked, and nothing goes ahead of COMMIT.
const NO_MARKS: &str = "revoke execute on \
    function pg_logical_emit_message(boolean, text, text, boolean) from public";

/// Runs a statement in a transaction whose COMMIT arrives and whose answer does not.
async fn unanswered(server: &Postgres, cluster: &Cluster, sql: &str) -> Result<Result<(), Error>> {
    let transaction = cluster.begin().await?;
    transaction.query(sql, &[]).await?;
    let first = AtomicBool::new(true);
    server.proxy().snip(Some(Snipper::new(move |piece| {
        let commits = piece.windows(COMMIT.len()).any(|part| part == COMMIT);
        (commits && first.swap(false, Ordering::SeqCst)).then_some(Snip::Answer(0))
    })));
    within(SOON, "a commit", transaction.commit()).await
}

#[tokio::test]
async fn live_a_transaction_of_reads_is_committed_once_it_has_read_the_same_again() -> Result<()> {
    let server = Postgres::builder().start().await?;
    beside(&server, SET_UP).await?;
    let superuser = server.superuser_conninfo().replace("dbname=postgres", "dbname=app");
    sql(&superuser, NO_MARKS).await?;
    let cluster = connect(&format!("{} commit_resolution=lsn", server.conninfo())).await?;
    unanswered(&server, &cluster, "select count(*) from t").await??;

    // What it saw is gone.
    let done = unanswered(&server, &cluster, "select clock_timestamp()").await?;
    assert_eq!(error_of("a transaction that reads the time", done)?.fate(), Fate::Unknown);

    // It wants to write.
    let done = unanswered(&server, &cluster, "select enter()").await?;
    assert_eq!(error_of("a transaction that writes", done)?.fate(), Fate::Unknown);
    assert_eq!(number(&server, "select count(*) from t").await?, 2, "it was committed, once");
    Ok(())
}

const COMMIT: &[u8] = b"commit\0";

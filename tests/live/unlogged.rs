//! Transactions that get their number before they leave anything in the log.

use anyhow::{Context, Result};

use aya_db::Fate;
use aya_testkit::{Pair, Postgres, sql, until};

use crate::support::{SOON, connect, direct, error_of, hosts, joined, number, session};

/// The number alone says nothing of the log: the new leader has the place behind which it was noted, and yet
/// has never heard of it.
#[tokio::test]
async fn live_a_number_taken_without_a_trace_in_the_log_is_not_taken_for_kept() -> Result<()> {
    let pair = Pair::start(Postgres::builder()).await?;
    let addresses = [pair.primary.client_address(), pair.standby.client_address()];
    let more = "target_session_attrs=read-write probe_interval=200 commit_resolution=lsn \
                transaction_replay=off";
    let cluster = connect(&format!("{} {more}", hosts(&addresses))).await?;
    cluster.batch("create table t (n int); create unlogged table u (n int)").await?;
    pair.primary.sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'").await?;
    pair.primary.sql("SELECT pg_reload_conf()").await?;

    let older = cluster.begin().await?;
    older.execute("insert into t values (2)", &[]).await?;
    let transaction = cluster.begin().await?;
    transaction.execute("insert into u values (1)", &[]).await?;
    let row = transaction.query_one("select pg_current_xact_id()::text::bigint", &[]).await?;
    let lost: i64 = row.get(0);
    older.commit().await?;
    the_standby_has_everything(&pair).await?;
    pair.standby.sql("ALTER SYSTEM SET primary_conninfo = ''").await?;
    pair.standby.sql("SELECT pg_reload_conf()").await?;
    until("the standby to stop receiving", SOON, async || {
        let query = "select count(*) from pg_stat_wal_receiver";
        Ok((number(&pair.standby, query).await? == 0).then_some(()))
    })
    .await?;
    transaction.execute("insert into t values (1)", &[]).await?;
    let commit = tokio::spawn(transaction.commit());
    session(&pair.primary, "wait_event = 'SyncRep'").await?;

    // Others write until the number would have been used again, before the driver gets to ask.
    pair.standby.proxy().cut();
    let Pair { mut primary, standby } = pair;
    primary.kill()?;
    standby.sql("SELECT pg_promote(true, 60)").await?;
    until("the numbers to go on", SOON, async || {
        let writes = "insert into t values (3) returning pg_current_xact_id()::text";
        let rows = sql(&direct(&standby), writes).await?;
        let xid: i64 = rows[0][0].as_deref().context("no number")?.parse()?;
        Ok((xid >= lost).then_some(()))
    })
    .await?;
    standby.proxy().heal();

    let error = error_of("the commit", joined(SOON, "the commit", commit).await?)?;
    assert_eq!(error.fate(), Fate::RolledBack, "{error}");
    assert_eq!(number(&standby, "select count(*) from t where n = 1").await?, 0);
    Ok(())
}

async fn the_standby_has_everything(pair: &Pair) -> Result<()> {
    let query = "SELECT count(*) FROM pg_stat_replication \
                 WHERE replay_lsn = pg_current_wal_insert_lsn() AND sync_state = 'sync'";
    until("the standby to have everything", SOON, async || {
        Ok((number(&pair.primary, query).await? == 1).then_some(()))
    })
    .await
}

//! A COMMIT that waits for its synchronous standby.

use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use aya_db::{COMMIT_LEDGER_SQL, CallOptions, Cluster, Error, FailureKind, Fate};
use aya_testkit::{Pair, Postgres, sql, until};

use crate::support::{SOON, connect, direct, error_of, joined, number, session};

#[tokio::test]
async fn live_a_commit_whose_wait_is_cut_short_is_committed_and_not_replicated() -> Result<()> {
    let (mut pair, cluster) = without_its_standby("").await?;
    let mut expected = 0;
    for verb in ["pg_cancel_backend", "pg_terminate_backend"] {
        for work in [autocommit, idempotent, transaction] {
            expected += 1;
            let task = work(&cluster);
            let pid = session(&pair.primary, "wait_event = 'SyncRep'").await?;
            pair.primary.sql(&format!("SELECT {verb}({pid})")).await?;
            let error = error_of("the insert", joined(SOON, verb, task).await?)?;
            assert_eq!(error.kind(), FailureKind::NotReplicated, "{verb}: {error}");
            assert_eq!(error.fate(), Fate::Committed, "{verb}: {error}");
            assert_eq!(error.code(), "AYA-3010");
            assert!(!error.is_retryable());
            let rows = number(&pair.primary, "select count(*) from t").await?;
            assert_eq!(rows, expected, "{verb}: it stands, and once");
        }
    }

    // A wait that nobody cuts is not ended, however long, and ends well with the standby.
    let mut task = autocommit(&cluster);
    session(&pair.primary, "wait_event = 'SyncRep'").await?;
    let early = timeout(Duration::from_secs(3), &mut task).await;
    assert!(early.is_err(), "the commit did not wait: {early:?}");
    pair.standby.start().await?;
    joined(SOON, "the commit", task).await??;
    assert_eq!(number(&pair.primary, "select count(*) from t").await?, expected + 1);
    Ok(())
}

/// A primary that waits for a standby which is stopped, with a table `t`, and more parameters for
/// the connection string.
pub(crate) async fn without_its_standby(parameters: &str) -> Result<(Pair, Cluster)> {
    let mut pair = Pair::start(Postgres::builder()).await?;
    if parameters.contains("=ledger") {
        sql(&direct(&pair.primary), COMMIT_LEDGER_SQL).await?;
    }
    let cluster = connect(&format!("{} {parameters}", pair.primary.conninfo())).await?;
    cluster.batch("create table t (id int, run int)").await?;
    pair.standby.stop().await?;
    pair.primary.sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'").await?;
    pair.primary.sql("SELECT pg_reload_conf()").await?;
    let shown = "SHOW synchronous_standby_names";
    until("the setting to be read", SOON, async || {
        let rows = pair.primary.sql(shown).await?;
        Ok((rows[0][0].as_deref() == Some("standby")).then_some(()))
    })
    .await?;
    Ok((pair, cluster))
}

type Insert = JoinHandle<Result<(), Error>>;

fn autocommit(cluster: &Cluster) -> Insert {
    let cluster = cluster.clone();
    tokio::spawn(async move { cluster.execute("insert into t values (1)", &[]).await.map(drop) })
}

/// Running it again would be allowed, and would still be wrong: it is committed.
fn idempotent(cluster: &Cluster) -> Insert {
    let cluster = cluster.clone();
    tokio::spawn(async move {
        let marked = cluster.with(CallOptions::new().idempotent());
        marked.execute("insert into t values (1)", &[]).await.map(drop)
    })
}

fn transaction(cluster: &Cluster) -> Insert {
    let cluster = cluster.clone();
    tokio::spawn(async move {
        let inserted = cluster.transaction(|tx| async move {
            tx.execute("insert into t values (1)", &[]).await?;
            Ok::<_, Error>(())
        });
        inserted.await
    })
}

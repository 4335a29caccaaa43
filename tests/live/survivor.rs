//! The blocking session, with the driver's monitor to watch for it, in a cluster that fails over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use aya_db::{ClusterSnapshot, ClusterWatch, NodeId, SystemSurroundings};
use aya_db_core::conninfo::ConnInfo;
use aya_db_core::observation::Suspicion;
use aya_pgwire::{Answer, Event, Poller, Target};
use aya_session::{COMMIT_LEDGER_SQL, Options, Patience, Survivor, Watch};
use aya_testkit::{PatroniCluster, sql, until};

use crate::doubt::{fail_over, the_standby_knows, waiting};
use crate::failover::{everything, started};
use crate::support::{LONG, SOON, joined};

#[derive(Debug)]
struct Eyes(ClusterWatch);

impl Watch for Eyes {
    fn snapshot(&mut self) -> Option<Arc<ClusterSnapshot>> {
        self.0.snapshot().ok()
    }

    fn suspect(&mut self, node: &NodeId, sign: Suspicion) {
        let _ = self.0.suspect(node, sign);
    }
}

fn open(conninfo: &str) -> Result<Survivor> {
    let info = ConnInfo::parse(conninfo, &SystemSurroundings)?;
    let watch = ClusterWatch::start(info.clone())?;
    let options = Options {
        watch: Some(Box::new(Eyes(watch))),
        patience: Patience::Failover,
        ..Options::default()
    };
    Ok(Survivor::open(Arc::new(Target::new(info)?), options, &mut patience())?)
}

fn patience() -> Poller<'static> {
    Poller::new().until(Instant::now() + LONG)
}

/// Runs queries, none of which may fail.
fn run(session: &mut Survivor, queries: &[&str]) -> Result<()> {
    let queries: Vec<&[u8]> = queries.iter().map(|query| query.as_bytes()).collect();
    for event in session.run(&queries, &mut patience())?.events {
        if let Event::Answer(Answer::Error(error)) = event {
            return Err(error.into());
        }
    }
    Ok(())
}

/// Begins on the leader, and waits there until `then`.
fn in_a_thread(
    conninfo: &str,
    then: impl FnOnce(&mut Survivor) -> Result<()> + Send + 'static,
) -> tokio::task::JoinHandle<Result<()>> {
    let conninfo = conninfo.to_owned();
    tokio::task::spawn_blocking(move || then(&mut open(&conninfo)?))
}

async fn resolved(way: &str) -> Result<()> {
    let mut servers = started(PatroniCluster::builder().synchronous()).await?;
    let conninfo =
        format!("{} target_session_attrs=read-write commit_resolution={way}", everything(&servers));
    if way == "ledger" {
        let leader = servers.leader().await.context("nobody leads")?;
        let server = servers.node(&leader)?.superuser_conninfo();
        sql(&server.replace("dbname=postgres", "dbname=app"), COMMIT_LEDGER_SQL).await?;
    }
    let setup =
        in_a_thread(&conninfo, |session| run(session, &["create table t (id int, run int)"]));
    joined(LONG, "the set-up", setup).await??;
    the_standby_knows("t", &servers).await?;

    // The standby never hears of them: they are not kept, and run again.
    let old = servers.leader().await.context("nobody leads")?;
    servers.node(&old)?.peers().black_hole();
    let tasks = [
        in_a_thread(&conninfo, |session| run(session, &["insert into t values (1, 1)"])),
        in_a_thread(&conninfo, |session| {
            run(session, &["begin", "insert into t values (2, 1)", "commit"])
        }),
    ];
    waiting(&servers, &old, "SyncRep", 2).await?;
    fail_over(&mut servers, &old).await?;
    for task in tasks {
        joined(LONG, "a commit that was not kept", task).await??;
    }
    assert_eq!(ids(&servers).await?, [1, 2]);
    Ok(())
}

#[tokio::test]
async fn live_a_blocking_sessions_commits_are_resolved_by_the_new_leaders_history() -> Result<()> {
    Box::pin(resolved("lsn")).await
}

#[tokio::test]
async fn live_a_blocking_sessions_commits_are_resolved_by_the_ledger() -> Result<()> {
    Box::pin(resolved("ledger")).await
}

/// Writers that never stop, by statement and by transaction; each row is there once.
#[tokio::test]
async fn live_blocking_writers_go_through_a_crash_without_loss() -> Result<()> {
    let mut servers = started(PatroniCluster::builder().synchronous()).await?;
    let conninfo = format!("{} target_session_attrs=read-write", everything(&servers));
    let setup =
        in_a_thread(&conninfo, |session| run(session, &["create table t (id int, run int)"]));
    joined(LONG, "the set-up", setup).await??;
    the_standby_knows("t", &servers).await?;
    let (stop, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI32::new(0)));
    let writers: Vec<_> = (0..4)
        .map(|number| {
            let (stop, next) = (Arc::clone(&stop), Arc::clone(&next));
            in_a_thread(&conninfo, move |session| {
                while !stop.load(Ordering::Acquire) {
                    let id = next.fetch_add(1, Ordering::AcqRel);
                    let insert = format!("insert into t values ({id}, 1)");
                    match number % 2 {
                        0 => run(session, &[&insert])?,
                        _ => run(session, &["begin", &insert, "select 1", "commit"])?,
                    }
                }
                Ok(())
            })
        })
        .collect();
    progress(&next).await?;
    let old = servers.leader().await.context("nobody leads")?;
    fail_over(&mut servers, &old).await?;
    progress(&next).await?;
    stop.store(true, Ordering::Release);
    for writer in writers {
        joined(LONG, "a writer", writer).await??;
    }
    let found = ids(&servers).await?;
    let expected: Vec<i32> = (0..next.load(Ordering::Acquire)).collect();
    ensure!(found == expected, "{} rows of {}", found.len(), expected.len());
    Ok(())
}

async fn progress(next: &AtomicI32) -> Result<()> {
    let from = next.load(Ordering::Acquire);
    until("the writers to get on", LONG, async || {
        Ok((next.load(Ordering::Acquire) > from + 50).then_some(()))
    })
    .await
}

async fn ids(servers: &PatroniCluster) -> Result<Vec<i32>> {
    let leader = servers.wait_leader(SOON.max(Duration::from_secs(30))).await?;
    let server = servers.node(&leader)?.superuser_conninfo();
    let server = server.replace("dbname=postgres", "dbname=app");
    let rows = sql(&server, "SELECT id FROM t ORDER BY id").await?;
    rows.iter().map(|row| Ok(row[0].as_deref().context("a null")?.parse()?)).collect()
}

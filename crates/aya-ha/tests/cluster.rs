//! A cluster of two nodes that this daemon runs, with real servers.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use aya_testkit::{Extent, PatroniCluster, PatroniClusterBuilder, sql};

#[tokio::test(flavor = "multi_thread")]
async fn live_a_cluster_bootstraps_and_its_standby_confirms_commits() -> Result<()> {
    let cluster = synchronous().start().await?;
    let leader = cluster.leader().await.context("nobody leads")?;
    let answer = cluster.node(&leader)?.answer().await?;
    assert_eq!((answer.role.as_str(), answer.state.as_str()), ("primary", "running"));
    write(&cluster, &leader, 1).await
}

#[tokio::test(flavor = "multi_thread")]
async fn live_a_dead_server_is_replaced_and_comes_back_as_a_standby() -> Result<()> {
    let cluster = synchronous().start().await?;
    let old = cluster.leader().await.context("nobody leads")?;
    write(&cluster, &old, 1).await?;
    let died = Instant::now();
    cluster.node(&old)?.kill_postmaster()?;
    let new = cluster.wait_leader_other_than(&old, PATIENCE).await?;
    let took = died.elapsed();
    let logs = || cluster.nodes().iter().map(|node| node.log_tail()).collect::<String>();
    ensure!(took < Duration::from_secs(5), "another leads after {took:?}\n{}", logs());
    write(&cluster, &new, 2).await?;
    cluster.wait_streaming(1, PATIENCE).await?;
    let rows = rows(&cluster, &new).await?;
    ensure!(rows == "1,2", "{rows}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn live_a_dead_host_is_replaced_and_is_rewound_when_it_returns() -> Result<()> {
    let mut cluster = synchronous().start().await?;
    let old = cluster.leader().await.context("nobody leads")?;
    write(&cluster, &old, 1).await?;
    cluster.node_mut(&old)?.kill()?;
    let new = cluster.wait_leader_other_than(&old, PATIENCE).await?;
    write(&cluster, &new, 2).await?;
    cluster.node_mut(&old)?.start()?;
    cluster.wait_streaming(1, PATIENCE).await?;
    cluster.wait_synchronous(PATIENCE).await?;
    ensure!(rows(&cluster, &new).await? == "1,2");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn live_a_switchover_loses_nothing_and_can_be_taken_back() -> Result<()> {
    let cluster = synchronous().start().await?;
    let old = cluster.leader().await.context("nobody leads")?;
    write(&cluster, &old, 1).await?;
    let new = other(&old);
    let answer = cluster.switchover(new).await?;
    assert_eq!(answer.status, 200, "{answer:?}");
    write(&cluster, new, 2).await?;
    cluster.wait_synchronous(PATIENCE).await?;
    let answer = cluster.switchover(&old).await?;
    assert_eq!(answer.status, 200, "{answer:?}");
    write(&cluster, &old, 3).await?;
    ensure!(rows(&cluster, &old).await? == "1,2,3");
    Ok(())
}

/// The lease of the frozen leader ends, another leads, and the one that thaws must not serve any more.
#[tokio::test(flavor = "multi_thread")]
async fn live_a_leader_that_was_frozen_steps_down() -> Result<()> {
    let cluster = synchronous().start().await?;
    let old = cluster.leader().await.context("nobody leads")?;
    write(&cluster, &old, 1).await?;
    cluster.node(&old)?.freeze(Extent::WholeNode)?;
    let new = cluster.wait_leader_other_than(&old, PATIENCE).await?;
    write(&cluster, &new, 2).await?;
    cluster.node(&old)?.thaw();
    let deadline = Instant::now() + PATIENCE;
    while !cluster.node(&old)?.answer().await.is_ok_and(|answer| answer.role == "replica") {
        ensure!(Instant::now() < deadline, "{old} does not step down");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    cluster.wait_streaming(1, PATIENCE).await?;
    ensure!(rows(&cluster, &new).await? == "1,2");
    Ok(())
}

fn synchronous() -> PatroniClusterBuilder {
    let daemon = PathBuf::from(env!("CARGO_BIN_EXE_aya-ha"));
    PatroniCluster::builder().synchronous().daemon(daemon)
}

fn other(name: &str) -> &'static str {
    if name == "n1" { "n2" } else { "n1" }
}

async fn write(cluster: &PatroniCluster, node: &str, row: u32) -> Result<()> {
    let superuser = cluster.node(node)?.superuser_conninfo();
    let deadline = Instant::now() + PATIENCE;
    sql_until(&superuser, "create table if not exists t (i int)", deadline).await?;
    sql(&superuser, &format!("insert into t values ({row})")).await.map(|_| ())
}

/// A server that is promoted takes writes a moment after its node leads.
async fn sql_until(conninfo: &str, statement: &str, deadline: Instant) -> Result<()> {
    loop {
        match sql(conninfo, statement).await {
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            Ok(_) => return Ok(()),
        }
    }
}

async fn rows(cluster: &PatroniCluster, node: &str) -> Result<String> {
    let superuser = cluster.node(node)?.superuser_conninfo();
    let rows = sql(&superuser, "select string_agg(i::text, ',' order by i) from t").await?;
    Ok(rows.into_iter().flatten().next().flatten().unwrap_or_default())
}

const PATIENCE: Duration = Duration::from_secs(30);

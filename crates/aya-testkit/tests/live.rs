//! The kit against real servers.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use aya_testkit::{Extent, Pair, PatroniCluster, Postgres, sql, until};

const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn live_a_standalone_server_serves_dies_and_comes_back() -> Result<()> {
    let begun = Instant::now();
    let mut server = Postgres::builder().setting("work_mem", "5MB").start().await?;
    report("standalone", begun);
    let rows = sql(&server.conninfo(), "SELECT current_user, current_setting('work_mem')").await?;
    assert_eq!(rows, [["app", "5MB"].map(|text| Some(text.to_owned()))]);
    server.kill()?;
    assert!(sql(&server.conninfo(), "SELECT 1").await.is_err());
    server.start().await?;
    sql(&server.conninfo(), "SELECT 1").await?;
    server.stop().await?;
    assert!(sql(&server.conninfo(), "SELECT 1").await.is_err());
    Ok(())
}

#[tokio::test]
async fn live_a_wrong_password_is_refused() -> Result<()> {
    let server = Postgres::builder().start().await?;
    let wrong = server.conninfo().replace("password='app'", "password='nope'");
    let error = sql(&wrong, "SELECT 1").await.expect_err("a wrong password must not do");
    assert!(format!("{error:#}").contains("password authentication failed"), "{error:#}");
    Ok(())
}

#[tokio::test]
async fn live_a_standby_follows_and_is_promoted() -> Result<()> {
    let begun = Instant::now();
    let pair = Pair::start(Postgres::builder()).await?;
    report("pair", begun);
    sql(&pair.primary.conninfo(), "CREATE TABLE t AS SELECT 7 AS n").await?;
    let arrived = until("the row to arrive", LIMIT, async || {
        Ok(sql(&pair.standby.conninfo(), "SELECT n FROM t").await.ok())
    });
    assert_eq!(arrived.await?, [[Some("7".to_owned())]]);
    assert!(sql(&pair.standby.conninfo(), "INSERT INTO t VALUES (8)").await.is_err());
    pair.promote().await?;
    sql(&pair.standby.conninfo(), "INSERT INTO t VALUES (8)").await?;
    Ok(())
}

#[tokio::test]
async fn live_a_frozen_server_is_silent_until_thawed() -> Result<()> {
    let server = Postgres::builder().start().await?;
    server.freeze()?;
    let conninfo = server.conninfo();
    let mut pending = tokio::spawn(async move { sql(&conninfo, "SELECT 1").await });
    assert!(tokio::time::timeout(Duration::from_secs(1), &mut pending).await.is_err());
    server.thaw();
    assert_eq!(pending.await??.len(), 1);
    Ok(())
}

#[tokio::test]
async fn live_a_cluster_fails_over_and_takes_the_dead_node_back() -> Result<()> {
    let begun = Instant::now();
    let mut cluster = PatroniCluster::builder().synchronous().start().await?;
    report("cluster", begun);
    let old = cluster.leader().await.context("nobody leads")?;
    let account = cluster.account().clone();
    let old_client = account.conninfo(cluster.node(&old)?.client_address());
    sql(&old_client, "CREATE TABLE t AS SELECT 7 AS n").await?;

    let killed = Instant::now();
    cluster.node_mut(&old)?.kill()?;
    assert!(cluster.node(&old)?.processes(Extent::WholeNode).ids().is_empty());
    assert!(sql(&old_client, "SELECT 1").await.is_err());
    let new = cluster.wait_leader_other_than(&old, LIMIT).await?;
    report("failover", killed);
    let new_client = account.conninfo(cluster.node(&new)?.client_address());
    assert_eq!(sql(&new_client, "SELECT n FROM t").await?, [[Some("7".to_owned())]]);

    let revived = Instant::now();
    cluster.node_mut(&old)?.start()?;
    cluster.wait_streaming(1, LIMIT).await?;
    assert_eq!(cluster.wait_synchronous(LIMIT).await?, old);
    report("rejoin", revived);

    let asked = Instant::now();
    cluster.switchover(&old).await?;
    assert_eq!(cluster.wait_leader(LIMIT).await?, old);
    report("switchover", asked);
    Ok(())
}

#[tokio::test]
async fn live_three_etcd_members_with_passwords_survive_the_loss_of_one() -> Result<()> {
    let begun = Instant::now();
    let builder = PatroniCluster::builder().etcd_members(3).etcd_credentials("patroni", "s3cret");
    let mut cluster = builder.start().await?;
    report("cluster with three etcd members", begun);
    let leader = cluster.etcd().leader().await?;
    cluster.etcd_mut().member_mut(leader)?.kill()?;
    let key = format!("/service/{}/leader", cluster.scope());
    let value = until("etcd to answer again", LIMIT, async || {
        Ok(cluster.etcdctl(&["get", "--print-value-only", &key]).await.ok())
    });
    assert!(!value.await?.trim().is_empty());
    cluster.etcd_mut().member_mut(leader)?.start().await?;
    Ok(())
}

#[tokio::test]
async fn live_an_isolated_leader_loses_the_lead_and_clients_still_reach_it() -> Result<()> {
    let cluster = PatroniCluster::builder().start().await?;
    let old = cluster.leader().await.context("nobody leads")?;
    cluster.node(&old)?.isolate();
    let new = cluster.wait_leader_other_than(&old, LIMIT).await?;
    let client = cluster.account().conninfo(cluster.node(&old)?.client_address());
    let rows = until("the old leader to be read-only", LIMIT, async || {
        let rows = sql(&client, "SELECT pg_is_in_recovery()").await;
        Ok(rows.ok().filter(|rows| rows == &[[Some("t".to_owned())]]))
    });
    rows.await?;
    cluster.node(&old)?.heal();
    cluster.wait_streaming(1, LIMIT).await?;
    assert_eq!(cluster.leader().await, Some(new));
    Ok(())
}

#[expect(clippy::print_stderr, reason = "start times are worth seeing beside the result")]
fn report(what: &str, begun: Instant) {
    eprintln!("{what}: {:.2} s", begun.elapsed().as_secs_f64());
}

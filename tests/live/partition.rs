//! Leaders that are neither dead nor alive: frozen, or cut off from everybody but their clients.

use anyhow::{Context, Result};

use aya_db::Cluster;
use aya_testkit::{Extent, Node, PatroniCluster};

use crate::failover::{everything, leader_change, started};
use crate::support::{LONG, connect, node};
use crate::writers::Writers;

#[tokio::test]
async fn live_a_frozen_leader_that_wakes_up_later_gets_no_more_writes() -> Result<()> {
    through(|leader| leader.freeze(Extent::WholeNode), Node::thaw).await
}

#[tokio::test]
async fn live_an_isolated_leader_that_clients_still_reach_gets_no_more_writes() -> Result<()> {
    through(
        |leader| {
            leader.isolate();
            Ok(())
        },
        Node::heal,
    )
    .await
}

/// Writers go through the fault of a leader and its end without losing or doubling a row.
async fn through(
    fault: impl FnOnce(&Node) -> Result<()>,
    repair: impl FnOnce(&Node),
) -> Result<()> {
    let servers = started(PatroniCluster::builder().synchronous()).await?;
    let conninfo = format!("{} target_session_attrs=read-write", everything(&servers));
    let cluster = connect(&conninfo).await?;
    let mut events = cluster.events();
    let old = servers.leader().await.context("nobody leads")?;
    let writers = Writers::start(&cluster).await?;

    fault(servers.node(&old)?)?;
    let new = servers.wait_leader_other_than(&old, LONG).await?;
    let change = leader_change(&mut events).await.with_context(|| cluster.explain())?;
    assert_eq!(change.new, node(servers.node(&new)?.client_address()));
    writers.progress().await?;

    repair(servers.node(&old)?);
    servers.wait_streaming(1, LONG).await?;
    writers.progress().await?;
    leads(&cluster, &servers, &new)?;
    let leader = servers.node(&new)?.superuser_conninfo();
    writers.settle(&leader.replace("dbname=postgres", "dbname=app")).await?;
    Ok(())
}

fn leads(cluster: &Cluster, servers: &PatroniCluster, name: &str) -> Result<()> {
    let expected = node(servers.node(name)?.client_address());
    let snapshot = cluster.snapshot();
    assert_eq!(snapshot.leadership.confirmed(), Some(&expected), "{}", cluster.explain());
    Ok(())
}

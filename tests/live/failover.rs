//! A real cluster: Patroni, etcd, synchronous replication, and the death of its leader.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};

use aya_db::{
    CallOptions, Cluster, ClusterEvent, Events, Intent, Leadership, Listener, Signal, Timeline,
};
use aya_testkit::{PatroniCluster, PatroniClusterBuilder, sql, until};

use crate::support::{LONG, SOON, connect, event, hosts, node, within};
use crate::writers::Writers;

/// Starts a cluster and waits until the standby knows the account and its database as well.
pub(crate) async fn started(builder: PatroniClusterBuilder) -> Result<PatroniCluster> {
    let servers = builder.start().await?;
    for node in servers.nodes() {
        let conninfo = servers.account().conninfo(node.client_address());
        until("the database to be replicated", SOON, async || {
            Ok(sql(&conninfo, "SELECT 1").await.ok())
        })
        .await?;
    }
    Ok(servers)
}

/// A string that names everything a cluster has.
pub(crate) fn everything(cluster: &PatroniCluster) -> String {
    format!("{} {} {}", hosts(&cluster.client_addresses()), etcd(cluster), patroni(cluster))
}

/// Patroni's keys as a source.
pub(crate) fn etcd(cluster: &PatroniCluster) -> String {
    let endpoints = urls(&cluster.etcd_endpoints());
    format!("cluster_scope={} etcd_endpoints={endpoints}", cluster.scope())
}

/// Patroni's REST interface as a source.
pub(crate) fn patroni(cluster: &PatroniCluster) -> String {
    format!("patroni_endpoints={}", urls(&cluster.patroni_endpoints()))
}

fn urls(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(|it| format!("http://{it}")).collect::<Vec<_>>().join(",")
}

/// The cluster, the handle, and what watches them through the whole sequence.
struct Scene {
    servers: PatroniCluster,
    cluster: Cluster,
    events: Events,
    listener: Listener,
}

#[tokio::test]
async fn live_writers_go_through_a_crash_and_a_switchover_without_loss() -> Result<()> {
    let servers = started(PatroniCluster::builder().synchronous()).await?;
    let conninfo = format!("{} target_session_attrs=read-write", everything(&servers));
    let cluster = connect(&conninfo).await?;
    let events = cluster.events();
    let listener = cluster.listen(&["news"]).await?;
    let mut scene = Scene { servers, cluster, events, listener };
    let first = scene.servers.leader().await.context("nobody leads")?;
    let writers = Writers::start(&scene.cluster).await?;

    let second = crash(&mut scene, &first).await?;
    writers.progress().await?;
    no_connection_is_left(&scene, &first).await?;
    the_gap_is_told(&mut scene).await?;
    the_dead_node_serves_reads_again(&mut scene, &first).await?;
    writers.progress().await?;

    switchover(&mut scene, &second, &first).await?;
    writers.progress().await?;

    let leader = scene.servers.node(&first)?.superuser_conninfo();
    let settled = writers.settle(&leader.replace("dbname=postgres", "dbname=app")).await?;
    report(settled);
    Ok(())
}

/// Kills the leader while a transaction is open on it; returns the name of its successor.
async fn crash(scene: &mut Scene, old: &str) -> Result<String> {
    let old_node = node(scene.servers.node(old)?.client_address());
    let before = timeline(&scene.cluster).context("the leader has no timeline")?;
    let open = scene.cluster.begin().await?;
    open.execute("insert into written values (-1, -1)", &[]).await?;
    assert_eq!(open.node(), old_node);

    scene.servers.node_mut(old)?.kill()?;
    let goes_on = open.execute("insert into written values (-1, -2)", &[]);
    within(LONG, "a statement of a transaction that lost its server", goes_on).await??;
    let new = scene.servers.wait_leader_other_than(old, LONG).await?;
    let new_node = node(scene.servers.node(&new)?.client_address());
    assert_eq!(open.node(), new_node);
    open.rollback().await?;

    let changed = leader_change(&mut scene.events).await?;
    assert_eq!((changed.old, changed.new), (Some(old_node), new_node));
    assert!(changed.timeline > Some(before), "{:?} after {before}", changed.timeline);
    assert!(changed.duration > Duration::from_secs(1), "nobody led for {:?}", changed.duration);
    Ok(new)
}

async fn no_connection_is_left(scene: &Scene, old: &str) -> Result<()> {
    let old = node(scene.servers.node(old)?.client_address());
    until("the pool of the old leader to be empty", SOON, async || {
        let status = scene.cluster.pool_status();
        Ok(status.iter().all(|it| it.node != old || it.size == 0).then_some(()))
    })
    .await
}

/// The listener has told of the gap, and hears again.
async fn the_gap_is_told(scene: &mut Scene) -> Result<()> {
    let gap = within(SOON, "the gap", scene.listener.recv()).await??;
    assert!(matches!(gap, Signal::Gap), "{gap:?}");
    scene.cluster.query("select pg_notify('news', 'after')", &[]).await?;
    let heard = within(SOON, "the notification", scene.listener.recv()).await??;
    let Signal::Notification(heard) = heard else { anyhow::bail!("{heard:?}") };
    assert_eq!(heard.payload(), "after");
    Ok(())
}

async fn the_dead_node_serves_reads_again(scene: &mut Scene, name: &str) -> Result<()> {
    scene.servers.node_mut(name)?.start()?;
    scene.servers.wait_streaming(1, LONG).await?;
    scene.servers.wait_synchronous(LONG).await?;
    let standby = scene.servers.node(name)?.direct_address().ip().to_string();
    let reader = scene.cluster.with(CallOptions::new().intent(Intent::Standby));
    let sql = "select host(inet_server_addr()), pg_is_in_recovery()";
    let row = within(LONG, "a read", reader.query_one(sql, &[])).await??;
    let (address, in_recovery): (String, bool) = (row.get(0), row.get(1));
    assert_eq!((address, in_recovery), (standby, true));
    Ok(())
}

async fn switchover(scene: &mut Scene, old: &str, new: &str) -> Result<()> {
    scene.servers.switchover(new).await?;
    let changed = leader_change(&mut scene.events).await?;
    let client = |name: &str| Ok::<_, anyhow::Error>(scene.servers.node(name)?.client_address());
    assert_eq!((changed.old, changed.new), (Some(node(client(old)?)), node(client(new)?)));
    let now = within(LONG, "a call", scene.cluster.query_one("select 1", &[])).await?;
    now.context("a call after the switchover")?;
    Ok(())
}

/// The fields of a change of leader.
pub(crate) struct Change {
    pub(crate) old: Option<aya_db::NodeId>,
    pub(crate) new: aya_db::NodeId,
    pub(crate) timeline: Option<Timeline>,
    pub(crate) duration: Duration,
}

/// Waits for a new leader.
pub(crate) async fn leader_change(events: &mut Events) -> Result<Change> {
    event(events, LONG, "the new leader", |event| match event {
        ClusterEvent::LeaderChanged { old, new, timeline, duration } if old.is_some() => {
            Some(Change {
                old: old.clone(),
                new: new.clone(),
                timeline: *timeline,
                duration: *duration,
            })
        }
        _ => None,
    })
    .await
}

fn timeline(cluster: &Cluster) -> Option<Timeline> {
    match &cluster.snapshot().leadership {
        Leadership::Confirmed { timeline, .. } => *timeline,
        _ => None,
    }
}

#[expect(clippy::print_stderr, reason = "the length of the gap is worth seeing beside the result")]
fn report((unknown, longest): (usize, Duration)) {
    eprintln!("outcomes unknown: {unknown}, longest call: {:.2} s", longest.as_secs_f64());
}

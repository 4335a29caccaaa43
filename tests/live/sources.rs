//! What the sources are good for, and that none of them is needed for long.

use anyhow::{Context, Result};

use aya_db::{Cluster, ClusterEvent, Events, Source};
use aya_testkit::{
    EtcdCluster, EtcdCredentials, PatroniCluster, Postgres, Script, ScriptedServer, until,
};

use crate::failover::{etcd, everything, leader_change, patroni, started};
use crate::support::{LONG, SOON, connect, error_of, event, hosts_named, node, within};

#[tokio::test]
async fn live_each_source_alone_finds_the_leader_and_none_is_needed_to_follow() -> Result<()> {
    let servers = started(PatroniCluster::builder()).await?;
    let old = servers.leader().await.context("nobody leads")?;
    let new = other(&servers, &old)?;
    let nowhere = hosts_named(&["does-not-exist.invalid".to_owned()], &["5432".to_owned()]);
    let wanted = "target_session_attrs=read-write";
    // The hosts of these two lead nowhere: what they know of servers, their source told them.
    let by_etcd = connect(&format!("{nowhere} {wanted} {}", etcd(&servers))).await?;
    let by_rest = connect(&format!("{nowhere} {wanted} {}", patroni(&servers))).await?;
    let by_all = connect(&format!("{} {wanted}", everything(&servers))).await?;
    for cluster in [&by_etcd, &by_rest, &by_all] {
        led_by(cluster, &servers, &old).await?;
    }

    // With their sources, all of them follow a switchover.
    let mut watches = [by_etcd.events(), by_rest.events(), by_all.events()];
    servers.switchover(&new).await?;
    servers.wait_leader_other_than(&old, LONG).await?;
    for (events, cluster) in watches.iter_mut().zip([&by_etcd, &by_rest, &by_all]) {
        let change = leader_change(events).await?;
        assert_eq!(change.new, node(servers.node(&new)?.client_address()));
        led_by(cluster, &servers, &new).await?;
    }
    by_etcd.close();
    by_rest.close();

    without_sources(&servers, &by_all, &mut watches[2], &new, &old).await
}

/// Both sources are lost after the picture was drawn; Patroni itself still reaches etcd.
async fn without_sources(
    servers: &PatroniCluster,
    cluster: &Cluster,
    events: &mut Events,
    old: &str,
    new: &str,
) -> Result<()> {
    servers.wait_streaming(1, LONG).await?;
    for member in servers.etcd().members() {
        member.proxy().cut();
    }
    // One source is cut off and says so, the other falls silent.
    for node in servers.nodes() {
        node.rest_clients().black_hole();
    }
    let (first, second) = (lost(events).await?, lost(events).await?);
    assert_ne!(first, second, "each source is told lost once");
    let explained = cluster.explain();
    for words in ["etcd: lost", "patroni: lost"] {
        assert!(explained.contains(words), "{words:?} is not in {explained}");
    }
    led_by(cluster, servers, old).await?;
    servers.switchover(new).await?;
    servers.wait_leader_other_than(old, LONG).await?;
    led_by(cluster, servers, new).await?;

    for member in servers.etcd().members() {
        member.proxy().heal();
    }
    for node in servers.nodes() {
        node.heal();
    }
    for _ in 0..2 {
        event(events, SOON * 2, "the return of a source", |event| {
            matches!(event, ClusterEvent::SourceRecovered { .. }).then_some(())
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn live_etcd_goes_on_telling_when_one_of_its_members_dies_or_falls_silent() -> Result<()> {
    let builder = PatroniCluster::builder().etcd_members(3).etcd_credentials("patroni", "s3cret");
    let mut servers = started(builder).await?;
    let nowhere = hosts_named(&["does-not-exist.invalid".to_owned()], &["5432".to_owned()]);
    let login = "etcd_user=patroni etcd_password=s3cret target_session_attrs=read-write";
    let cluster = connect(&format!("{nowhere} {login} {}", etcd(&servers))).await?;
    let mut events = cluster.events();
    let mut old = servers.leader().await.context("nobody leads")?;
    for fault in ["dead", "silent", "healed"] {
        let member = servers.etcd().leader().await?;
        match fault {
            "dead" => servers.etcd_mut().member_mut(member)?.kill()?,
            "silent" => servers.etcd().members()[member].proxy().black_hole(),
            _ => servers.etcd().members().iter().for_each(|member| member.proxy().heal()),
        }
        let new = other(&servers, &old)?;
        switched(&servers, &new).await.context(fault)?;
        // Patroni may demote the old leader first, and promote it again, for want of an answer.
        let led = node(servers.node(&new)?.client_address());
        while leader_change(&mut events).await.context(fault)?.new != led {}
        led_by(&cluster, &servers, &new).await.context(fault)?;
        if fault == "dead" {
            servers.etcd_mut().member_mut(member)?.start().await?;
        }
        old = new;
    }
    Ok(())
}

/// Asks for a switchover until Patroni agrees: it refuses one while a standby is not ready.
async fn switched(servers: &PatroniCluster, to: &str) -> Result<()> {
    servers.wait_streaming(1, LONG).await?;
    let leads = async || servers.leader().await.as_deref() == Some(to);
    until("the switchover", LONG, async || {
        Ok((leads().await || servers.switchover(to).await.is_ok()).then_some(()))
    })
    .await?;
    until("the new leader", LONG, async || Ok(leads().await.then_some(()))).await
}

#[tokio::test]
async fn live_a_source_that_cannot_help_says_why_and_stops_nobody() -> Result<()> {
    let server = Postgres::builder().start().await?;
    let etcd = EtcdCluster::start(1, None).await?;
    let endpoint = format!("http://{}", etcd.client_addresses()[0]);
    let locked = EtcdCredentials { user: "root".to_owned(), password: "right".to_owned() };
    let guarded = EtcdCluster::start(1, Some(locked)).await?;
    let guarded_at = format!("http://{}", guarded.client_addresses()[0]);
    let website = ScriptedServer::start(Script::Http).await?;
    let website_at = format!("http://{}", website.address());

    let missing = format!("cluster_scope=missing etcd_endpoints={endpoint}");
    says(&server, &missing, &["no keys under /service/", "missing"]).await?;
    etcd.etcdctl(&["put", "/service/shop/leader", "n1"]).await?;
    etcd.etcdctl(&["put", "/service/bank/leader", "n1"]).await?;
    says(&server, &missing, &["no such scope: missing", "bank, shop"]).await?;
    let refused = format!(
        "cluster_scope=shop etcd_endpoints={guarded_at} etcd_user=root etcd_password=Sup3rGeheim"
    );
    says(&server, &refused, &["etcd: lost", "password"]).await?;
    let html = format!("patroni_endpoints={website_at}");
    says(&server, &html, &["patroni: lost", "400"]).await?;
    Ok(())
}

#[tokio::test]
async fn live_a_wrong_scope_is_in_the_error_when_nobody_can_be_reached() -> Result<()> {
    let etcd = EtcdCluster::start(1, None).await?;
    etcd.etcdctl(&["put", "/service/shop/leader", "n1"]).await?;
    let nowhere = hosts_named(&["does-not-exist.invalid".to_owned()], &["5432".to_owned()]);
    let conninfo = format!(
        "{nowhere} target_session_attrs=read-write failover_timeout=2s cluster_scope=missing \
         etcd_endpoints=http://{}",
        etcd.client_addresses()[0]
    );
    let connected = within(SOON, "failing to connect", Cluster::connect(&conninfo)).await?;
    let text = error_of("connecting to nobody", connected)?.to_string();
    for words in ["no such scope: missing", "shop"] {
        assert!(text.contains(words), "{words:?} is not in {text}");
    }
    Ok(())
}

/// Connects by the server's own address beside a source that is of no use.
async fn says(server: &Postgres, source: &str, words: &[&str]) -> Result<()> {
    let cluster = connect(&format!("{} {source}", server.conninfo())).await?;
    within(SOON, "a statement", cluster.query("select 1", &[])).await??;
    let told = until("the source to be told useless", SOON, async || {
        let explained = cluster.explain();
        Ok(words.iter().all(|word| explained.contains(word)).then_some(()))
    });
    told.await.with_context(|| format!("{words:?} in {}", cluster.explain()))?;
    assert!(!cluster.explain().contains("Sup3rGeheim"), "{}", cluster.explain());
    Ok(())
}

/// The next source that is lost.
async fn lost(events: &mut Events) -> Result<Source> {
    event(events, LONG, "the loss of a source", |event| match event {
        ClusterEvent::SourceLost { source, .. } => Some(*source),
        _ => None,
    })
    .await
}

/// Waits until calls reach this node.
async fn led_by(cluster: &Cluster, servers: &PatroniCluster, name: &str) -> Result<()> {
    let expected = servers.node(name)?.direct_address().ip().to_string();
    let sql = "select host(inet_server_addr()) from (select pg_is_in_recovery() as it) as r \
        where not it";
    until(&format!("calls to reach {name}"), LONG, async || {
        let row = within(LONG, "a call", cluster.query_opt(sql, &[])).await??;
        let address: Option<String> = row.map(|row| row.get(0));
        Ok((address.as_deref() == Some(&*expected)).then_some(()))
    })
    .await
    .with_context(|| cluster.explain())
}

fn other(servers: &PatroniCluster, name: &str) -> Result<String> {
    let other = servers.nodes().iter().find(|node| node.name() != name);
    Ok(other.context("there is no other node")?.name().to_owned())
}

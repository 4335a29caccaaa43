//! Failover without etcd and without Patroni: the servers themselves tell who leads.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};

use aya_db::{CallOptions, Cluster, ClusterEvent, Fallback, Intent};
use aya_testkit::{Pair, Postgres, SystemIdentifier, until};

use crate::support::{
    Lock, SOON, blocked, connect, direct, event, hosts, joined, node, number, number_from, within,
};

/// A handle to both servers that asks them often.
async fn pair(parameters: &str) -> Result<(Pair, Cluster)> {
    let pair = Pair::start(Postgres::builder()).await?;
    let addresses = [pair.primary.client_address(), pair.standby.client_address()];
    let conninfo = format!(
        "{} target_session_attrs=read-write probe_interval=200 {parameters}",
        hosts(&addresses)
    );
    let cluster = connect(&conninfo).await?;
    cluster.batch("create table t (n int)").await?;
    let arrived = direct(&pair.standby);
    until("the table to be replicated", SOON, async || {
        Ok(number_from(&arrived, "select count(*) from t").await.ok())
    })
    .await?;
    Ok((pair, cluster))
}

#[tokio::test]
async fn live_a_promotion_is_followed_and_the_old_primary_gets_no_more_writes() -> Result<()> {
    let (pair, cluster) = pair("").await?;
    let (old, new) = (pair.primary.client_address(), pair.standby.client_address());
    let mut events = cluster.events();
    // The old primary lives on, as after a failover that nobody fenced.
    pair.promote().await?;
    leader_is(&mut events, old, new).await?;
    let refused = event(&mut events, SOON, "the refusal of the old primary", |event| match event {
        ClusterEvent::PrimaryRefused { node: refused, reason } => {
            (*refused == node(old)).then(|| reason.to_string())
        }
        _ => None,
    });
    assert!(refused.await?.contains("timeline 1"), "the reason names the timeline");

    for n in 0..20 {
        cluster.execute("insert into t values ($1)", &[&n]).await?;
    }
    assert_eq!(number(&pair.standby, "select count(*) from t").await?, 20);
    assert_eq!(number(&pair.primary, "select count(*) from t").await?, 0);
    let left = cluster.pool_status().into_iter().find(|status| status.node == node(old));
    assert!(left.is_none_or(|status| status.size == 0), "connections to the old primary are kept");
    assert!(cluster.explain().contains("refused"), "{}", cluster.explain());
    Ok(())
}

#[tokio::test]
async fn live_a_call_that_waits_goes_on_at_the_promoted_server() -> Result<()> {
    let (mut pair, cluster) = pair("").await?;
    let (old, new) = (pair.primary.client_address(), pair.standby.client_address());
    let mut events = cluster.events();
    pair.primary.kill()?;
    let waiting = tokio::spawn({
        let cluster = cluster.clone();
        async move { cluster.execute("insert into t values (1)", &[]).await }
    });
    event(&mut events, SOON, "the loss", |event| {
        matches!(event, ClusterEvent::LeaderLost { .. }).then_some(())
    })
    .await?;
    pair.promote().await?;
    assert_eq!(joined(SOON, "the insert", waiting).await??, 1);
    leader_is(&mut events, old, new).await?;

    // The old primary comes back as if nothing had happened, on the timeline that has ended.
    pair.primary.start().await?;
    let refused = event(&mut events, SOON, "the refusal of the old primary", |event| {
        matches!(event, ClusterEvent::PrimaryRefused { node: it, .. } if *it == node(old))
            .then_some(())
    });
    refused.await?;
    within(SOON, "an insert", cluster.execute("insert into t values (2)", &[])).await??;
    assert_eq!(number(&pair.standby, "select sum(n) from t").await?, 3);
    assert_eq!(number(&pair.primary, "select count(*) from t").await?, 0);
    Ok(())
}

#[tokio::test]
async fn live_a_session_from_before_the_promotion_writes_with_as_much_care_as_any() -> Result<()> {
    let (pair, cluster) = pair("pool_max_size=1 commit_resolution=lsn").await?;
    let (old, new) = (pair.primary.client_address(), pair.standby.client_address());
    let reader = cluster.read().fallback(Fallback::Refuse);
    let session = "select pg_backend_pid()";
    let before: i32 = until("the standby to get a read", SOON, async || {
        Ok(reader.query_one(session, &[]).await.ok().map(|row| row.get(0)))
    })
    .await?;
    let mut events = cluster.events();
    pair.promote().await?;
    leader_is(&mut events, old, new).await?;
    assert_eq!(cluster.query_one(session, &[]).await?.get::<_, i32>(0), before);

    // Lost before COMMIT was sent, which only one that stands in a transaction can tell.
    let insert = "insert into t values (1)";
    cluster.execute(insert, &[]).await?;
    let lock = Lock::table(&pair.standby, "t").await?;
    let waiting = tokio::spawn({
        let cluster = cluster.clone();
        async move { cluster.execute(insert, &[]).await }
    });
    blocked(&pair.standby, insert).await?;
    pair.standby.proxy().drop_connections();
    lock.release(&pair.standby).await?;
    assert_eq!(joined(SOON, "the insert", waiting).await??, 1);
    assert_eq!(number(&pair.standby, "select count(*) from t").await?, 2);
    Ok(())
}

#[tokio::test]
async fn live_a_standby_that_lags_gets_no_reads_until_it_has_caught_up() -> Result<()> {
    let (pair, cluster) = pair("max_lag_bytes=1MB").await?;
    let reader = cluster.with(CallOptions::new().intent(Intent::PreferStandby));
    let on_standby = async || -> Result<bool> {
        let read = reader.query_one("select pg_is_in_recovery()", &[]);
        Ok(within(SOON, "a read", read).await??.get(0))
    };
    until("the standby to get the reads", SOON, async || Ok(on_standby().await?.then_some(())))
        .await
        .with_context(|| cluster.explain())?;
    pair.standby.sql("SELECT pg_wal_replay_pause()").await?;
    cluster.execute("insert into t select generate_series(1, 100000)", &[]).await?;
    until(
        "the reads to leave the standby",
        SOON,
        async || Ok((!on_standby().await?).then_some(())),
    )
    .await
    .with_context(|| cluster.explain())?;
    pair.standby.sql("SELECT pg_wal_replay_resume()").await?;
    until("the reads to come back", SOON, async || Ok(on_standby().await?.then_some(())))
        .await
        .with_context(|| cluster.explain())?;
    Ok(())
}

#[tokio::test]
async fn live_a_primary_of_another_cluster_is_refused() -> Result<()> {
    let ours = Postgres::builder().start().await?;
    let theirs = Postgres::builder().system_identifier(SystemIdentifier::Own).start().await?;
    let addresses = [ours.client_address(), theirs.client_address()];
    let wanted = "target_session_attrs=read-write probe_interval=200";
    // Whichever answers first is the cluster, and stays it.
    let cluster = connect(&format!("{} {wanted}", hosts(&addresses))).await?;
    cluster.batch("create table t (n int)").await?;
    let told = until("the other primary to be refused", SOON, async || {
        Ok(cluster.explain().contains("of another database cluster").then_some(()))
    });
    told.await.with_context(|| cluster.explain())?;
    for n in 0..20 {
        cluster.execute("insert into t values ($1)", &[&n]).await?;
    }
    let mut counts = Vec::new();
    for server in [&ours, &theirs] {
        counts.push(number(server, "select count(*) from pg_class where relname = 't'").await?);
    }
    counts.sort_unstable();
    assert_eq!(counts, [0, 1], "both clusters were written to");
    Ok(())
}

/// Waits for the change of the leader, on the second timeline.
async fn leader_is(events: &mut aya_db::Events, old: SocketAddr, new: SocketAddr) -> Result<()> {
    let changed = event(events, SOON, "the new leader", |event| match event {
        ClusterEvent::LeaderChanged { old: was, new: now, timeline, duration } => {
            Some((was.clone(), now.clone(), timeline.map(|it| it.0), *duration))
        }
        _ => None,
    });
    let (was, now, timeline, duration) = changed.await?;
    assert_eq!((was, now, timeline), (Some(node(old)), node(new), Some(2)));
    assert!(duration < Duration::from_secs(10), "nobody led for {duration:?}");
    Ok(())
}

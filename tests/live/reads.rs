//! Reads that go to standbys: by policy, by hint, by their text; after a token, and of limited age.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use aya_db::{CallOptions, CausalToken, Cluster, FailureKind, Fallback, Fate, StandbyPolicy, View};
use aya_db_core::route::known_functions;
use aya_testkit::{Pair, PatroniCluster, Postgres, until};

use crate::failover::{everything, started};
use crate::support::{
    LONG, SOON, connect, direct, error_of, hosts, joined, node, number_from, within,
};

/// A primary with its standby, a handle to both that asks them often, and a table `t` on both.
async fn pair(parameters: &str) -> Result<(Pair, Cluster)> {
    let pair = Pair::start(Postgres::builder()).await?;
    let addresses = [pair.primary.client_address(), pair.standby.client_address()];
    let cluster =
        connect(&format!("{} probe_interval=100 {parameters}", hosts(&addresses))).await?;
    prepare(&cluster, &[&pair.standby]).await?;
    Ok((pair, cluster))
}

/// The same with a second standby.
async fn trio(parameters: &str) -> Result<(Pair, Postgres, Cluster)> {
    let pair = Pair::start(Postgres::builder()).await?;
    let mut second = pair.primary.standby("second").await?;
    second.start().await?;
    let servers = [&pair.primary, &pair.standby, &second];
    let addresses = servers.map(Postgres::client_address);
    let cluster =
        connect(&format!("{} probe_interval=100 {parameters}", hosts(&addresses))).await?;
    prepare(&cluster, &[&pair.standby, &second]).await?;
    Ok((pair, second, cluster))
}

/// Makes the table, waits until it has arrived, and until every standby gets reads.
async fn prepare(cluster: &Cluster, standbys: &[&Postgres]) -> Result<()> {
    cluster.batch("create table t (n int); create view v as select pg_is_in_recovery() r").await?;
    for standby in standbys {
        let arrived = direct(standby);
        until("the table to be replicated", SOON, async || {
            Ok(number_from(&arrived, "select count(*) from v").await.ok())
        })
        .await?;
    }
    until("every standby to get reads", SOON, async || {
        let plan = cluster.read().explain();
        let served = standbys.iter().filter(|it| plan.contains(&reason(it, "a standby within")));
        Ok((served.count() == standbys.len()).then_some(()))
    })
    .await
    .with_context(|| cluster.read().explain())
}

fn reason(server: &Postgres, text: &str) -> String {
    format!("{}: {text}", node(server.client_address()))
}

/// Whether the read ran on a standby.
async fn on_standby(view: &View<'_>) -> Result<bool> {
    let read = view.query_one("select pg_is_in_recovery()", &[]);
    Ok(within(SOON, "a read", read).await??.get(0))
}

async fn count(view: &View<'_>) -> Result<i64> {
    let read = view.query_one("select count(*) from t", &[]);
    Ok(within(SOON, "a read", read).await??.get(0))
}

/// Where the next read of the view goes, by the port of the server.
async fn served_by(view: &View<'_>) -> Result<String> {
    let sql = "select host(inet_server_addr()) || ':' || inet_server_port()";
    Ok(within(SOON, "a read", view.query_one(sql, &[])).await??.get(0))
}

fn address(server: &Postgres) -> String {
    server.direct_address().to_string()
}

#[tokio::test]
async fn live_a_read_after_a_token_sees_every_write_before_it() -> Result<()> {
    let (_pair, cluster) = pair("").await?;
    let mut by_standby = 0;
    for written in 1..=200_i64 {
        cluster.execute("insert into t values (1)", &[]).await?;
        let text = cluster.causal_token().await?.to_string();
        let token: CausalToken = text.parse()?;
        let read = cluster.read().after(&token);
        let row = read.query_one("select count(*), pg_is_in_recovery() from t", &[]);
        let row = within(SOON, "a read", row).await??;
        assert_eq!(row.get::<_, i64>(0), written);
        by_standby += i32::from(row.get::<_, bool>(1));
    }
    assert!(by_standby > 100, "only {by_standby} of 200 reads went to the standby");
    Ok(())
}

#[tokio::test]
async fn live_a_token_at_the_start_of_a_segment_is_reached() -> Result<()> {
    let (pair, cluster) = pair("read_fallback=refuse causal_wait=10s").await?;
    for _ in 0..5 {
        cluster.execute("insert into t values (1)", &[]).await?;
        pair.primary.sql("SELECT pg_switch_wal()").await?;
        let token = cluster.causal_token().await?;
        assert!(on_standby(&cluster.read().after(&token)).await?);
    }
    Ok(())
}

#[tokio::test]
async fn live_a_standby_whose_replay_is_paused_is_waited_for_and_then_passed_over() -> Result<()> {
    let (pair, cluster) = pair("causal_wait=300").await?;
    pair.standby.sql("SELECT pg_wal_replay_pause()").await?;
    cluster.execute("insert into t values (1)", &[]).await?;
    let token = cluster.causal_token().await?;

    let began = Instant::now();
    let read = cluster.read().after(&token);
    let row = read.query_one("select count(*), pg_is_in_recovery() from t", &[]);
    let row = within(SOON, "a read", row).await??;
    assert_eq!((row.get::<_, i64>(0), row.get::<_, bool>(1)), (1, false), "by the primary");
    assert!(began.elapsed() >= Duration::from_millis(250), "the standby was not waited for");
    // Without a token the standby serves what it has.
    assert_eq!(count(&cluster.read()).await?, 0);

    let refused = cluster.read().after(&token).fallback(Fallback::Refuse);
    let error =
        error_of("the read", within(SOON, "a read", refused.query("select 1", &[])).await?)?;
    assert_eq!((error.kind(), error.fate()), (FailureKind::NoStandby, Fate::NotSent), "{error}");
    assert_eq!(error.code(), "AYA-2007");
    assert!(error.to_string().contains("asked how far it has replayed"), "{error}");

    let waiting = tokio::spawn({
        let cluster = cluster.clone();
        async move {
            let read = cluster.read().after(&token).fallback(Fallback::Wait);
            read.query_one("select count(*), pg_is_in_recovery() from t", &[]).await
        }
    });
    pair.standby.sql("SELECT pg_wal_replay_resume()").await?;
    let row = joined(SOON, "the read that waits", waiting).await??;
    assert_eq!((row.get::<_, i64>(0), row.get::<_, bool>(1)), (1, true), "by the standby");
    Ok(())
}

#[tokio::test]
async fn live_a_token_of_a_timeline_that_lost_it_raises() -> Result<()> {
    let (mut pair, cluster) = pair("").await?;
    cluster.execute("insert into t values (1)", &[]).await?;
    let kept = cluster.causal_token().await?;
    until("the row to arrive", SOON, async || {
        let rows = number_from(&direct(&pair.standby), "select count(*) from t").await?;
        Ok((rows == 1).then_some(()))
    })
    .await?;
    pair.standby.sql("ALTER SYSTEM SET primary_conninfo = ''").await?;
    pair.standby.sql("SELECT pg_reload_conf()").await?;
    until("the standby to receive nothing more", SOON, async || {
        let rows = pair.standby.sql("SELECT 1 FROM pg_stat_wal_receiver").await?;
        Ok(rows.is_empty().then_some(()))
    })
    .await?;
    cluster.execute("insert into t values (2)", &[]).await?;
    let lost = cluster.causal_token().await?;
    pair.primary.kill()?;
    pair.promote().await?;

    assert_eq!(count(&cluster.read().after(&kept)).await?, 1, "what was kept is served");
    for view in [cluster.read(), cluster.write()] {
        let read = view.after(&lost).query("select 1", &[]).await;
        let error = error_of("the read", read)?;
        assert_eq!((error.kind(), error.fate()), (FailureKind::CausalTokenLost, Fate::NotSent));
        assert!(error.to_string().contains("timeline 1 was left at"), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn live_a_read_that_the_replay_cuts_short_is_run_again_on_the_primary() -> Result<()> {
    let (pair, cluster) = pair("").await?;
    pair.standby.sql("ALTER SYSTEM SET max_standby_streaming_delay = '50ms'").await?;
    pair.standby.sql("SELECT pg_reload_conf()").await?;
    until("the setting to be read", SOON, async || {
        let rows = pair.standby.sql("SHOW max_standby_streaming_delay").await?;
        Ok((rows[0][0].as_deref() == Some("50ms")).then_some(()))
    })
    .await?;
    let sql = "select pg_is_in_recovery(), (select count(*) from t), pg_sleep(2) is null";
    for _ in 0..2 {
        let reading = tokio::spawn({
            let cluster = cluster.clone();
            async move { cluster.read().query_one(sql, &[]).await }
        });
        let query = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        until("the read to run on the standby", SOON, async || {
            Ok((!pair.standby.sql(query).await?.is_empty()).then_some(()))
        })
        .await?;
        cluster.batch("truncate t").await?;
        let row = joined(SOON, "the read", reading).await??;
        assert!(!row.get::<_, bool>(0), "the standby served it after all");
    }
    let conflicts = "SELECT sum(confl_lock) FROM pg_stat_database_conflicts";
    let conflicts = pair.standby.sql(conflicts).await?;
    assert_ne!(conflicts[0][0].as_deref(), Some("0"), "nothing was cut short");
    Ok(())
}

#[tokio::test]
async fn live_a_lagging_standby_is_left_out_with_its_reason() -> Result<()> {
    let (pair, second, cluster) = trio("max_lag_bytes=1MB").await?;
    pair.standby.sql("SELECT pg_wal_replay_pause()").await?;
    cluster.execute("insert into t select generate_series(1, 100000)", &[]).await?;
    until("the lag to be known", SOON, async || {
        let plan = cluster.read().explain();
        let behind = plan.lines().any(|line| {
            line.starts_with(&reason(&pair.standby, "")) && line.contains("the limit is 1048576")
        });
        Ok((behind && plan.contains(&reason(&second, "a standby within"))).then_some(()))
    })
    .await
    .with_context(|| cluster.read().explain())?;
    // The other one may lag for a moment as well, and the leader serve.
    let mut by_second = 0;
    for _ in 0..20 {
        let served = served_by(&cluster.read()).await?;
        assert_ne!(served, address(&pair.standby), "{}", cluster.read().explain());
        by_second += i32::from(served == address(&second));
    }
    assert!(by_second > 0, "no standby served: {}", cluster.read().explain());
    pair.standby.sql("SELECT pg_wal_replay_resume()").await?;
    until("the standby to get reads again", SOON, async || {
        Ok((served_by(&cluster.read()).await? == address(&pair.standby)).then_some(()))
    })
    .await
}

#[tokio::test]
async fn live_standbys_take_turns() -> Result<()> {
    let (pair, second, cluster) = trio("read_policy=round-robin").await?;
    let mut served = BTreeMap::new();
    for _ in 0..20 {
        *served.entry(served_by(&cluster.read()).await?).or_insert(0) += 1;
    }
    let expected = [(address(&pair.standby), 10), (address(&second), 10)];
    assert_eq!(served, BTreeMap::from(expected));
    Ok(())
}

#[tokio::test]
async fn live_the_least_busy_standby_gets_the_read() -> Result<()> {
    let (pair, second, cluster) = trio("").await?;
    let busy = tokio::spawn({
        let cluster = cluster.clone();
        async move { cluster.read().query("select pg_sleep(3)", &[]).await }
    });
    let query = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    let free = until("the long read to run", SOON, async || {
        let first = !pair.standby.sql(query).await?.is_empty();
        let other = !second.sql(query).await?.is_empty();
        Ok((first || other).then(|| address(if first { &second } else { &pair.standby })))
    })
    .await?;
    for _ in 0..10 {
        let read = cluster.read().policy(StandbyPolicy::LeastOutstanding);
        assert_eq!(served_by(&read).await?, free);
    }
    assert!(!busy.is_finished(), "the long read ended too soon to tell anything");
    joined(SOON, "the long read", busy).await??;
    Ok(())
}

#[tokio::test]
async fn live_the_nearest_standby_gets_the_read() -> Result<()> {
    let (pair, second, cluster) = trio("read_policy=nearest").await?;
    pair.standby.proxy().delay(Duration::from_millis(30));
    until("the distance to be known", SOON, async || {
        let snapshot = cluster.snapshot();
        let far = &snapshot.nodes[&node(pair.standby.client_address())];
        Ok((far.round_trip > Some(Duration::from_millis(20))).then_some(()))
    })
    .await?;
    for _ in 0..10 {
        assert_eq!(served_by(&cluster.read()).await?, address(&second));
    }
    Ok(())
}

#[tokio::test]
async fn live_a_hint_chooses_the_server() -> Result<()> {
    let (_pair, cluster) = pair("").await?;
    let plain = cluster.with(CallOptions::new());
    let ask = async |view: &View<'_>, sql: &str| -> Result<bool> {
        Ok(within(SOON, "a read", view.query_one(sql, &[])).await??.get(0))
    };
    let role = "select pg_is_in_recovery()";
    assert!(!ask(&plain, role).await?);
    assert!(ask(&plain, &format!("/* aya: standby */ {role}")).await?);
    assert!(!ask(&cluster.read(), &format!("/* aya: primary */ {role}")).await?);

    let error = error_of("a wrong hint", plain.query("/* aya: replica */ select 1", &[]).await)?;
    assert_eq!((error.kind(), error.fate()), (FailureKind::UnknownHint, Fate::NotSent));
    assert!(error.to_string().contains("replica"), "{error}");

    // A transaction stays where it is, whatever its statements say.
    let transaction = cluster.begin().await?;
    let row = transaction.query_one("/* aya: standby */ select pg_is_in_recovery()", &[]).await?;
    assert!(!row.get::<_, bool>(0));
    transaction.commit().await?;
    Ok(())
}

#[tokio::test]
async fn live_plain_selects_go_to_a_standby_and_the_rest_to_the_primary() -> Result<()> {
    let (pair, cluster) = pair("read_routing=auto").await?;
    // The function inside the view is hidden from the text.
    assert!(cluster.query_one("select r from v", &[]).await?.get::<_, bool>(0));
    assert!(!cluster.query_one("select pg_is_in_recovery()", &[]).await?.get::<_, bool>(0));
    assert!(!cluster.write().query_one("select r from v", &[]).await?.get::<_, bool>(0));
    cluster.batch("create sequence s").await?;
    cluster.query_one("select nextval('s')", &[]).await?;
    cluster.execute("insert into t values (1)", &[]).await?;

    // What the standby refuses, the primary serves: here a table that has not arrived yet, and a write
    // that is hidden in a view.
    pair.standby.sql("SELECT pg_wal_replay_pause()").await?;
    cluster.batch("create table young (n int)").await?;
    cluster.query("select n from young", &[]).await?;
    pair.standby.sql("SELECT pg_wal_replay_resume()").await?;
    cluster.batch("create view hidden as select nextval('s') as n").await?;
    cluster.query_one("select n from hidden", &[]).await?;
    Ok(())
}

#[tokio::test]
async fn live_no_function_that_a_plain_select_may_call_is_volatile() -> Result<()> {
    let server = Postgres::builder().start().await?;
    let names: Vec<String> = known_functions().iter().map(|name| format!("'{name}'")).collect();
    let volatile = format!(
        "SELECT string_agg(oid::regprocedure::text, ', ') FROM pg_proc \
         WHERE provolatile = 'v' AND pronamespace = 'pg_catalog'::regnamespace \
         AND proname IN ({})",
        names.join(", ")
    );
    assert_eq!(server.sql(&volatile).await?[0][0], None);
    Ok(())
}

#[tokio::test]
async fn live_a_read_of_limited_age_is_refused_once_nobody_vouches_for_the_leader() -> Result<()> {
    let (pair, cluster) = pair("probe_interval=5s failover_timeout=3s silence_timeout=500").await?;
    // The servers are asked more often than the connection string says while somebody waits for it.
    for _ in 0..3 {
        let read = cluster.read().freshness(Duration::from_millis(600));
        Box::pin(within(Duration::from_secs(3), "a fresh read", count(&read))).await??;
    }
    pair.primary.freeze()?;
    let read = cluster.read().freshness(Duration::from_secs(1));
    let refused =
        until("the read to be refused", SOON, async || Ok(read.query("select 1", &[]).await.err()));
    let error = refused.await?;
    assert_eq!((error.kind(), error.fate()), (FailureKind::NotFresh, Fate::NotSent), "{error}");
    // A read that asks for nothing is served by the standby.
    assert!(on_standby(&cluster.read()).await?);
    pair.primary.thaw();
    Ok(())
}

#[tokio::test]
async fn live_a_token_outlives_a_switchover_and_the_process_that_took_it() -> Result<()> {
    let servers = started(PatroniCluster::builder().synchronous()).await?;
    let cluster = connect(&everything(&servers)).await?;
    cluster.batch("create table t (n int); insert into t values (1)").await?;
    let token = cluster.causal_token().await?;
    assert_eq!(token.timeline.0, 1);
    let old = servers.leader().await.context("nobody leads")?;
    let new = servers.nodes().iter().find(|node| node.name() != old).context("no standby")?;
    servers.switchover(new.name()).await?;
    servers.wait_leader_other_than(&old, LONG).await?;
    servers.wait_streaming(1, LONG).await?;
    cluster.write().execute("insert into t values (2)", &[]).await?;
    let later = cluster.causal_token().await?;
    assert_eq!(later.timeline.0, 2);

    // One has seen the promotion; the other only hears of it.
    let young = connect(&everything(&servers)).await?;
    for handle in [&cluster, &young] {
        for (token, least) in [(&token, 1), (&later, 2)] {
            let standby = handle.read().after(token).fallback(Fallback::Wait);
            for view in [standby, handle.write().after(token)] {
                assert!(Box::pin(count(&view)).await? >= least, "{}", handle.explain());
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn live_a_leader_that_is_cut_off_with_its_client_serves_nothing_as_fresh() -> Result<()> {
    let servers = started(PatroniCluster::builder()).await?;
    let cluster = connect(&format!("{} failover_timeout=3s", everything(&servers))).await?;
    let leader = servers.leader().await.context("nobody leads")?;
    let fresh = cluster.write().freshness(Duration::from_secs(2));
    within(SOON, "a fresh read", fresh.query("select 1", &[])).await??;

    for node in servers.nodes() {
        node.rest_clients().cut();
        if node.name() != leader {
            node.clients().cut();
        }
    }
    for member in servers.etcd().members() {
        member.proxy().cut();
    }
    let refused = until("the fresh read to be refused", SOON, async || {
        Ok(fresh.query("select 1", &[]).await.err())
    });
    let error = refused.await?;
    assert_eq!((error.kind(), error.fate()), (FailureKind::NotFresh, Fate::NotSent), "{error}");
    // It still answers that it leads, and that is good enough for whoever asks for no more.
    assert!(!on_standby(&cluster.write()).await?);
    Ok(())
}

//! Calls for the leader are held while a switchover is under way, and let go when it is over.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;
use tokio::time::timeout;

use aya_db::{CallOptions, Cluster, ClusterEvent, Events, FailureKind, Fate, Intent};
use aya_testkit::{EtcdCluster, Pair, PatroniCluster, Postgres, until};

use crate::failover::{everything, leader_change, started};
use crate::support::{LONG, SOON, beside, connect, error_of, event, hosts, joined, number, within};

/// Patroni's keys as a test writes them, and the servers that they are about. Nobody acts on them.
struct Scene {
    etcd: EtcdCluster,
    pair: Pair,
    cluster: Cluster,
    events: Events,
}

impl Scene {
    async fn open(parameters: &str) -> Result<Self> {
        let pair = Pair::start(Postgres::builder()).await?;
        let etcd = EtcdCluster::start(1, None).await?;
        let endpoint = etcd.client_addresses()[0];
        let addresses = [pair.primary.client_address(), pair.standby.client_address()];
        let conninfo = format!(
            "{} cluster_scope=aya etcd_endpoints=http://{endpoint} {parameters}",
            hosts(&addresses)
        );
        put(&etcd, "leader", "n1").await?;
        for (name, address) in [("n1", addresses[0]), ("n2", addresses[1])] {
            let member = format!(r#"{{"conn_url":"postgres://{address}/app","state":"running"}}"#);
            put(&etcd, &format!("members/{name}"), &member).await?;
        }
        let cluster = connect(&conninfo).await?;
        let sql = "create table written (at timestamptz default clock_timestamp(), n int)";
        cluster.batch(sql).await?;
        let events = cluster.events();
        Ok(Self { etcd, pair, cluster, events })
    }

    /// Asks for a switchover, and waits until the handle has heard of it.
    async fn ask(&mut self, request: &str) -> Result<()> {
        put(&self.etcd, "failover", request).await?;
        pending(&mut self.events).await
    }

    async fn held(&self) -> Result<()> {
        until("calls to be held", SOON, async || Ok(is_held(&self.cluster).then_some(()))).await
    }
}

/// The switchover is told, and calls that begin from now on know of it.
async fn pending(events: &mut Events) -> Result<()> {
    event(events, SOON, "the switchover", |event| {
        matches!(event, ClusterEvent::SwitchoverPending { .. }).then_some(())
    })
    .await
}

fn is_held(cluster: &Cluster) -> bool {
    cluster.explain().contains("hold: calls for the leader wait")
}

async fn put(etcd: &EtcdCluster, key: &str, value: &str) -> Result<()> {
    etcd.etcdctl(&["put", &format!("/service/aya/{key}"), value]).await.map(drop)
}

const TO_N2: &str = r#"{"leader":"n1","member":"n2"}"#;
const INSERT: &str = "insert into written (n) values (1)";

#[tokio::test]
async fn live_calls_begun_in_a_hold_reach_the_leader_only_after_it() -> Result<()> {
    let mut scene = Scene::open("switchover_hold=60s pool_max_size=20").await?;
    // More callers than connections, so that some queue at the pool of a leader that is left alone.
    scene.ask(TO_N2).await?;
    let begun = Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (cluster, begun) = (scene.cluster.clone(), Arc::clone(&begun));
        callers.spawn(async move {
            begun.fetch_add(1, Ordering::SeqCst);
            cluster.execute(INSERT, &[]).await
        });
    }
    until("every caller to call", SOON, async || {
        Ok((begun.load(Ordering::SeqCst) == CALLERS).then_some(()))
    })
    .await?;
    // Reads of the standby go on meanwhile, and the leader gets none of the calls.
    let reader = scene.cluster.with(CallOptions::new().intent(Intent::Standby));
    for _ in 0..100 {
        within(SOON, "a read", reader.query_one("select pg_is_in_recovery()", &[])).await??;
    }
    assert_eq!(number(&scene.pair.primary, "select count(*) from written").await?, 0);
    let before = beside(&scene.pair.primary, "select clock_timestamp()").await?;
    let before = before[0][0].clone().context("no time")?;

    // Patroni's way to say that a request was turned down.
    put(&scene.etcd, "failover", "{}").await?;
    let go = Instant::now();
    while let Some(done) = within(LONG, "the held calls", callers.join_next()).await? {
        done?.context("a held call")?;
    }
    report("held callers went on", go.elapsed());
    let sql = format!("select count(*) from written where at >= '{before}'");
    assert_eq!(number(&scene.pair.primary, &sql).await?, i64::try_from(CALLERS)?);
    ended(&mut scene.events).await?;
    assert_eq!(scene.cluster.snapshot().switchover, None);
    Ok(())
}

#[tokio::test]
async fn live_a_request_that_nobody_acts_on_holds_no_longer_than_its_limit() -> Result<()> {
    let mut scene = Scene::open("switchover_hold=2s").await?;
    let asked = Instant::now();
    scene.ask(TO_N2).await?;
    within(SOON, "the call", scene.cluster.execute(INSERT, &[])).await??;
    let took = asked.elapsed();
    assert!(took >= Duration::from_millis(1900), "let go after {took:?}");
    assert!(!is_held(&scene.cluster), "{}", scene.cluster.explain());
    // The request is there still, and holds nobody again.
    assert!(scene.cluster.snapshot().switchover.is_some());
    let again = Instant::now();
    scene.cluster.execute(INSERT, &[]).await?;
    assert!(again.elapsed() < Duration::from_secs(1), "held again: {:?}", again.elapsed());

    // Another request does.
    scene.ask(r#"{"leader":"n1","member":"n3"}"#).await?;
    let again = Instant::now();
    within(SOON, "the call", scene.cluster.execute(INSERT, &[])).await??;
    assert!(again.elapsed() > Duration::from_secs(1), "not held: {:?}", again.elapsed());
    Ok(())
}

#[tokio::test]
async fn live_a_hold_ends_with_the_deadline_of_a_call_and_says_what_it_waited_for() -> Result<()> {
    let mut scene = Scene::open("switchover_hold=60s").await?;
    let open = scene.cluster.begin().await?;
    scene.ask(TO_N2).await?;

    let options = CallOptions::new().timeout(Duration::from_millis(300));
    let call = scene.cluster.with(options).execute(INSERT, &[]).await;
    let error = error_of("a held call", call)?;
    assert_eq!((error.kind(), error.fate()), (FailureKind::NoLeader, Fate::NotSent), "{error}");
    let causes = format!("{:?}", error.attempts());
    assert!(causes.contains("a switchover of n1 to n2 was asked for"), "{causes}");

    // A transaction that was open before goes on to its end.
    open.execute(INSERT, &[]).await?;
    within(SOON, "its commit", open.commit()).await??;
    assert_eq!(number(&scene.pair.primary, "select count(*) from written").await?, 1);
    assert!(is_held(&scene.cluster), "{}", scene.cluster.explain());
    Ok(())
}

#[tokio::test]
async fn live_a_session_is_held_like_every_call_and_keeps_its_connection_meanwhile() -> Result<()> {
    let mut scene = Scene::open("switchover_hold=60s").await?;
    let short = CallOptions::new().timeout(Duration::from_millis(300));
    let session = scene.cluster.with(short).session().await?;
    session.batch("create temp table scratch (n int)").await?;
    let other = scene.cluster.session().await?;
    let open = other.begin().await?;
    scene.ask(TO_N2).await?;

    let into_scratch = "insert into scratch values (1)";
    let error = error_of("a held statement", session.execute(into_scratch, &[]).await)?;
    assert_eq!((error.kind(), error.fate()), (FailureKind::NoLeader, Fate::NotSent), "{error}");
    let error = error_of("a held transaction", session.begin().await)?;
    assert_eq!((error.kind(), error.fate()), (FailureKind::NoLeader, Fate::NotSent), "{error}");
    let causes = format!("{:?}", error.attempts());
    assert!(causes.contains("a switchover of n1 to n2 was asked for"), "{causes}");
    // A transaction that is open goes on to its end.
    within(SOON, "an open transaction", open.execute(INSERT, &[])).await??;
    within(SOON, "its end", open.commit()).await??;
    assert!(timeout(BRIEF, other.batch(INSERT)).await.is_err(), "the next one is not held");

    // Nothing of what was given up has been sent, and nothing of the session is lost.
    put(&scene.etcd, "failover", "{}").await?;
    ended(&mut scene.events).await?;
    let row =
        within(SOON, "a look", session.query_one("select count(*) from scratch", &[])).await??;
    assert_eq!(row.get::<_, i64>(0), 0);
    let tx = within(SOON, "a transaction", session.begin()).await??;
    tx.execute(into_scratch, &[]).await?;
    tx.commit().await?;
    assert_eq!(number(&scene.pair.primary, "select count(*) from written").await?, 1);
    Ok(())
}

#[tokio::test]
async fn live_reads_leave_the_leader_alone_in_a_hold() -> Result<()> {
    let mut scene = Scene::open("switchover_hold=60s probe_interval=100").await?;
    scene.cluster.execute(INSERT, &[]).await?;
    scene.ask(TO_N2).await?;
    let recovery = "select pg_is_in_recovery()";
    for _ in 0..50 {
        let row = within(SOON, "a read", scene.cluster.read().query_one(recovery, &[])).await??;
        assert!(row.get::<_, bool>(0), "{}", scene.cluster.read().explain());
    }

    // Without a standby they would go to the leader: now they wait for it.
    scene.pair.standby.stop().await?;
    until("the standby to be given up", SOON, async || {
        let plan = scene.cluster.read().explain();
        Ok(plan.starts_with("wait for another server").then_some(()))
    })
    .await?;
    let short = CallOptions::reading().timeout(Duration::from_millis(300));
    let error = error_of("a read", scene.cluster.with(short).query_one(recovery, &[]).await)?;
    assert_eq!((error.kind(), error.fate()), (FailureKind::NoLeader, Fate::NotSent), "{error}");
    let causes = format!("{:?}", error.attempts());
    assert!(causes.contains("left alone: a switchover of n1 to n2 was asked for"), "{causes}");
    let read = tokio::spawn({
        let cluster = scene.cluster.clone();
        async move { cluster.read().query_one(recovery, &[]).await }
    });
    put(&scene.etcd, "failover", "{}").await?;
    let row = joined(SOON, "the held read", read).await??;
    assert!(!row.get::<_, bool>(0));
    Ok(())
}

#[tokio::test]
async fn live_a_held_call_that_is_dropped_is_never_sent() -> Result<()> {
    let mut scene = Scene::open("switchover_hold=60s").await?;
    scene.ask(TO_N2).await?;
    assert!(timeout(BRIEF, scene.cluster.execute(INSERT, &[])).await.is_err(), "it was not held");
    assert!(timeout(BRIEF, scene.cluster.begin()).await.is_err(), "it was not held");
    put(&scene.etcd, "failover", "{}").await?;
    ended(&mut scene.events).await?;
    within(SOON, "a call", scene.cluster.execute(INSERT, &[])).await??;
    assert_eq!(number(&scene.pair.primary, "select count(*) from written").await?, 1);
    Ok(())
}

#[tokio::test]
async fn live_a_scheduled_switchover_holds_from_its_time_on() -> Result<()> {
    let mut scene = Scene::open("switchover_hold=1s").await?;
    let due = SystemTime::now() + Duration::from_secs(3);
    let secs = due.duration_since(UNIX_EPOCH)?.as_secs();
    let at = beside(
        &scene.pair.primary,
        &format!(
            "select to_char(to_timestamp({secs}) at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS')"
        ),
    )
    .await?;
    let at = at[0][0].clone().context("no time")?;
    let request = format!(r#"{{"leader":"n1","member":"n2","scheduled_at":"{at}+00:00"}}"#);
    scene.ask(&request).await?;
    scene.cluster.execute(INSERT, &[]).await?;
    ensure!(SystemTime::now() < due - Duration::from_secs(1), "the machine is too slow");
    assert!(!is_held(&scene.cluster), "{}", scene.cluster.explain());

    scene.held().await?;
    within(SOON, "the call", scene.cluster.execute(INSERT, &[])).await??;
    let let_go = UNIX_EPOCH + Duration::from_secs(secs + 1) - Duration::from_millis(100);
    assert!(SystemTime::now() >= let_go, "it was not held");
    Ok(())
}

#[tokio::test]
async fn live_writers_go_through_a_switchover_and_none_calls_the_leader_that_steps_down()
-> Result<()> {
    let servers = started(PatroniCluster::builder().synchronous()).await?;
    let conninfo = format!(
        "{} target_session_attrs=read-write pool_max_size=30 commit_resolution=off",
        everything(&servers)
    );
    let cluster = connect(&conninfo).await?;
    cluster.batch("create table written (writer int, n int, primary key (writer, n))").await?;
    let old = servers.leader().await.context("nobody leads")?;
    let new = servers.nodes().iter().find(|node| node.name() != old).context("one node")?;
    let new_server = new.direct_address().ip().to_string();
    let mut events = cluster.events();
    let log = Arc::new(Log::default());
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(write(cluster.clone(), writer, Arc::clone(&log)));
    }
    log.progress().await?;

    let switchover = servers.switchover(new.name());
    let watch = async {
        pending(&mut events).await?;
        let began = Instant::now();
        leader_change(&mut events).await?;
        Ok::<_, anyhow::Error>((began, Instant::now()))
    };
    let (done, watched) = tokio::join!(switchover, watch);
    done?;
    let (began, changed) = watched?;
    log.progress().await?;
    log.stop.store(1, Ordering::SeqCst);
    while let Some(done) = within(LONG, "a writer's end", writers.join_next()).await? {
        done?.context("a writer")?;
    }

    // A writer that has begun a call after the news was held; nobody else can have answered it.
    let held: Vec<Call> =
        log.calls().iter().filter(|it| (began..changed).contains(&it.begun)).cloned().collect();
    assert!(!held.is_empty(), "no call was held");
    let astray: Vec<&Call> = held.iter().filter(|call| call.server != new_server).collect();
    assert!(astray.is_empty(), "calls were sent to the leader that stepped down: {astray:?}");
    let longest = held.iter().map(|call| call.ended - changed).max();
    report("the last held call was answered", longest.unwrap_or_default());
    let written = i64::try_from(log.calls().len())?;
    let row = cluster.query_one("select count(*) from written", &[]).await?;
    assert_eq!(row.get::<_, i64>(0), written);
    Ok(())
}

/// What the writers were told.
#[derive(Default)]
struct Log {
    stop: AtomicUsize,
    calls: Mutex<Vec<Call>>,
}

#[derive(Debug, Clone)]
struct Call {
    begun: Instant,
    ended: Instant,
    server: String,
}

impl Log {
    fn calls(&self) -> MutexGuard<'_, Vec<Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there are many more calls than now.
    async fn progress(&self) -> Result<()> {
        let before = self.calls().len();
        until("the writers to write", LONG, async || {
            Ok((self.calls().len() > before + 200).then_some(()))
        })
        .await
    }
}

/// Writes rows until it is told to stop; any error ends it. Half of the writers use transactions.
async fn write(cluster: Cluster, writer: i32, log: Arc<Log>) -> Result<()> {
    let sql = "insert into written values ($1, $2) returning host(inet_server_addr())";
    for n in 0_i32.. {
        if log.stop.load(Ordering::SeqCst) > 0 {
            break;
        }
        let begun = Instant::now();
        let row = if writer % 2 == 0 {
            cluster.query_one(sql, &[&writer, &n]).await?
        } else {
            cluster.transaction(|tx| async move { tx.query_one(sql, &[&writer, &n]).await }).await?
        };
        log.calls().push(Call { begun, ended: Instant::now(), server: row.get(0) });
    }
    Ok(())
}

async fn ended(events: &mut Events) -> Result<()> {
    event(events, SOON, "the end of the switchover", |event| {
        matches!(event, ClusterEvent::SwitchoverEnded { .. }).then_some(())
    })
    .await
}

#[expect(clippy::print_stderr, reason = "how smooth it was is worth seeing beside the result")]
fn report(what: &str, took: Duration) {
    eprintln!("{what} within {:.1} ms", took.as_secs_f64() * 1000.0);
}

/// Long enough for a call that is not held.
const BRIEF: Duration = Duration::from_millis(300);
const CALLERS: usize = 60;
const WRITERS: i32 = 24;

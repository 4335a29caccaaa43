//! One run: a fresh cluster, the agents, one fault after the other.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aya_testkit::{PatroniCluster, PatroniTimings, sql, until};

use crate::agent::{Crew, Driver, DriverName, Habits, Resolution};
use crate::clock::Clock;
use crate::fault::{Course, Fault, mend, strike};
use crate::gap::Window;
use crate::oracle::{Claims, STRETCHES, Stretch, Verdict, judge, stretches};
use crate::plot::Mark;
use crate::report::{Outcome, Seen};
use crate::view::View;

/// What every run is like.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) driver: DriverName,
    pub(crate) habits: Habits,
    pub(crate) agents: usize,
    pub(crate) faults: Vec<Fault>,
    /// How long the agents write undisturbed before each fault.
    pub(crate) steady: Duration,
    /// Between two writes of an agent.
    pub(crate) pause: Duration,
    pub(crate) timings: PatroniTimings,
    /// What runs the servers instead of Patroni.
    pub(crate) daemon: Option<PathBuf>,
}

/// What a run found.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) outcomes: Vec<Outcome>,
    /// When each row was acknowledged.
    pub(crate) acks: Vec<Duration>,
    pub(crate) marks: Vec<Mark>,
}

/// Does the whole of `plan` once. Dropped midway, it ends the agents, then every server.
///
/// # Errors
/// When the cluster does not come up, or does not recover from a fault.
pub(crate) async fn run(plan: &Plan, clock: Clock) -> Result<Findings> {
    let mut view = View::new(clock);
    let ha = if plan.daemon.is_some() { "aya-ha" } else { "Patroni" };
    view.say(&format!("starting 3 etcd members and 2 PostgreSQL servers under {ha}"));
    let builder = PatroniCluster::builder().etcd_members(3).synchronous().timings(plan.timings);
    let builder = match &plan.daemon {
        Some(daemon) => builder.daemon(daemon.clone()),
        None => builder,
    };
    let cluster = builder.start().await?;
    make_tables(&cluster).await?;
    if plan.habits.resolution == Some(Resolution::Ledger) {
        setup_ledger(&cluster).await?;
    }
    view.say(&format!("{} agents begin to write through {}", plan.agents, plan.driver.text()));
    let driver = Driver::connect(plan.driver, &cluster, plan.agents, plan.habits, clock).await?;
    let crew = Crew::start(&driver, plan.agents, plan.pause, clock).await?;
    view.watch(&cluster, crew.written());
    // The fields drop in their order: the agents end before the servers they write to.
    let earlier = Verdict::default();
    let mut stage = Stage { crew, driver, view, cluster, clock, earlier, judged: Duration::ZERO };
    let silent = stage.silent_after(Duration::ZERO, STARTUP).await;
    ensure!(silent == 0, "{silent} agents cannot write at all");
    let mut findings = Findings { outcomes: Vec::new(), acks: Vec::new(), marks: Vec::new() };
    for fault in &plan.faults {
        let (outcome, mark) = stage.play(*fault, plan.steady).await?;
        findings.outcomes.push(outcome);
        findings.marks.push(mark);
    }
    stage.view.say("ending every server");
    let logs = stage.crew.logs();
    findings.acks = logs.iter().flat_map(|log| &log.acks).map(|ack| ack.at).collect();
    Ok(findings)
}

struct Stage {
    crew: Crew,
    driver: Driver,
    view: View,
    cluster: PatroniCluster,
    clock: Clock,
    /// What was found wrong so far.
    earlier: Verdict,
    /// Until when the logs are judged: the next fault counts from there.
    judged: Duration,
}

impl Stage {
    /// One fault, from the steady writing before it to the steady writing after it.
    async fn play(&mut self, fault: Fault, steady: Duration) -> Result<(Outcome, Mark)> {
        let name = fault.name();
        tokio::time::sleep(steady).await;
        let leader = self.cluster.leader().await.context("nobody leads")?;
        self.view.say(&format!("{name}: {} {leader}", fault.deed()));
        let view = &self.view;
        let told = |struck| view.struck(name, struck);
        let course = strike(fault, &mut self.cluster, &leader, self.clock, told).await?;
        let writable = (course.accepted - course.struck).as_secs_f64();
        self.view.say(&format!("{name}: a server takes writes again after {writable:.2} s"));
        let hung = self.silent_since(course.accepted).await;
        self.view.mended();
        self.view.say(&match hung {
            0 => format!("{name}: every agent writes again"),
            hung => format!("{name}: {hung} agents hang"),
        });
        mend(&mut self.cluster).await?;
        self.view.say(&format!("{name}: the cluster is whole again"));
        // Whoever hung may go on now that the node is back, and nobody may hang because it is.
        let hung = hung.max(self.silent_since(self.clock.now()).await);
        tokio::time::sleep(AFTERMATH).await;
        let outcome = self.judge(fault, course, hung).await?;
        Ok((outcome, Mark { name, struck: course.struck, accepted: course.accepted }))
    }

    /// Compares what the agents saw with the table of the leader, while they write on.
    async fn judge(&mut self, fault: Fault, course: Course, hung: usize) -> Result<Outcome> {
        let phase = Window { from: self.judged, until: self.clock.now() };
        self.judged = phase.until;
        // What is acknowledged by now is in the table when it is asked later.
        let logs = self.crew.logs();
        let table = self.table().await?;
        let verdict = judge(&Claims::of(&logs), &table);
        let fresh = verdict.since(&self.earlier);
        self.earlier = verdict;
        let noticed = fault.is_silent().then(|| self.driver.noticed_since(course.struck));
        Ok(Outcome::of(&Seen {
            fault,
            phase,
            course,
            logs: &logs,
            verdict: &fresh,
            hung,
            noticed: noticed.flatten(),
        }))
    }

    async fn table(&self) -> Result<Vec<Stretch>> {
        let leader = self.cluster.wait_leader(LEADER_LIMIT).await?;
        let superuser = self.cluster.node(&leader)?.superuser_conninfo();
        let database = &self.cluster.account().name;
        let rows = sql(&format!("{superuser} dbname={database}"), STRETCHES).await?;
        stretches(&rows).context("the table was not read as stretches")
    }

    /// Waits until every agent has written since `moment`, and says how many have not when
    /// patience ends.
    async fn silent_since(&self, moment: Duration) -> usize {
        self.silent_after(moment, PATIENCE).await
    }

    async fn silent_after(&self, moment: Duration, patience: Duration) -> usize {
        let silent = async || match self.crew.silent_since(moment) {
            0 => Ok(Some(())),
            _ => Ok(None),
        };
        match until("every agent to write", patience, silent).await {
            Ok(()) => 0,
            Err(_) => self.crew.silent_since(moment),
        }
    }
}

async fn make_tables(cluster: &PatroniCluster) -> Result<()> {
    sql(&owner(cluster).await?, TABLES).await?;
    Ok(())
}

/// What an operator does once for `commit_resolution=ledger`.
pub(crate) async fn setup_ledger(cluster: &PatroniCluster) -> Result<()> {
    sql(&owner(cluster).await?, aya_db::COMMIT_LEDGER_SQL).await.context("set up the ledger")?;
    Ok(())
}

/// The database's owner, on the leader and past the proxies.
pub(crate) async fn owner(cluster: &PatroniCluster) -> Result<String> {
    let leader = cluster.wait_leader(LEADER_LIMIT).await?;
    Ok(cluster.account().conninfo(cluster.node(&leader)?.direct_address()))
}

/// No key is unique, so that a row written twice is there twice. A unit of one statement is one
/// row; one of several says in each row how many there must be.
const TABLES: &str = "\
    create table ledger (id bigint, agent int, step int default 1, steps int default 1, \
        attempt_at timestamptz default clock_timestamp()); \
    create index on ledger (id); \
    create table probe (at timestamptz default clock_timestamp())";

/// Longer than any agent may be kept from writing once a server takes writes.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longer than it takes to start an interpreter for every agent.
const STARTUP: Duration = Duration::from_secs(180);
const LEADER_LIMIT: Duration = Duration::from_secs(60);
/// Shows that the writing is steady again.
const AFTERMATH: Duration = Duration::from_secs(2);

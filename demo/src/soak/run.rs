//! Makes the history: a cluster, the agents, and one fault after the other.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use aya_db::Cluster;
use aya_testkit::PatroniCluster;
use clap::ValueEnum;
use tokio::time::sleep;

use super::agents::Agents;
use super::dice::Dice;
use super::history::{History, Stage, What};
use super::state::{self, State};
use crate::agent::{Resolution, conninfo};
use crate::clock::Clock;
use crate::fault::{Fault, mend, strike, whole};
use crate::run::{owner, setup_ledger};
use crate::view::View;

/// What a soak is like.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// For how long faults are made.
    pub(super) length: Duration,
    pub(super) seed: u64,
    /// What may be done to the leader; empty stands for everything.
    pub(super) faults: Vec<Fault>,
    pub(super) resolution: Option<Resolution>,
    pub(super) agents: i32,
}

/// Does the whole of `plan`, and leaves history and final state in `folder`. Dropped midway, it ends
/// the agents, then every server.
///
/// # Errors
/// When the cluster does not come up, or does not become whole after a fault.
pub(super) async fn run(plan: &Plan, folder: &Path) -> Result<()> {
    let clock = Clock::start();
    let mut view = View::new(clock);
    view.say("starting 3 etcd members and 2 PostgreSQL servers under Patroni");
    let mut servers = PatroniCluster::builder().etcd_members(3).synchronous().start().await?;
    let cluster = prepare(plan, &servers).await?;
    let history = Arc::new(History::create(&folder.join(HISTORY), clock)?);
    view.say(&format!("{} agents begin to work, seed {}", plan.agents, plan.seed));
    let mut agents = Agents::start(&cluster, &history, plan.agents, plan.seed);
    view.watch(&servers, agents.answered());
    let mut dice = Dice::new(plan.seed, 0);
    let end = clock.now() + plan.length;
    while clock.now() < end {
        sleep(dice.time(LEAST_STEADY, MOST_STEADY)).await;
        agents.check()?;
        let fault = draw(&plan.faults, &mut dice);
        let scene = Scene { fault, history: &history, view: &view, clock };
        Box::pin(scene.play(&mut servers, &mut dice)).await?;
        history.flush()?;
    }
    sleep(LEAST_STEADY).await;
    view.say("the agents end");
    agents.end().await?;
    history.flush()?;
    let state = final_state(&servers).await?;
    let path = folder.join(STATE);
    fs::write(&path, serde_json::to_vec(&state)?)
        .with_context(|| format!("write {}", path.display()))?;
    view.say("ending every server");
    Ok(())
}

async fn prepare(plan: &Plan, servers: &PatroniCluster) -> Result<Cluster> {
    state::make(&owner(servers).await?, plan.agents).await?;
    let mut text = conninfo(servers, plan.agents.unsigned_abs() as usize);
    if let Some(resolution) = plan.resolution {
        text.push_str(&format!(" commit_resolution={}", resolution.text()));
    }
    if plan.resolution == Some(Resolution::Ledger) {
        setup_ledger(servers).await?;
    }
    Cluster::connect(&text).await.context("connect by aya-db")
}

fn draw(faults: &[Fault], dice: &mut Dice) -> Fault {
    let all = if faults.is_empty() { Fault::value_variants() } else { faults };
    all[dice.below(all.len() as u64) as usize]
}

/// One fault, from its beginning to the cluster being whole again.
struct Scene<'a> {
    fault: Fault,
    history: &'a History,
    view: &'a View,
    clock: Clock,
}

impl Scene<'_> {
    async fn play(&self, servers: &mut PatroniCluster, dice: &mut Dice) -> Result<()> {
        let Self { fault, history, view, clock } = *self;
        let name = fault.name();
        let leader = servers.wait_leader(LEADER_LIMIT).await?;
        view.say(&format!("{name}: {} {leader}", fault.deed()));
        let mut told = Ok(());
        let tell = |struck| {
            view.struck(name, struck);
            let added = history.add(What::Fault { fault, stage: Stage::Struck });
            told = std::mem::replace(&mut told, Ok(())).and(added);
        };
        let course = strike(fault, servers, &leader, clock, tell).await?;
        told?;
        history.add(What::Fault { fault, stage: Stage::Accepted })?;
        let writable = (course.accepted - course.struck).as_secs_f64();
        view.mended();
        view.say(&format!("{name}: a server takes writes again after {writable:.2} s"));
        sleep(dice.time(Duration::ZERO, MOST_STAY)).await;
        mend(servers).await?;
        history.add(What::Fault { fault, stage: Stage::Whole })?;
        view.say(&format!("{name}: the cluster is whole again"));
        Ok(())
    }
}

async fn final_state(servers: &PatroniCluster) -> Result<State> {
    whole(servers).await?;
    let leader = servers.wait_leader(LEADER_LIMIT).await?;
    let superuser = servers.node(&leader)?.superuser_conninfo();
    let database = &servers.account().name;
    State::read(&format!("{superuser} dbname={database}")).await
}

/// The names of the two files.
pub(super) const HISTORY: &str = "history.jsonl";
pub(super) const STATE: &str = "state.json";

const LEADER_LIMIT: Duration = Duration::from_secs(60);
const LEAST_STEADY: Duration = Duration::from_secs(2);
const MOST_STEADY: Duration = Duration::from_secs(8);
/// How long what is broken stays broken at most, once the cluster takes writes without it.
const MOST_STAY: Duration = Duration::from_secs(4);

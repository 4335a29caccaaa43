//! Phase 1: faults, with the invariants checked after every fold. Phase 2: the faults end, and
//! the true leader must be confirmed soon and stay so.

use std::collections::BTreeMap;

use aya_db_core::observation::{Observation, Source};
use aya_db_core::snapshot::ClusterSnapshot;
use aya_db_core::topology::{ProbeSettings, explain, fold, initial, probe_plan};
use aya_db_core::{Moment, NodeId};

use crate::dice::Dice;
use crate::invariants::{Fold, check};
use crate::world::{World, address};

#[test]
fn topology_holds_its_promises_and_heals() {
    if let Ok(seed) = std::env::var("AYA_SIM_SEED") {
        return run(seed.parse().unwrap());
    }
    let kept = include_str!("seeds.txt").lines().filter(|line| !line.starts_with('#'));
    kept.for_each(|seed| run(seed.trim().parse().unwrap()));
    let count = std::env::var("AYA_SIM_SEEDS").map_or(300, |count| count.parse().unwrap());
    (0..count).for_each(run);
}

fn run(seed: u64) {
    if let Err(failure) = Sim::new(seed).run() {
        panic!("AYA_SIM_SEED={seed}: {failure}");
    }
}

struct Sim {
    dice: Dice,
    world: World,
    snapshot: ClusterSnapshot,
    now: u64,
    /// Observations under way, by their arrival and a number that tells equal ones apart.
    under_way: BTreeMap<(u64, u64), Observation>,
    sent: u64,
    probed: BTreeMap<NodeId, u64>,
    sources: Vec<Source>,
    longest_delay: usize,
}

impl Sim {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let world = World::new(&mut dice);
        let mut configured: Vec<NodeId> = (0..world.servers.len()).map(address).collect();
        if dice.once_in(3) {
            configured.push(NodeId::new("alias", 5432));
        }
        let sources = match dice.below(4) {
            0 => vec![],
            1 => vec![Source::Patroni],
            2 => vec![Source::Etcd],
            _ => vec![Source::Etcd, Source::Patroni],
        };
        let snapshot = initial(&configured, &sources);
        Self {
            dice,
            world,
            snapshot,
            now: 0,
            under_way: BTreeMap::new(),
            sent: 0,
            probed: BTreeMap::new(),
            sources,
            longest_delay: 400,
        }
    }

    fn run(&mut self) -> Result<(), String> {
        for _ in 0..FAULTY_STEPS {
            if self.dice.once_in(8) {
                self.world.disturb(&mut self.dice);
            }
            if self.dice.once_in(30) {
                let suspicion = self.world.suspicion(&mut self.dice);
                self.send(suspicion);
            }
            self.step()?;
        }
        let leader = self.world.heal(&mut self.dice);
        let mut healed = None;
        for step in 0..HEALING_STEPS {
            self.step()?;
            let found = self.snapshot.leadership.confirmed();
            let right = found.and_then(|node| self.world.server_at(node)) == Some(leader);
            healed = if right { healed.or(Some(step)) } else { None };
        }
        match healed {
            Some(step) if step <= HEALED_BY && self.snapshot.switchover.is_some() => {
                Err(self.picture("nobody wants a switchover, and one is pending still"))
            }
            Some(step) if step <= HEALED_BY => Ok(()),
            _ => Err(self.picture(&format!("n{leader} leads, which was not seen in time"))),
        }
    }

    /// Ten milliseconds: probes that are due and reports set out, and what arrives is folded.
    fn step(&mut self) -> Result<(), String> {
        self.now += 10;
        let plan = probe_plan(&self.snapshot, self.now(), &ProbeSettings::default());
        for paced in plan.nodes {
            let last = self.probed.get(&paced.node).copied();
            let every = u64::try_from(paced.every.as_millis()).unwrap();
            if last.is_none_or(|last| self.now >= last + every) {
                self.probed.insert(paced.node.clone(), self.now);
                let answer = self.world.probe(&paced.node);
                self.send(answer);
            }
        }
        for source in self.sources.clone() {
            if self.dice.once_in(5) {
                let report = self.world.ask_source(source, &mut self.dice);
                self.send(report);
            }
        }
        while let Some(entry) = self.under_way.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let observation = entry.remove();
            self.fold(&observation)?;
        }
        Ok(())
    }

    /// Delays are drawn one by one, so that later facts overtake earlier ones; some come twice.
    fn send(&mut self, observation: Observation) {
        for _ in 0..=usize::from(self.dice.once_in(10)) {
            let late = if self.dice.once_in(5) { self.longest_delay } else { 10 };
            let at = self.now + self.dice.below(late) as u64;
            self.sent += 1;
            self.under_way.insert((at, self.sent), observation.clone());
        }
    }

    fn fold(&mut self, observation: &Observation) -> Result<(), String> {
        let folded = fold(&self.snapshot, observation, self.now());
        let step = Fold { before: &self.snapshot, observation, after: &folded.snapshot };
        let checked = check(&step);
        self.snapshot = folded.snapshot;
        checked.map_err(|failure| self.picture(&format!("{failure}\nafter {observation:?}")))
    }

    const fn now(&self) -> Moment {
        Moment::from_millis(self.now)
    }

    fn picture(&self, failure: &str) -> String {
        let servers: Vec<_> = self.world.servers.iter().map(|s| format!("{s:?}")).collect();
        format!(
            "{failure}\n{}\nlease {:?}\n{}",
            explain(&self.snapshot, self.now()),
            self.world.lease,
            servers.join("\n")
        )
    }
}

/// How long the faults last, in steps of 10 ms.
const FAULTY_STEPS: usize = 600;
/// How long the healed cluster is watched.
const HEALING_STEPS: usize = 1200;
/// By which step of these the true leader must be confirmed for good.
const HEALED_BY: usize = 700;

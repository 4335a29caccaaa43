//! The task that owns the snapshot: folds, publishes, tells.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use aya_db_core::observation::{Observation, Suspicion};
use aya_db_core::snapshot::ClusterSnapshot;
use aya_db_core::topology::{self, ProbePlan, ProbeSettings, changed, fold, probe_plan};
use aya_db_core::{Generation, Moment, NodeId};

use super::failures::Failures;
use super::handle::Published;
use super::prober::Prober;
use super::sentinel::{Roll, Sentinel};
use super::sources;
use crate::clock::Clock;
use crate::connect::Session;
use crate::discovery::Pace;
use crate::events::Announcer;

/// What the rest of the driver tells the monitor.
#[derive(Debug)]
pub(super) enum Message {
    /// A sign of trouble.
    Suspicion(Report),
    /// Somebody waits for a newer word of the servers.
    Hurry,
}

/// A sign of trouble, from a statement.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) node: NodeId,
    /// The generation under which the connection was made.
    pub(super) generation: Option<Generation>,
    pub(super) sign: Suspicion,
    /// Gets the serial of the snapshot that knows of it.
    pub(super) told: oneshot::Sender<u64>,
}

/// Owns the picture of one cluster.
pub(super) struct Owner {
    session: Arc<Session>,
    clock: Clock,
    settings: ProbeSettings,
    snapshot: Arc<ClusterSnapshot>,
    serial: u64,
    published: watch::Sender<Published>,
    latest: Arc<ArcSwap<ClusterSnapshot>>,
    plan: watch::Sender<ProbePlan>,
    pace: watch::Sender<Pace>,
    messages: mpsc::Receiver<Message>,
    /// Until when the servers are asked more often.
    hurried_until: Moment,
    announcer: Announcer,
    failures: Arc<Failures>,
    roll: Arc<Roll>,
    /// The serial, for those who only compare it.
    told: Arc<AtomicU64>,
}

impl Owner {
    /// An owner with nothing observed yet, and the ends at which its picture is read.
    pub(super) fn new(
        session: Arc<Session>,
        clock: Clock,
        messages: mpsc::Receiver<Message>,
        announcer: Announcer,
        failures: Arc<Failures>,
        roll: Arc<Roll>,
        told: Arc<AtomicU64>,
    ) -> (Self, watch::Receiver<Published>, Arc<ArcSwap<ClusterSnapshot>>) {
        let info = session.info();
        let configured: Vec<NodeId> = info.hosts().iter().map(|host| host.node_id()).collect();
        let snapshot = Arc::new(ClusterSnapshot {
            clock_began: clock.began_at(),
            ..topology::initial(&configured, &sources::configured(info))
        });
        let latest = Arc::new(ArcSwap::from(Arc::clone(&snapshot)));
        let settings = ProbeSettings { calm: info.probe_interval(), ..ProbeSettings::default() };
        let plan = probe_plan(&snapshot, clock.now(), &settings);
        let (published, receiver) =
            watch::channel(Published { serial: 0, snapshot: Arc::clone(&snapshot) });
        let owner = Self {
            session,
            clock,
            settings,
            snapshot,
            serial: 0,
            published,
            latest: Arc::clone(&latest),
            plan: watch::Sender::new(plan),
            pace: watch::Sender::new(Pace::Hunt),
            messages,
            hurried_until: Moment::default(),
            announcer,
            failures,
            roll,
            told,
        };
        (owner, receiver, latest)
    }

    /// Watches until cancelled. Dropped midway, every task of the monitor ends with it.
    pub(super) async fn run(mut self, cancel: &CancellationToken) {
        let (observations, mut incoming) = mpsc::channel(OBSERVATIONS);
        let mut tasks = JoinSet::new();
        let subscriptions = sources::Subscriptions {
            observations: observations.clone(),
            cancel: cancel.clone(),
            pace: self.pace.subscribe(),
        };
        sources::spawn(&self.session, &subscriptions, &mut tasks);
        let sentinel =
            Sentinel::new(Arc::clone(&self.roll), &self.session, self.clock, observations.clone());
        tasks.spawn(sentinel.run());
        let mut probers = Probers { observations, running: BTreeMap::new() };
        let mut probing = JoinSet::new();
        self.staff(&mut probers, &mut probing);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                Some(observation) = incoming.recv() => self.observe(&observation),
                Some(message) = self.messages.recv() => match message {
                    Message::Suspicion(report) => self.take(report),
                    Message::Hurry => {
                        self.hurried_until = self.clock.now().after(HURRIED);
                        self.plan();
                    }
                },
            }
            self.staff(&mut probers, &mut probing);
        }
    }

    fn take(&mut self, report: Report) {
        let Report { node, generation, sign, told } = report;
        let known = self.snapshot.nodes.get(&node).map(|node| node.generation);
        // A connection of an older run says nothing of this one.
        if known.is_some() && (generation.is_none() || generation == known) {
            self.observe(&Observation::Suspected { node, sign });
            self.publish();
        }
        // The caller may have given up.
        let _ = told.send(self.serial);
    }

    fn observe(&mut self, observation: &Observation) {
        if let Observation::Answered { node, .. } = observation {
            self.failures.forget(node);
        }
        let folded = fold(&self.snapshot, observation, self.clock.now());
        let news = changed(&self.snapshot, &folded.snapshot);
        self.snapshot = Arc::new(folded.snapshot);
        self.latest.store(Arc::clone(&self.snapshot));
        if news {
            self.publish();
        }
        for event in &folded.events {
            self.announcer.announce(event);
        }
        self.plan();
    }

    fn plan(&self) {
        let now = self.clock.now();
        let settings = if now < self.hurried_until {
            ProbeSettings {
                calm: self.settings.calm.min(self.settings.hunt_longest),
                ..self.settings
            }
        } else {
            self.settings
        };
        let plan = probe_plan(&self.snapshot, now, &settings);
        let pace = match plan.pace {
            topology::Pace::Calm => Pace::Calm,
            topology::Pace::Hunt => Pace::Hunt,
        };
        self.plan.send_if_modified(|current| {
            let differs = *current != plan;
            *current = plan;
            differs
        });
        self.pace.send_if_modified(|current| std::mem::replace(current, pace) != pace);
    }

    fn publish(&mut self) {
        self.serial += 1;
        let snapshot = Arc::clone(&self.snapshot);
        self.published.send_replace(Published { serial: self.serial, snapshot });
        self.told.store(self.serial, Ordering::Release);
    }

    /// A prober for each known node, and none for those that are gone.
    fn staff(&self, probers: &mut Probers, probing: &mut JoinSet<()>) {
        probers.running.retain(|node, task| {
            let known = self.snapshot.nodes.contains_key(node);
            if !known {
                task.abort();
            }
            known
        });
        while probing.try_join_next().is_some() {}
        let missing = self.snapshot.nodes.keys().filter(|it| !probers.running.contains_key(*it));
        for node in missing.cloned().collect::<Vec<_>>() {
            let prober = Prober::new(
                Arc::clone(&self.session),
                node.clone(),
                self.plan.subscribe(),
                probers.observations.clone(),
                Arc::clone(&self.failures),
            );
            probers.running.insert(node, probing.spawn(prober.run()));
        }
    }
}

struct Probers {
    observations: mpsc::Sender<Observation>,
    running: BTreeMap<NodeId, AbortHandle>,
}

/// How long the servers are asked more often once somebody waits for a newer word of them.
const HURRIED: Duration = Duration::from_secs(5);

/// What sources and probers may have told ahead of the owner.
const OBSERVATIONS: usize = 256;

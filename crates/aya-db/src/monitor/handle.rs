//! The monitor as the rest of the driver holds it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use aya_db_core::observation::Suspicion;
use aya_db_core::route::hopeless;
use aya_db_core::snapshot::{ClusterSnapshot, Health, NodeRole, SourceState};
use aya_db_core::topology::explain;
use aya_db_core::{Generation, NodeId};

use super::failures::{Failures, HostReport};
use super::owner::{Message, Owner, Report};
use super::sentinel::Roll;
use crate::clock::Clock;
use crate::connect::{ConnectFailure, Session};
use crate::events::{Announcer, Events};
use crate::link::Link;

/// A snapshot as it was published.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    /// Rises with every observation that callers wait for.
    pub(crate) serial: u64,
    /// The picture.
    pub(crate) snapshot: Arc<ClusterSnapshot>,
}

/// Watches one cluster until the last handle is dropped.
#[derive(Debug)]
pub(crate) struct Monitor {
    pub(super) clock: Clock,
    pub(super) session: Arc<Session>,
    published: watch::Receiver<Published>,
    serial: Arc<AtomicU64>,
    latest: Arc<ArcSwap<ClusterSnapshot>>,
    messages: mpsc::Sender<Message>,
    announcer: Announcer,
    failures: Arc<Failures>,
    roll: Arc<Roll>,
    _end: DropGuard,
}

impl Monitor {
    /// Starts the thread that watches the cluster of `session`.
    ///
    /// # Errors
    /// When the system refuses a thread or what a runtime needs.
    pub(super) fn start(session: Arc<Session>) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let cancel = CancellationToken::new();
        let roll = Arc::new(Roll::default());
        let failures = Arc::new(Failures::default());
        let announcer = Announcer::new();
        let clock = Clock::start();
        let (messages, incoming) = mpsc::channel(MESSAGES);
        let serial = Arc::new(AtomicU64::new(0));
        let (owner, published, latest) = Owner::new(
            Arc::clone(&session),
            clock,
            incoming,
            announcer.clone(),
            Arc::clone(&failures),
            Arc::clone(&roll),
            Arc::clone(&serial),
        );
        let until = cancel.clone();
        thread::Builder::new().name("aya-db-monitor".to_owned()).spawn(move || {
            runtime.block_on(owner.run(&until));
            // A name look-up may be stuck in the resolver; nobody waits for it.
            runtime.shutdown_background();
        })?;
        Ok(Self {
            clock,
            session,
            published,
            serial,
            latest,
            messages,
            announcer,
            failures,
            roll,
            _end: cancel.drop_guard(),
        })
    }

    /// The changes that selection reads, newest only.
    pub(crate) fn published(&self) -> watch::Receiver<Published> {
        self.published.clone()
    }

    /// The picture at this moment.
    pub(crate) fn snapshot(&self) -> Arc<ClusterSnapshot> {
        self.latest.load_full()
    }

    pub(crate) fn explain(&self) -> String {
        explain(&self.snapshot(), self.clock.now())
    }

    pub(crate) const fn clock(&self) -> Clock {
        self.clock
    }

    pub(crate) fn events(&self) -> Events {
        self.announcer.subscribe()
    }

    /// Puts a connection under watch: while it owes an answer, its server is asked whether it
    /// lives.
    pub(crate) fn watch(&self, link: &Link) {
        self.roll.enrol(link);
    }

    /// Tells of a sign of trouble with a connection made under `generation`; the receiver gets
    /// the serial of the snapshot that knows of it. `None` if the sign is old news, or if there
    /// are too many of them already.
    pub(crate) fn suspect(
        &self,
        node: &NodeId,
        generation: Option<Generation>,
        sign: Suspicion,
    ) -> Option<oneshot::Receiver<u64>> {
        let (told, heard) = oneshot::channel();
        let report = Report { node: node.clone(), generation, sign, told };
        self.messages.try_send(Message::Suspicion(report)).ok().map(|()| heard)
    }

    /// Has the servers asked more often for a while: somebody waits for a newer word of them.
    pub(crate) fn hurry(&self) {
        // With the channel full, so much is going on that they are asked anyway.
        let _ = self.messages.try_send(Message::Hurry);
    }

    /// The failure for which it is no use to wait on, while no leader has ever been confirmed.
    pub(crate) fn final_failure(&self, snapshot: &ClusterSnapshot) -> Option<Arc<ConnectFailure>> {
        self.failures.of(&hopeless(snapshot, &self.failures.kinds())?)
    }

    /// The serial of the newest published snapshot. Whoever was told of an event finds at least
    /// this one behind it.
    pub(crate) fn serial(&self) -> u64 {
        self.serial.load(Ordering::Acquire)
    }

    /// What is known of each host.
    pub(crate) fn host_reports(&self) -> Vec<HostReport> {
        let snapshot = self.snapshot();
        let report = |(id, node): (&NodeId, &aya_db_core::snapshot::Node)| {
            let down = matches!(node.health, Health::Down(_));
            let state = match (node.health, node.role) {
                (Health::Untried, _) => "it was not asked yet, or has not answered yet".to_owned(),
                (Health::Down(cause), _) => cause.to_string(),
                (_, NodeRole::Standby) => "it is a standby".to_owned(),
                (_, NodeRole::StalePrimary) => "it is a primary that was left behind".to_owned(),
                (Health::Suspect, _) => "it is in doubt".to_owned(),
                (Health::Up, _) if node.default_read_only => {
                    "its sessions are read-only by default".to_owned()
                }
                (Health::Up, _) => "it answers".to_owned(),
            };
            let failure = if down { self.failures.of(id) } else { None };
            HostReport { node: id.clone(), failure, state }
        };
        snapshot.nodes.iter().map(report).collect()
    }

    /// The sources that cannot be read, each with the reason.
    pub(crate) fn lost_sources(&self) -> Vec<String> {
        let snapshot = self.snapshot();
        let lost = snapshot.sources.iter().filter_map(|(source, state)| match state {
            SourceState::Lost { reason, .. } => Some(format!("{source}: {reason}")),
            SourceState::Live { .. } | SourceState::Pending => None,
        });
        lost.collect()
    }

    /// Whether its thread still runs.
    pub(super) fn is_alive(&self) -> bool {
        !self.messages.is_closed()
    }
}

/// More messages than this at a time say nothing new.
const MESSAGES: usize = 1024;

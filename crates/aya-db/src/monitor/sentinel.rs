//! Notices servers that fall silent while they owe an answer.
//!
//! All connections to one server are judged together by [`liveness`](aya_db_core::liveness): a
//! byte on any of them, or an answered ping, shows that the server lives. A statement costs
//! nothing here; the sentinel looks at counters four times a second or so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

use aya_db_core::liveness::{LivenessPolicy, Verdict, Watch};
use aya_db_core::observation::{Observation, Suspicion};
use aya_db_core::{Moment, NodeId};

use super::ping::{Pong, ping};
use crate::clock::Clock;
use crate::connect::{Address, Session};
use crate::link::{Link, LinkHandle, Severed};

/// The connections under watch.
#[derive(Debug, Default)]
pub(crate) struct Roll(Mutex<Vec<Enrolled>>);

#[derive(Debug)]
struct Enrolled {
    node: NodeId,
    address: Address,
    handle: LinkHandle,
    heard: u64,
}

impl Roll {
    pub(super) fn enrol(&self, link: &Link) {
        let enrolled = Enrolled {
            node: link.node().clone(),
            address: link.dialled().address.clone(),
            handle: link.handle().clone(),
            heard: link.state().heard(),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(enrolled);
    }

    /// The servers that owe an answer, and whether they were heard since the last look.
    fn busy(&self) -> BTreeMap<NodeId, Busy> {
        let mut roll = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        roll.retain(|link| link.handle.state().end().is_none());
        let mut busy: BTreeMap<NodeId, Busy> = BTreeMap::new();
        for link in roll.iter_mut() {
            let heard = link.handle.state().heard();
            let news = std::mem::replace(&mut link.heard, heard) != heard;
            if link.handle.state().outstanding() == 0 {
                continue;
            }
            let entry = busy.entry(link.node.clone()).or_insert_with(|| Busy {
                address: link.address.clone(),
                heard: false,
                handles: Vec::new(),
            });
            entry.heard |= news;
            entry.handles.push(link.handle.clone());
        }
        busy
    }
}

/// One server that owes answers.
struct Busy {
    address: Address,
    heard: bool,
    handles: Vec<LinkHandle>,
}

/// The task that ticks.
pub(super) struct Sentinel {
    roll: Arc<Roll>,
    session: Arc<Session>,
    clock: Clock,
    policy: LivenessPolicy,
    observations: mpsc::Sender<Observation>,
    watches: BTreeMap<NodeId, Watch>,
    told_gone: BTreeMap<NodeId, Moment>,
    pings: JoinSet<(NodeId, Pong)>,
}

impl Sentinel {
    pub(super) fn new(
        roll: Arc<Roll>,
        session: &Arc<Session>,
        clock: Clock,
        observations: mpsc::Sender<Observation>,
    ) -> Self {
        Self {
            roll,
            session: Arc::clone(session),
            clock,
            policy: LivenessPolicy::of(session.info().silence_timeout()),
            observations,
            watches: BTreeMap::new(),
            told_gone: BTreeMap::new(),
            pings: JoinSet::new(),
        }
    }

    /// Ticks until the monitor is gone.
    pub(super) async fn run(mut self) {
        let mut ticks = interval(self.policy.tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = self.clock.now();
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    let now = self.clock.now();
                    if self.tick(now, last).await.is_err() {
                        return;
                    }
                    last = now;
                }
                Some(Ok((node, pong))) = self.pings.join_next() => self.heard_of(&node, pong),
            }
        }
    }

    fn heard_of(&mut self, node: &NodeId, pong: Pong) {
        let Some(watch) = self.watches.get_mut(node) else { return };
        match pong {
            Pong::Answered => watch.ping_answered(self.clock.now()),
            Pong::Refused => watch.ping_refused(),
            Pong::Nothing => {}
        }
    }

    /// Looks at every server that owes an answer. `last` is when it looked before: whatever is
    /// owed now and was not then was asked for after it.
    async fn tick(&mut self, now: Moment, last: Moment) -> Result<(), Gone> {
        let busy = self.roll.busy();
        self.watches.retain(|node, _| busy.contains_key(node));
        self.told_gone.retain(|node, _| busy.contains_key(node));
        for (node, server) in busy {
            let policy = self.policy;
            let watch =
                self.watches.entry(node.clone()).or_insert_with(|| Watch::new(policy, last));
            if server.heard {
                watch.heard(now);
            }
            match watch.tick(now) {
                Verdict::Alive => {}
                Verdict::Ask => self.ask(&node, &server.address, now),
                Verdict::Gone => {
                    self.ask(&node, &server.address, now);
                    self.gone(&node, now).await?;
                }
                Verdict::Silent { since_life } => {
                    self.silent(&node, &server, since_life).await?;
                }
            }
        }
        Ok(())
    }

    fn ask(&mut self, node: &NodeId, address: &Address, now: Moment) {
        if let Some(watch) = self.watches.get_mut(node) {
            watch.ping_sent(now);
        }
        let (session, address, node) = (Arc::clone(&self.session), address.clone(), node.clone());
        let limit = self.policy.silence_timeout * 2;
        self.pings.spawn(async move {
            let pong = ping(&address, session.info().sockets(), limit).await;
            (node, pong)
        });
    }

    /// Nothing listens any more: said once a second, while the links may still bring an answer.
    async fn gone(&mut self, node: &NodeId, now: Moment) -> Result<(), Gone> {
        let told = self.told_gone.get(node).is_some_and(|told| now.since(*told) < REPEAT);
        if told {
            return Ok(());
        }
        self.told_gone.insert(node.clone(), now);
        self.tell(node, Suspicion::ConnectionLost).await
    }

    async fn silent(
        &mut self,
        node: &NodeId,
        server: &Busy,
        since_life: Duration,
    ) -> Result<(), Gone> {
        let silent_ms = u64::try_from(since_life.as_millis()).unwrap_or(u64::MAX);
        warn!(%node, silent_ms, links = server.handles.len(), "the server fell silent");
        let told = self.tell(node, Suspicion::Silent).await;
        for handle in &server.handles {
            handle.sever(Severed::Silent);
        }
        self.watches.remove(node);
        told
    }

    async fn tell(&self, node: &NodeId, sign: Suspicion) -> Result<(), Gone> {
        let suspected = Observation::Suspected { node: node.clone(), sign };
        self.observations.send(suspected).await.map_err(|_| Gone)
    }
}

/// The monitor has gone.
struct Gone;

const REPEAT: Duration = Duration::from_secs(1);

//! Asks one server about itself, as often as the plan says, over a connection that it keeps.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use aya_db_core::conninfo::{HostSpec, LoadBalanceHosts};
use aya_db_core::failure::ConnectStage;
use aya_db_core::observation::{Observation, ServerAnswer};
use aya_db_core::topology::ProbePlan;
use aya_db_core::{Generation, NodeId};

use super::failures::Failures;
use super::question::ask;
use crate::connect::{ConnectCause, ConnectFailure, Label, Session, open};
use crate::link::{Link, Severed};

/// One server's prober.
pub(super) struct Prober {
    session: Arc<Session>,
    node: NodeId,
    host: HostSpec,
    plan: watch::Receiver<ProbePlan>,
    observations: mpsc::Sender<Observation>,
    failures: Arc<Failures>,
    link: Option<Link>,
}

impl Prober {
    pub(super) fn new(
        session: Arc<Session>,
        node: NodeId,
        plan: watch::Receiver<ProbePlan>,
        observations: mpsc::Sender<Observation>,
        failures: Arc<Failures>,
    ) -> Self {
        let host = session.info().host_of(&node);
        Self { session, node, host, plan, observations, failures, link: None }
    }

    /// Asks again and again, until the monitor is gone. Dropped midway, its connection is closed.
    pub(super) async fn run(mut self) {
        tokio::time::sleep(self.head_start()).await;
        loop {
            let began = Instant::now();
            let observation = match self.probe().await {
                Ok(answer) => Observation::Answered { node: self.node.clone(), answer },
                Err(failure) => {
                    self.link = None;
                    let cause = failure.unreachable();
                    let detail = failure.to_string();
                    self.failures.keep(failure);
                    Observation::Unanswered { node: self.node.clone(), cause, detail }
                }
            };
            if self.observations.send(observation).await.is_err() {
                return;
            }
            if !self.pause(began).await {
                return;
            }
        }
    }

    /// Hosts are asked a little apart, in the order of the connection string, so that the answer
    /// of the first one counts where one answer settles the matter (a wrong password); with
    /// `load_balance_hosts=random` in any order.
    fn head_start(&self) -> Duration {
        let hosts = self.session.info().hosts();
        let place = match self.session.info().load_balance_hosts() {
            LoadBalanceHosts::Disable => {
                hosts.iter().position(|host| host.node_id() == self.node).unwrap_or(0)
            }
            LoadBalanceHosts::Random => rand::random_range(0..hosts.len()),
        };
        STAGGER * u32::try_from(place.min(MOST_STAGGERED)).unwrap_or(0)
    }

    /// Waits until the next probe is due, which a new plan may bring forward; whether there is
    /// anybody left to tell.
    async fn pause(&mut self, began: Instant) -> bool {
        loop {
            let every = {
                let plan = self.plan.borrow_and_update();
                plan.nodes.iter().find(|pace| pace.node == self.node).map(|pace| pace.every)
            };
            // A node that the plan does not know is about to lose its prober.
            let due = began + every.unwrap_or(IDLE);
            tokio::select! {
                () = sleep_until(due) => return true,
                changed = self.plan.changed() => if changed.is_err() { return false },
                () = lost(self.link.as_ref()) => {
                    // The end of the connection is a sign by itself: ask at once, but not faster
                    // than a hunt does.
                    self.link = None;
                    sleep_until(due.min(began + HASTE)).await;
                    return true;
                }
            }
        }
    }

    async fn probe(&mut self) -> Result<ServerAnswer, ConnectFailure> {
        let began = Instant::now();
        let deadline = began + 2 * self.session.info().silence_timeout();
        if let Some(link) = self.link.as_ref().filter(|link| link.state().end().is_none())
            && let Some(answer) = self.ask_over(link, began).await?
        {
            return Ok(answer);
        }
        self.link = None;
        let label =
            Label { node: &self.node, generation: Generation::default(), notifications: None };
        let opened = timeout_at(deadline, open(&self.session, &self.host, label, deadline)).await;
        let link = match opened {
            Ok(opened) => opened?,
            Err(_) => return Err(self.failure(ConnectStage::Auth, ConnectCause::Deadline, began)),
        };
        let answer = match timeout_at(deadline, ask(&link)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                return Err(self.failure(ConnectStage::RoleCheck, error.into(), began));
            }
            Err(_) => {
                return Err(self.failure(ConnectStage::RoleCheck, ConnectCause::Deadline, began));
            }
        };
        self.link = Some(link);
        Ok(answer)
    }

    /// Asks over the connection there is; `None` if it turns out to be dead, which says nothing
    /// of the server.
    async fn ask_over(
        &self,
        link: &Link,
        began: Instant,
    ) -> Result<Option<ServerAnswer>, ConnectFailure> {
        match timeout(self.session.info().silence_timeout(), ask(link)).await {
            Ok(Ok(answer)) => Ok(Some(answer)),
            Ok(Err(_)) => Ok(None),
            Err(_) => {
                link.handle().sever(Severed::Silent);
                Err(self.failure(ConnectStage::RoleCheck, ConnectCause::Deadline, began))
            }
        }
    }

    fn failure(&self, stage: ConnectStage, cause: ConnectCause, began: Instant) -> ConnectFailure {
        ConnectFailure { node: self.node.clone(), stage, cause, elapsed: began.elapsed() }
    }
}

/// Resolves when the connection has ended; never without one.
async fn lost(link: Option<&Link>) {
    match link {
        Some(link) => link.state().ended().await,
        None => std::future::pending().await,
    }
}

/// Between the first questions to one host and to the next.
const STAGGER: Duration = Duration::from_millis(50);
const MOST_STAGGERED: usize = 10;

/// Between two questions where the connection for the second one was lost.
const HASTE: Duration = Duration::from_millis(25);

const IDLE: Duration = Duration::from_secs(1);

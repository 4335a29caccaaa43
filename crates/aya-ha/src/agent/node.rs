use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use aya_db_core::{Lsn, Moment};
use aya_dcs::etcd::EtcdStore;
use aya_dcs::patroni::Scope;
use aya_dcs::{LeaseId, Writer};
use aya_ha_core::cluster::Cluster;
use aya_ha_core::cluster::encode::Announcement;
use aya_ha_core::config::{Config, Dynamic};
use aya_ha_core::lease::Timing;
use aya_ha_core::plan::{Action, Decision, Stop, decide};
use aya_ha_core::rest::{Answer as Answered, Status};
use aya_ha_core::view::{Answer, Memory, Profile, Store, View};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::keys::{self, Seen};
use super::lease::{self, Held};
use super::lookout::{self, Sight};
use super::view::{Parts, profile, view};
use super::work::Work;
use crate::api::Ordered;
use crate::clock;
use crate::postgres::Server;

/// The agent, with everything that it alone changes.
pub(super) struct Agent {
    pub(super) server: Arc<Server>,
    pub(super) store: Arc<EtcdStore>,
    pub(super) scope: Scope,
    pub(super) dynamic: Dynamic,
    /// The revision of the configuration that is in force.
    pub(super) configured: Option<u64>,
    pub(super) seen: watch::Receiver<Seen>,
    pub(super) held: watch::Receiver<Option<Held>>,
    pub(super) timing: watch::Sender<Timing>,
    pub(super) sight: watch::Receiver<Sight>,
    pub(super) nudge: Arc<Notify>,
    pub(super) http: reqwest::Client,
    pub(super) answers: (mpsc::Sender<Heard>, mpsc::Receiver<Heard>),
    pub(super) work: Option<Work>,
    pub(super) checkpoint: Option<JoinHandle<()>>,
    pub(super) memory: Memory,
    /// Until when no work is begun, after some that failed.
    pub(super) rests_until: Option<Moment>,
    /// `synchronous_standby_names`, and where the log ended when it was first seen.
    pub(super) waits: (String, Lsn),
    pub(super) diverged: bool,
    pub(super) comparison: Option<JoinHandle<bool>>,
    pub(super) compared_at: Option<Moment>,
    pub(super) announced: Option<(Announcement, LeaseId, Moment)>,
    /// The decision that was last told to people.
    pub(super) told: Option<(u16, String)>,
    pub(super) led_by: Option<String>,
    pub(super) leaderless_at: Option<Moment>,
    pub(super) status: watch::Sender<Option<Arc<Status>>>,
    pub(super) orders: mpsc::Receiver<Ordered>,
    /// Who waits for the work that is under way.
    pub(super) ordered: Option<oneshot::Sender<Answered>>,
}

/// An answer of a node, and when it was asked.
type Heard = (Moment, String, Answer);

/// Runs the node until it is told to stop.
///
/// # Errors
/// If it cannot start, or must not go on.
pub async fn run(
    config: Config,
    store: EtcdStore,
    status: watch::Sender<Option<Arc<Status>>>,
    orders: mpsc::Receiver<Ordered>,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let mut agent = Agent::new(config, store, status, orders).await?;
    tokio::pin!(stop);
    loop {
        if let Err(error) = agent.pass().await {
            agent.give_up().await;
            return Err(error);
        }
        tokio::select! {
            () = &mut stop => {
                agent.leave().await;
                return Ok(());
            }
            () = agent.news() => {}
        }
    }
}

impl Agent {
    async fn new(
        config: Config,
        store: EtcdStore,
        status: watch::Sender<Option<Arc<Status>>>,
        orders: mpsc::Receiver<Ordered>,
    ) -> anyhow::Result<Self> {
        let scope = Scope::new(&config.namespace, &config.scope)
            .map_err(|error| anyhow::anyhow!("scope: {error}"))?;
        let dynamic = Dynamic::read(&config.bootstrap.dcs);
        let length = config.aya.lease;
        let server = Server::new(config, dynamic.clone()).await.context("PostgreSQL")?;
        let (server, store) = (Arc::new(server), Arc::new(store));
        let (timing, timings) = watch::channel(length);
        let nudge = Arc::new(Notify::new());
        Ok(Self {
            seen: keys::follow(Arc::clone(&store), scope.prefix()),
            held: lease::keep(Arc::clone(&store), timings),
            timing,
            sight: lookout::watch(Arc::clone(&server), Arc::clone(&nudge)).await,
            nudge,
            server,
            store,
            scope,
            dynamic,
            configured: None,
            http: reqwest::Client::builder().build().context("HTTP client")?,
            answers: mpsc::channel(64),
            work: None,
            checkpoint: None,
            memory: Memory::default(),
            rests_until: None,
            waits: (String::new(), Lsn(0)),
            diverged: false,
            comparison: None,
            compared_at: None,
            announced: None,
            told: None,
            led_by: None,
            leaderless_at: None,
            status,
            orders,
            ordered: None,
        })
    }

    /// Waits until something is new, or time alone may change what is to be done.
    async fn news(&mut self) {
        let deadline = self.held.borrow().map(|held| held.lease.deadline().since(clock::now()));
        let most = deadline.filter(|left| !left.is_zero()).map_or(TICK, |left| left.min(TICK));
        let work = async {
            match &mut self.work {
                Some(work) => {
                    while !work.task.is_finished() {
                        sleep(POLL).await
                    }
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _closed = self.seen.changed() => {}
            _closed = self.held.changed() => {}
            _closed = self.sight.changed() => {}
            Some((at, name, answer)) = self.answers.1.recv() => {
                if let Some(asked) = self.memory.peers.as_mut().filter(|asked| asked.at == at) {
                    asked.answers.insert(name, answer);
                }
            }
            Some((order, tell)) = self.orders.recv() => self.obey(order, tell),
            () = work => {}
            () = sleep(most) => {}
        }
    }

    /// One pass: look, decide, act, and say how it is.
    async fn pass(&mut self) -> anyhow::Result<()> {
        self.finish_work().await;
        // What arrives from here on is for the next pass.
        self.seen.mark_unchanged();
        self.held.mark_unchanged();
        self.sight.mark_unchanged();
        let cluster = Cluster::decode(&self.seen.borrow().keys);
        if let Some(probe) = &self.sight.borrow().probe {
            self.server.adopt(&probe.standby_names);
        }
        self.reconfigure(&cluster);
        self.remember(&cluster);
        let view = self.view(cluster);
        self.compare(&view);
        let decision = decide(&view);
        self.tell(&view, &decision);
        for action in &decision.actions {
            if !self.act(action, &view).await? {
                break;
            }
        }
        // What is shown is what the actions have led to.
        let cluster = Cluster::decode(&self.seen.borrow().keys);
        self.remember(&cluster);
        let view = self.view(cluster);
        self.announce(&view).await;
        self.show(view);
        Ok(())
    }

    pub(super) fn view(&mut self, cluster: Cluster) -> View {
        let sight = self.sight.borrow().clone();
        if let Some(probe) = &sight.probe
            && probe.standby_names != self.waits.0
        {
            self.waits = (probe.standby_names.clone(), probe.flushed);
        }
        let held = *self.held.borrow();
        view(Parts {
            server: &self.server,
            dynamic: &self.dynamic,
            seen: &self.seen.borrow(),
            cluster,
            held,
            sight: &sight,
            working: self.work.as_ref().map(|work| work.job.clone()),
            memory: self.memory.clone(),
            waits_since: self.waits.1,
            diverged: self.diverged,
        })
    }

    /// Takes a new configuration of the cluster over, and the length of lease that goes with it.
    fn reconfigure(&mut self, cluster: &Cluster) {
        if let Some((config, modified)) = &cluster.config
            && self.configured != Some(*modified)
        {
            self.configured = Some(*modified);
            self.dynamic = Dynamic::read(config);
            if let Err(error) = self.server.reconfigure(self.dynamic.clone()) {
                tracing::error!(%error, "the cluster's configuration is not taken over");
            }
        }
        let own = self.server.config();
        let wanted = match profile(own, cluster) {
            Profile::Native => own.aya.lease,
            Profile::Patroni => Timing::new(self.dynamic.ttl.min(LONGEST)).unwrap_or(own.aya.lease),
        };
        self.timing.send_if_modified(|timing| {
            let changes = *timing != wanted;
            *timing = wanted;
            changes
        });
    }

    fn remember(&mut self, cluster: &Cluster) {
        let now = clock::now();
        if cluster.leader.is_some() {
            self.memory.leaderless_since = None;
            self.memory.peers = None;
        } else if self.memory.leaderless_since.is_none() {
            self.memory.leaderless_since = Some(now);
        }
        if cluster.leader.as_ref().is_some_and(|leader| leader.name == self.server.config().name) {
            self.memory.bootstraps = false;
        }
        self.tell_leader(cluster, now);
    }

    /// One line for each change of leader.
    fn tell_leader(&mut self, cluster: &Cluster, now: Moment) {
        let leader = cluster.leader.as_ref().map(|leader| leader.name.clone());
        match (&leader, &self.led_by) {
            (None, Some(_)) if self.leaderless_at.is_none() => self.leaderless_at = Some(now),
            (Some(new), old) if old.as_ref() != Some(new) => {
                let old = old.as_deref().unwrap_or("nobody");
                let span = self.leaderless_at.take().map(|at| now.since(at).as_millis());
                tracing::info!(old, new, leaderless_ms = span, "the leader changed");
                self.led_by.clone_from(&leader);
            }
            (Some(_), _) => self.leaderless_at = None,
            _ => {}
        }
    }

    fn tell(&mut self, view: &View, decision: &Decision) {
        let news = (decision.rule.id, decision.why.clone());
        if self.told.as_ref() != Some(&news) {
            let Decision { rule, why, .. } = decision;
            let role = if view.has_lock() { "leader" } else { "follower" };
            tracing::info!(rule = rule.name, %why, role, "{}", rule.says);
            self.told = Some(news);
        }
    }

    fn show(&self, view: View) {
        let store_seen = match view.store {
            Store::Current => view.wall_ms,
            Store::Lost(since) => view.wall_ms - millis(view.now.since(since)),
        };
        let probe = self.sight.borrow().probe.clone();
        let scope = self.server.config().scope.clone();
        let status = Status { view, probe, scope, store_seen: store_seen / 1_000 };
        self.status.send_replace(Some(Arc::new(status)));
    }

    /// Stops in order: the server first, then the lock is let go, so that another can lead at once.
    async fn leave(&mut self) {
        if let Some(work) = self.work.take() {
            work.task.abort();
        }
        let cluster = Cluster::decode(&self.seen.borrow().keys);
        let view = self.view(cluster);
        if view.cluster.is_paused() {
            return;
        }
        let how = if view.has_lock() && view.is_primary() { Stop::Handover } else { Stop::Fast };
        if let Err(error) = self.server.stop(how).await {
            tracing::error!(%error, "the server does not stop");
            return;
        }
        if view.has_lock() {
            let end = self.server.control().await.ok().map(|control| control.end().0);
            let _told = self.act(&Action::ReleaseLock { end }, &view).await;
        }
        if let Some(LeaseId(lease)) = view.lease_id.map(LeaseId) {
            let _told = self.store.revoke(LeaseId(lease)).await;
        }
    }

    /// Ends without touching a server that is not ours, but not while one of ours leads unwatched.
    async fn give_up(&mut self) {
        let cluster = Cluster::decode(&self.seen.borrow().keys);
        let view = self.view(cluster);
        if view.has_lock() {
            self.leave().await;
        }
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
/// How long nothing may happen before the agent looks all the same.
const TICK: Duration = Duration::from_millis(1_000);
const POLL: Duration = Duration::from_millis(2);
/// The longest lease there is.
const LONGEST: Duration = Duration::from_secs(30);

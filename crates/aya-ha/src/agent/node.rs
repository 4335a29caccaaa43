use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use aya_db_core::{Lsn, Moment, NodeId};
use aya_dcs::etcd::EtcdStore;
use aya_dcs::patroni::Scope;
use aya_dcs::{LeaseId, Outcome, Txn, Writer};
use aya_ha_core::cluster::Cluster;
use aya_ha_core::cluster::encode::{self, Announcement};
use aya_ha_core::config::{Config, Dynamic};
use aya_ha_core::lease::Timing;
use aya_ha_core::plan::{Action, Decision, Job, Stop, decide};
use aya_ha_core::rest::{Answer as Answered, Order, Status};
use aya_ha_core::view::{Answer, Asked, Memory, Profile, Store, View};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::announce::{Standing, announcement, essence};
use super::keys::{self, Seen};
use super::lease::{self, Held};
use super::lookout::{self, Sight};
use super::orders::Means;
use super::view::{Parts, profile, view};
use super::{execute, peers};
use crate::api::Ordered;
use crate::clock;
use crate::postgres::{Server, ServerError};

/// The agent, with everything that it alone changes.
struct Agent {
    server: Arc<Server>,
    store: Arc<EtcdStore>,
    scope: Scope,
    dynamic: Dynamic,
    /// The revision of the configuration that is in force.
    configured: Option<u64>,
    seen: watch::Receiver<Seen>,
    held: watch::Receiver<Option<Held>>,
    timing: watch::Sender<Timing>,
    sight: watch::Receiver<Sight>,
    nudge: Arc<Notify>,
    http: reqwest::Client,
    answers: (mpsc::Sender<Heard>, mpsc::Receiver<Heard>),
    work: Option<Work>,
    checkpoint: Option<JoinHandle<()>>,
    memory: Memory,
    /// Until when no work is begun, after some that failed.
    rests_until: Option<Moment>,
    /// `synchronous_standby_names`, and where the log ended when it was first seen.
    waits: (String, Lsn),
    diverged: bool,
    comparison: Option<JoinHandle<bool>>,
    compared_at: Option<Moment>,
    announced: Option<(Announcement, LeaseId, Moment)>,
    /// The decision that was last told to people.
    told: Option<(u16, String)>,
    led_by: Option<String>,
    leaderless_at: Option<Moment>,
    status: watch::Sender<Option<Arc<Status>>>,
    orders: mpsc::Receiver<Ordered>,
    /// Who waits for the work that is under way.
    ordered: Option<oneshot::Sender<Answered>>,
}

/// An answer of a node, and when it was asked.
type Heard = (Moment, String, Answer);

struct Work {
    job: Job,
    task: JoinHandle<Result<(), ServerError>>,
}

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

    fn view(&mut self, cluster: Cluster) -> View {
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

    /// Does what somebody asked for: what the store alone is needed for beside everything else, work on the
    /// server as other work.
    fn obey(&mut self, order: Order, tell: oneshot::Sender<Answered>) {
        let job = match order {
            Order::Reload => {
                let reloaded = self.server.reconfigure(self.dynamic.clone());
                let answer = reloaded.map_or_else(
                    |error| Answered::text(503, error.to_string()),
                    |()| Answered::text(202, "reload scheduled"),
                );
                let _gone = tell.send(answer);
                return;
            }
            Order::Restart => Job::Restart,
            Order::Reinitialize => {
                let leader = Cluster::decode(&self.seen.borrow().keys).leader;
                Job::Reinitialize { from: leader.map(|it| it.name).unwrap_or_default() }
            }
            order @ (Order::Configure { .. } | Order::Switch(_) | Order::CancelSwitch) => {
                let (store, seen) = (Arc::clone(&self.store), self.seen.clone());
                let loop_wait = self.dynamic.loop_wait;
                let means = Means { store, scope: self.scope.clone(), seen, loop_wait };
                tokio::spawn(async move {
                    let _gone = tell.send(means.obey(order).await);
                });
                return;
            }
        };
        if self.work.is_some() {
            let _gone = tell.send(Answered::text(503, "other work is under way"));
            return;
        }
        let cluster = Cluster::decode(&self.seen.borrow().keys);
        let view = self.view(cluster);
        self.rests_until = None;
        self.begin(&job, &view);
        if matches!(job, Job::Reinitialize { .. }) {
            let _gone = tell.send(Answered::text(200, "reinitialize started"));
        } else {
            self.ordered = Some(tell);
        }
    }

    /// Does one action, and says whether those after it may be done.
    async fn act(&mut self, action: &Action, view: &View) -> anyhow::Result<bool> {
        if execute::is_done(action, &view.cluster, &view.me.name) {
            return Ok(true);
        }
        let first = &self.server.config().bootstrap.dcs;
        if let Some(txn) = execute::transaction(action, view, &self.scope, first) {
            let done = self.commit(action, txn).await;
            if matches!(action, Action::WriteStatus(_)) {
                self.memory.status_at = Some(view.now);
            }
            if matches!(action, Action::ClaimBootstrap) && done {
                self.memory.bootstraps = true;
            }
            return Ok(done);
        }
        match action {
            Action::Ask(names) => self.ask(names.iter().cloned(), view),
            Action::Checkpoint => self.checkpoint(),
            Action::WaitFor(standbys) => {
                if let Err(error) = self.server.wait_for(standbys) {
                    tracing::error!(%error, "synchronous_standby_names is not set");
                    return Ok(false);
                }
                self.nudge.notify_one();
            }
            Action::Begin(job) => self.begin(job, view),
            Action::Refuse(why) => bail!("{why}"),
            _ => {}
        }
        Ok(true)
    }

    async fn commit(&mut self, action: &Action, txn: Txn) -> bool {
        match self.store.commit(txn).await {
            Ok(Outcome::Done(revision)) => {
                let arrived = self.seen.wait_for(|seen| seen.keys.revision >= revision.0);
                let _late = timeout(ARRIVAL, arrived).await;
                true
            }
            Ok(Outcome::Refused(_)) => {
                tracing::info!(?action, "the store has changed meanwhile");
                self.wait_for_keys().await;
                false
            }
            Err(error) => {
                tracing::warn!(?action, %error, "not known whether it was written");
                self.wait_for_keys().await;
                false
            }
        }
    }

    /// What was decided from is out of date: the change that made it so is on its way.
    async fn wait_for_keys(&mut self) {
        let _late = timeout(ARRIVAL, self.seen.changed()).await;
        self.seen.mark_changed();
    }

    fn ask(&mut self, names: impl Iterator<Item = String>, view: &View) {
        let at = clock::now();
        let names: Vec<_> = names.collect();
        let answers = names.iter().map(|name| (name.clone(), Answer::Awaited)).collect();
        self.memory.peers = Some(Asked { at, answers });
        for name in names {
            let url = view.cluster.members.get(&name).and_then(|member| member.api_url.clone());
            let (http, tell) = (self.http.clone(), self.answers.0.clone());
            let patience = view.settings.peer_timeout;
            tokio::spawn(async move {
                let answer = peers::ask(&http, url, patience).await;
                let _gone = tell.send((at, name, answer)).await;
            });
        }
        // Where there is nobody to ask, the next pass is what answers.
        self.seen.mark_changed();
    }

    fn checkpoint(&mut self) {
        if self.checkpoint.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let (server, nudge) = (Arc::clone(&self.server), Arc::clone(&self.nudge));
        self.checkpoint = Some(tokio::spawn(async move {
            if let Err(error) = server.checkpoint(CHECKPOINT).await {
                tracing::warn!(%error, "no checkpoint");
            }
            nudge.notify_one();
        }));
    }

    fn begin(&mut self, job: &Job, view: &View) {
        let rests = self.rests_until.is_some_and(|until| view.now < until);
        let urgent = matches!(job, Job::Stop(_) | Job::Promote);
        if self.work.is_some() && matches!(job, Job::Stop(_)) {
            // Stopping overrides whatever is done to a server that must not go on.
            if let Some(work) = self.work.take() {
                work.task.abort();
            }
        }
        if self.work.is_some() || (rests && !urgent) {
            return;
        }
        let nodes = |name: &String| {
            view.cluster.members.get(name).and_then(|it| Some((name.clone(), it.node()?)))
        };
        let named = match job {
            Job::Copy { from } | Job::Reinitialize { from } => nodes(from),
            Job::Rejoin { leader } => nodes(leader),
            Job::StartStandby { of: Some(of) } | Job::Follow { of: Some(of) } => nodes(of),
            _ => None,
        };
        let task = tokio::spawn(work(Arc::clone(&self.server), job.clone(), named));
        self.work = Some(Work { job: job.clone(), task });
    }

    async fn finish_work(&mut self) {
        if !self.work.as_ref().is_some_and(|work| work.task.is_finished()) {
            return;
        }
        let Some(Work { job, task }) = self.work.take() else { return };
        let outcome =
            task.await.unwrap_or_else(|_| Err(ServerError::Process("was left".to_owned())));
        self.diverged = false;
        self.compared_at = None;
        if let Some(tell) = self.ordered.take() {
            let _gone = tell.send(match &outcome {
                Ok(()) => Answered::text(200, "restarted successfully"),
                Err(error) => Answered::text(503, error.to_string()),
            });
        }
        match outcome {
            Ok(()) => self.rests_until = None,
            Err(error) => {
                tracing::error!(?job, %error, "failed");
                self.rests_until = Some(clock::now().after(REST));
                if job == Job::Promote {
                    self.memory.sits_out_until = Some(clock::now().after(SITS_OUT));
                }
            }
        }
        // The next decision needs what the server says now.
        self.sight.borrow_and_update();
        self.nudge.notify_one();
        let _late = timeout(PROBE, self.sight.changed()).await;
    }

    /// A standby that gets nothing from the leader may have log that the leader never had.
    fn compare(&mut self, view: &View) {
        if let Some(task) = self.comparison.take_if(|task| task.is_finished()) {
            self.diverged =
                futures_util::FutureExt::now_or_never(task).is_some_and(|it| it.unwrap_or(false));
        }
        let due = self.compared_at.is_none_or(|at| view.now.since(at) >= COMPARE);
        let lags = view.is_standby() && !view.postgres.streaming && view.working.is_none();
        let leader = view.cluster.leading_member().filter(|_| view.other_leader().is_some());
        if lags
            && due
            && self.comparison.is_none()
            && let Some(node) = leader.filter(|it| it.role == "primary").and_then(|it| it.node())
        {
            self.compared_at = Some(view.now);
            let (server, own) =
                (Arc::clone(&self.server), (view.postgres.timeline, view.postgres.lsn));
            self.comparison = Some(tokio::spawn(async move { server.is_beyond(own, &node).await }));
        }
    }

    /// Writes this node's entry: at once when something about it changed, and now and then where only its
    /// positions did.
    async fn announce(&mut self, view: &View) {
        let Some(lease) = view.lease_id.map(LeaseId).filter(|_| view.lease_holds()) else { return };
        let probe = self.sight.borrow().probe.clone();
        let standing = probe.map(|it| Standing { received: it.received, replayed: it.replayed });
        let own = announcement(view, &self.server, standing);
        let key = format!("members/{}", view.me.name);
        let is_there = view.cluster.members.contains_key(&view.me.name);
        let fresh = self.announced.as_ref().is_some_and(|(last, on, at)| {
            let recent = view.now.since(*at) < view.settings.loop_wait;
            *on == lease && (*last == own || (recent && essence(last) == essence(&own)))
        });
        if fresh && is_there || view.store != Store::Current {
            return;
        }
        let txn = Txn::new().put(&self.scope.key(&key), &encode::member(&own), Some(lease));
        match self.store.commit(txn).await {
            Ok(_) => self.announced = Some((own, lease, view.now)),
            Err(error) => tracing::debug!(%error, "this node's entry is not written"),
        }
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

async fn work(
    server: Arc<Server>,
    job: Job,
    named: Option<(String, NodeId)>,
) -> Result<(), ServerError> {
    let upstream = named.as_ref().map(|(name, node)| (name.as_str(), node.clone()));
    let missing = || ServerError::Process("has nobody to follow".to_owned());
    match job {
        Job::Bootstrap => server.bootstrap().await,
        Job::Copy { .. } => {
            let (name, node) = upstream.ok_or_else(missing)?;
            server.copy(name, node).await
        }
        Job::Rejoin { .. } => {
            let (name, node) = upstream.ok_or_else(missing)?;
            server.rejoin(name, node).await
        }
        Job::Reinitialize { .. } => {
            let (name, node) = upstream.ok_or_else(missing)?;
            server.reinitialize(name, node).await
        }
        Job::Restart => server.restart().await,
        Job::StartPrimary => server.start_primary().await,
        Job::StartStandby { .. } => server.start_standby(upstream).await,
        Job::Follow { .. } => server.follow(upstream),
        Job::Promote => server.promote().await,
        Job::Stop(how) => server.stop(how).await,
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// How long nothing may happen before the agent looks all the same.
const TICK: Duration = Duration::from_millis(1_000);
const POLL: Duration = Duration::from_millis(2);
/// How long a change of the store takes to arrive by the watch.
const ARRIVAL: Duration = Duration::from_millis(500);
const PROBE: Duration = Duration::from_millis(600);
/// How long nothing is begun after work that failed.
const REST: Duration = Duration::from_millis(1_000);
/// How long a node leaves the lead to others after it could not be promoted.
const SITS_OUT: Duration = Duration::from_secs(10);
/// How often a standby that gets nothing is compared with the leader.
const COMPARE: Duration = Duration::from_secs(2);
const CHECKPOINT: Duration = Duration::from_secs(3_600);
/// The longest lease there is.
const LONGEST: Duration = Duration::from_secs(30);

//! From a read that asks for more than a role to a connection: plan, queue, and ask a standby how far
//! it has replayed.
//!
//! ```text
//! snapshot --> plan_read --> Try --> queue --> the standby's own word, where a proof is owed --> Pooled
//!    ^            |                                 |
//!    +-- wait ----+ Wait, Confirm, Learn            +-- not yet, for as long as causal_wait: the next one
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tokio_postgres::Row;

use aya_db_core::failure::{Cause, ConnectStage, Facts, Phase, Safety, Sent};
use aya_db_core::route::{
    CausalToken, Fallback, Intent, Proof, ReadCandidate, ReadPlan, ReadServers, ReadStep, ReadWish,
    Readiness, RouteReason, ServingRole, StandbyPolicy, Standing, Traffic, is_settled, lineage,
    plan_read, readiness,
};
use aya_db_core::server_sql::STANDING;
use aya_db_core::snapshot::ClusterSnapshot;
use aya_db_core::{Lsn, Timeline};

use super::checkout::{PATIENCE, Seeker, is_sent_away, queue};
use super::fleet::Fleet;
use super::keeper::Keeper;
use super::manager::Dialling;
use super::pooled::Pooled;
use crate::failed::Failed;
use crate::talk::Talk;

/// How a read chooses its server.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) wish: ReadWish,
    /// Its turn, or dice.
    pub(crate) draw: u64,
    /// How long it waits for a standby to replay what it must see.
    pub(crate) causal_wait: Duration,
}

/// A connection to a server that may serve the read. The failures of servers that were passed over
/// on the way go into `passed`.
///
/// Dropped midway, the caller leaves every queue.
pub(crate) async fn checkout_read(
    shared: &Dialling,
    keeper: &Keeper,
    seeker: &Seeker,
    reading: &Reading,
    passed: &mut Vec<Failed>,
) -> Result<Pooled, Failed> {
    let serial = seeker.serial.max(shared.monitor.serial());
    let mut fleets = keeper.subscribe();
    let began = Instant::now();
    loop {
        let fleet = Arc::clone(&fleets.borrow_and_update());
        let mut wake = seeker.deadline;
        let mut on_time = Cause::NoLeader;
        let mut reasons = Vec::new();
        if fleet.serial >= serial {
            if let Some(failure) = shared.monitor.final_failure(&fleet.snapshot) {
                return Err(Failed::from_connect(failure, seeker.safety));
            }
            let round = Round { shared, keeper, seeker, reading, fleet: &fleet, began };
            let planned = plan(shared, &fleet, reading);
            match round.step(&planned, passed).await {
                Ok(Step::Done(link)) => return Ok(link),
                Ok(Step::Again { after, otherwise }) => {
                    wake = after.map_or(wake, |after| wake.min(Instant::now() + after));
                    on_time = otherwise;
                }
                Err(failed) if is_sent_away(keeper, seeker, &failed) => {
                    wake = wake.min(Instant::now() + PAUSE);
                }
                Err(failed) => return Err(failed),
            }
            reasons = planned.reasons;
        }
        match timeout_at(wake, fleets.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(seeker.waiting(Cause::Closed)),
            Err(_) if Instant::now() >= seeker.deadline => {
                return Err(seeker.waiting(on_time).because(Reasons(reasons)));
            }
            Err(_) => {}
        }
    }
}

/// Where the read would go now, and why.
pub(crate) fn explain_read(shared: &Dialling, keeper: &Keeper, reading: &Reading) -> String {
    let plan = plan(shared, &keeper.fleet(), reading);
    let step = match &plan.step {
        ReadStep::Try(candidates) => {
            let nodes: Vec<String> = candidates.iter().map(|it| it.node.to_string()).collect();
            format!("try {}", nodes.join(", then "))
        }
        ReadStep::Wait => "wait for another server".to_owned(),
        ReadStep::Confirm => "wait for the leader to be vouched for".to_owned(),
        ReadStep::NoStandby => "refuse: no standby may serve".to_owned(),
        ReadStep::Learn(fault) => format!("wait: {fault}"),
        ReadStep::TokenLost(fault) => format!("refuse: {fault}"),
    };
    let reasons = plan.reasons.iter().map(ToString::to_string);
    [step].into_iter().chain(reasons).collect::<Vec<_>>().join("\n")
}

/// The plan by the newest picture: lags and moments are not published by themselves. In a hold the
/// leader has no part in it.
fn plan(shared: &Dialling, fleet: &Fleet, reading: &Reading) -> ReadPlan {
    let wish = &reading.wish;
    let busy = match wish.policy {
        StandbyPolicy::LeastOutstanding => fleet.busy(),
        _ => BTreeMap::new(),
    };
    let traffic = Traffic { busy, draw: reading.draw };
    let snapshot = shared.monitor.snapshot();
    let plan = plan_read(&snapshot, wish, &traffic, shared.monitor.clock().now());
    match fleet.hold() {
        Some(hold) => hold.restrict_read(plan),
        None => plan,
    }
}

/// One look at the cluster on behalf of a read.
struct Round<'a> {
    shared: &'a Dialling,
    keeper: &'a Keeper,
    seeker: &'a Seeker,
    reading: &'a Reading,
    fleet: &'a Arc<Fleet>,
    began: Instant,
}

/// What became of the look.
enum Step {
    Done(Pooled),
    /// Look again when something changes, and at the latest after this time. If the deadline passes
    /// meanwhile, this is the cause.
    Again {
        after: Option<Duration>,
        otherwise: Cause,
    },
}

impl Round<'_> {
    async fn step(&self, plan: &ReadPlan, passed: &mut Vec<Failed>) -> Result<Step, Failed> {
        let again = |after, otherwise| Ok(Step::Again { after, otherwise });
        match &plan.step {
            ReadStep::Try(candidates) => {
                if let Some(link) = self.try_all(candidates, &plan.goals, passed).await? {
                    return Ok(Step::Done(link));
                }
                if self.refuses() && Instant::now() >= self.asking_ends() {
                    return Err(self.no_standby(plan));
                }
                again(Some(PAUSE), Cause::NoLeader)
            }
            ReadStep::Wait => {
                if !plan.goals.is_empty() {
                    // Perhaps another process has met a leader that this one has not met yet.
                    self.shared.monitor.hurry();
                }
                again(Some(RELOOK), Cause::NoLeader)
            }
            ReadStep::Confirm => {
                self.shared.monitor.hurry();
                again(Some(PAUSE), Cause::NotFresh)
            }
            ReadStep::Learn(fault) => {
                if self.began.elapsed() >= LEARNING {
                    return Err(self.seeker.waiting(Cause::TokenLost).because(*fault));
                }
                again(Some(PAUSE), Cause::TokenLost)
            }
            ReadStep::NoStandby => {
                let patience = PATIENCE.saturating_sub(self.began.elapsed());
                if is_settled(&self.fleet.snapshot) || patience.is_zero() {
                    return Err(self.no_standby(plan));
                }
                again(Some(patience), Cause::NoStandby)
            }
            ReadStep::TokenLost(fault) => {
                Err(self.seeker.waiting(Cause::TokenLost).because(*fault))
            }
        }
    }

    /// The first candidate that gives a connection and holds what must be seen.
    async fn try_all(
        &self,
        candidates: &[ReadCandidate],
        goals: &[CausalToken],
        passed: &mut Vec<Failed>,
    ) -> Result<Option<Pooled>, Failed> {
        let avoided = |candidate: &&ReadCandidate| {
            candidates.len() < 2 || self.seeker.avoid.as_ref() != Some(&candidate.node)
        };
        let mut last = None;
        for candidate in candidates.iter().filter(avoided) {
            let Some(pool) = self.fleet.pools.get(&candidate.node) else { continue };
            let seeker = Seeker { intent: self.intent(candidate.role), ..self.seeker.clone() };
            let got = match queue(self.shared, self.keeper, pool, &seeker).await {
                Ok(link) => self.hold(link, candidate, goals).await,
                Err(failed) => Err(failed),
            };
            match got {
                Ok(Some(link)) => return Ok(Some(link)),
                Ok(None) => passed.extend(last.take()),
                Err(failed) if failed.may_go_on() => passed.extend(last.replace(failed)),
                Err(failed) => return Err(failed),
            }
        }
        last.map_or(Ok(None), Err)
    }

    /// As what a candidate must serve: it may have changed its role since the plan was made.
    const fn intent(&self, role: ServingRole) -> Intent {
        match (role, self.seeker.intent) {
            (ServingRole::Standby, _) => Intent::Standby,
            (ServingRole::Leader, Intent::ReadWrite) => Intent::ReadWrite,
            (ServingRole::Leader, _) => Intent::Primary,
        }
    }

    /// The connection, if its server holds what must be seen; a standby that does not yet is asked
    /// again for a while.
    async fn hold(
        &self,
        link: Pooled,
        candidate: &ReadCandidate,
        goals: &[CausalToken],
    ) -> Result<Option<Pooled>, Failed> {
        if goals.is_empty()
            || candidate.role == ServingRole::Leader
            || self.is_proved(&link, candidate)
        {
            return Ok(Some(link));
        }
        let ends = self.asking_ends();
        let mut pause = FIRST_PAUSE;
        loop {
            let mut standing = self.ask(&link).await?;
            let snapshot = self.shared.monitor.snapshot();
            // A standby tells a user without rights of an old timeline for a while; Patroni knows
            // better which one it receives.
            let reported = snapshot.nodes.get(link.node()).and_then(|node| node.reported_timeline);
            standing.timeline = standing.timeline.max(reported);
            match weigh(goals, &standing, &snapshot) {
                Readiness::Yes => return Ok(Some(link)),
                Readiness::No(_) => return Ok(None),
                Readiness::Wait(_) if Instant::now() + pause > ends => return Ok(None),
                Readiness::Wait(_) => sleep(pause).await,
            }
            pause = (pause * 2).min(PAUSE);
        }
    }

    /// Whether the standby's last answer counts for this session: one that was opened later may be
    /// with another run of the server, which replays anew from an earlier place.
    fn is_proved(&self, link: &Pooled, candidate: &ReadCandidate) -> bool {
        let made_at = self.shared.monitor.clock().moment(link.facts().made_at.into_std());
        candidate.proof == Proof::Given && candidate.answered_at.is_some_and(|at| made_at < at)
    }

    /// Where the standby stands, by its own word.
    async fn ask(&self, link: &Pooled) -> Result<Standing, Failed> {
        let session = &self.shared.session;
        let talk = Talk::alone(link, session, Safety::Idempotent, Some(self.seeker.deadline));
        match talk.query(STANDING, &[]).await {
            Ok(rows) => Ok(standing(rows.first())),
            Err(failed) => {
                // The work itself was not sent: all of this belongs to finding a session for it.
                let cause = failed.facts().cause.clone();
                let phase = Phase::Connect(ConnectStage::RoleCheck);
                let facts = Facts::new(phase, Sent::No, cause).with_safety(self.seeker.safety);
                Err(Failed::new(facts).on(link))
            }
        }
    }

    /// Until when standbys are asked whether they have replayed enough.
    fn asking_ends(&self) -> Instant {
        (self.began + self.reading.causal_wait).min(self.seeker.deadline)
    }

    fn refuses(&self) -> bool {
        self.reading.wish.servers == ReadServers::Standbys(Fallback::Refuse)
    }

    fn no_standby(&self, plan: &ReadPlan) -> Failed {
        self.seeker.waiting(Cause::NoStandby).because(Reasons(plan.reasons.clone()))
    }
}

/// Whether a server that stands there holds all that must be seen.
fn weigh(goals: &[CausalToken], standing: &Standing, snapshot: &ClusterSnapshot) -> Readiness {
    let lineage = lineage(snapshot);
    for goal in goals {
        match readiness(goal, standing, &lineage) {
            Ok(Readiness::Yes) => {}
            Ok(other) => return other,
            // The next plan tells.
            Err(_) => return Readiness::No("no server holds what the read must see"),
        }
    }
    Readiness::Yes
}

fn standing(row: Option<&Row>) -> Standing {
    let text = |column| row.and_then(|row| row.try_get::<_, Option<&str>>(column).ok().flatten());
    let timeline = text(1).and_then(|it| it.parse().ok()).map(Timeline);
    Standing {
        role: ServingRole::Standby,
        timeline,
        replayed: text(0).and_then(|it| it.parse::<Lsn>().ok()),
    }
}

/// Why no server may serve a read: what is known of each.
#[derive(Debug)]
struct Reasons(Vec<RouteReason>);

impl std::fmt::Display for Reasons {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, reason) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { ", " })?;
            reason.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Reasons {}

/// Between two looks where nothing tells of a change.
const PAUSE: Duration = Duration::from_millis(20);

/// Between two looks where a change is told, but not every change of a lag.
const RELOOK: Duration = Duration::from_millis(100);

/// Between the first two questions to a standby.
const FIRST_PAUSE: Duration = Duration::from_millis(1);

/// How long somebody may take to tell where a timeline was left: Patroni writes its history a
/// moment after a promotion.
const LEARNING: Duration = Duration::from_secs(10);

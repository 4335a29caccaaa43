//! Work on the server, of which there is one piece at a time.

use std::sync::Arc;
use std::time::Duration;

use aya_db_core::NodeId;
use aya_ha_core::plan::Job;
use aya_ha_core::rest::Answer as Answered;
use aya_ha_core::view::View;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::node::Agent;
use crate::clock;
use crate::postgres::{Server, ServerError};

/// What is done, and by whom.
pub(super) struct Work {
    pub(super) job: Job,
    pub(super) task: JoinHandle<Result<(), ServerError>>,
}

impl Agent {
    pub(super) fn begin(&mut self, job: &Job, view: &View) {
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

    pub(super) async fn finish_work(&mut self) {
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
    pub(super) fn compare(&mut self, view: &View) {
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

    pub(super) fn checkpoint(&mut self) {
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

const PROBE: Duration = Duration::from_millis(600);
/// How long nothing is begun after work that failed.
const REST: Duration = Duration::from_millis(1_000);
/// How long a node leaves the lead to others after it could not be promoted.
const SITS_OUT: Duration = Duration::from_secs(10);
/// How often a standby that gets nothing is compared with the leader.
const COMPARE: Duration = Duration::from_secs(2);
const CHECKPOINT: Duration = Duration::from_secs(3_600);

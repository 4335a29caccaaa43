//! The one loop that runs work again.
//!
//! ```text
//! checkout --> Work::run --> done
//!    ^             |
//!    |           Failed --> classify --> decide --> Stop --> Error
//!    +---- wait: now, backoff, new leader <-- Again
//! ```
//!
//! What a failure means and whether the work runs again is decided in `aya-db-core`; the loop
//! waits, spends, remembers the attempts, and tells the monitor.

use std::future::Future;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::debug;

use aya_db_core::NodeId;
use aya_db_core::failure::{Cause, Classified, Facts, FailureKind, Phase, Sent};
use aya_db_core::retry::{
    Backoff, Decision, Jitter, Progress, StopReason, Target, Unit, Wait, costs_budget, decide,
};
use aya_db_core::route::Intent;

use crate::core::Core;
use crate::error::{Attempt, Error};
use crate::failed::Failed;
use crate::link::Link;
use crate::metrics;
use crate::options::CallOptions;
use crate::pool::{Pooled, Seeker, Stay, checkout, checkout_read, stay};
use crate::reads::{leaves_standbys, reading};

/// What is run on a connection, as often as it takes.
pub(crate) trait Work: Send {
    /// What comes of it.
    type Output: Send;

    /// One attempt. A failure brings the connection back where it may be of use.
    fn run(
        &mut self,
        link: Pooled,
        attempt: &Attempting<'_>,
    ) -> impl Future<Output = Result<Self::Output, Failed>> + Send;

    /// What the server prepared for it is out of date.
    fn forget(&self, _link: &Link) {}
}

/// What an attempt is told of its call.
#[derive(Debug)]
pub(crate) struct Attempting<'a> {
    /// When a statement is ended, if ever.
    pub(crate) run_until: Option<Instant>,
    /// The attempts before it.
    pub(crate) before: &'a [Attempt],
}

/// Runs `work` until it is done, or until it must not or can no longer be run again.
///
/// Dropped midway, an attempt under way is left to its connection, which is then closed.
pub(crate) async fn execute<W: Work>(
    core: &Core,
    options: &CallOptions,
    work: &mut W,
) -> Result<W::Output, Error> {
    let course = Course::begin(core, options);
    run(course, work, None, None).await.map_err(|stopped| stopped.error)
}

/// The same, on the connection that is kept for it, if there is one. In a hold it waits first, and the
/// connection is kept meanwhile.
pub(crate) async fn execute_on<W: Work>(
    core: &Core,
    options: &CallOptions,
    work: &mut W,
    kept: &mut Option<Pooled>,
) -> Result<W::Output, Stopped> {
    let course = Course::begin(core, options);
    let may_stay = match kept.as_ref() {
        Some(link) => course.stay(link).await,
        None => Ok(Stay::On),
    };
    match may_stay {
        Ok(Stay::On) => run(course, work, kept.take(), None).await,
        Ok(Stay::Leave) => {
            kept.take().into_iter().for_each(Pooled::discard);
            run(course, work, None, None).await
        }
        Err(failed) => run(course, work, None, Some(failed)).await,
    }
}

/// Runs `work` after a failure that it is to cure, until it is done, or until it can no longer be run.
pub(crate) async fn cure<W: Work>(
    core: &Core,
    options: &CallOptions,
    work: &mut W,
    failed: Failed,
    run_until: Option<Instant>,
) -> Result<W::Output, Stopped> {
    let mut course = Course::begin(core, options);
    course.run_until = run_until;
    course.extend(Duration::ZERO);
    run(course, work, None, Some(failed)).await
}

/// The end of a call that did not succeed.
#[derive(Debug)]
pub(crate) struct Stopped {
    /// The last failure, which is not to be tried again.
    pub(crate) failed: Failed,
    /// What the application is told.
    pub(crate) error: Error,
}

async fn run<W: Work>(
    mut course: Course<'_>,
    work: &mut W,
    mut same: Option<Pooled>,
    mut earlier: Option<Failed>,
) -> Result<W::Output, Stopped> {
    let mut began = course.began;
    loop {
        let failed = match earlier.take() {
            Some(failed) => failed,
            None => match course.attempt(work, same.take(), began).await {
                Ok(output) => return Ok(output),
                Err(failed) => failed,
            },
        };
        same = Box::pin(course.go_on(work, failed, began)).await?;
        began = Instant::now();
    }
}

/// How a call has fared so far.
struct Course<'a> {
    core: &'a Core,
    options: &'a CallOptions,
    intent: Intent,
    began: Instant,
    /// When waiting ends.
    deadline: Instant,
    /// When everything ends.
    run_until: Option<Instant>,
    /// What the next connection's snapshot must know.
    serial: u64,
    avoid: Option<NodeId>,
    number: u32,
    attempts: Vec<Attempt>,
    pauses: Option<ExponentialBackoff>,
}

impl<'a> Course<'a> {
    fn begin(core: &'a Core, options: &'a CallOptions) -> Self {
        core.earn();
        let info = core.session.info();
        let began = Instant::now();
        let run_until = options.timeout.map(|timeout| began + timeout);
        let waiting = began + info.failover_timeout();
        Self {
            core,
            options,
            intent: options.intent.unwrap_or_else(|| info.target_session_attrs().into()),
            began,
            deadline: run_until.map_or(waiting, |end| end.min(waiting)),
            run_until,
            serial: 0,
            avoid: None,
            number: 0,
            attempts: Vec::new(),
            pauses: None,
        }
    }

    async fn attempt<W: Work>(
        &mut self,
        work: &mut W,
        same: Option<Pooled>,
        began: Instant,
    ) -> Result<W::Output, Failed> {
        let link = match same {
            Some(link) => link,
            None => self.checkout().await?,
        };
        let attempt = Attempting { run_until: self.run_until, before: &self.attempts };
        let done = work.run(link, &attempt).await;
        if done.is_err() {
            // The time in which a server runs the work is not spent on waiting.
            self.extend(began.elapsed());
        }
        done
    }

    async fn checkout(&mut self) -> Result<Pooled, Failed> {
        if self.core.is_closed() {
            let facts = Facts::new(Phase::Waiting, Sent::No, Cause::Closed);
            return Err(Failed::new(facts.with_safety(self.options.safety)));
        }
        let seeker = self.seeker();
        self.avoid = None;
        let mut passed = Vec::new();
        let (dialling, keeper) = (&self.core.dialling, &self.core.keeper);
        let found = match reading(self.core, self.options, self.intent) {
            None => checkout(dialling, keeper, &seeker, &mut passed).await,
            Some(reading) => {
                Box::pin(checkout_read(dialling, keeper, &seeker, &reading, &mut passed)).await
            }
        };
        for failed in passed {
            drop(self.core.tell(&failed, &failed.classify()));
            self.remember(&failed, Duration::ZERO);
        }
        found
    }

    async fn stay(&self, link: &Pooled) -> Result<Stay, Failed> {
        stay(&self.core.dialling, &self.core.keeper, &self.seeker(), link).await
    }

    fn seeker(&self) -> Seeker {
        Seeker {
            intent: self.intent,
            serial: self.serial,
            avoid: self.avoid.clone(),
            deadline: self.deadline,
            safety: self.options.safety,
        }
    }

    fn extend(&mut self, by: Duration) {
        self.deadline += by;
        if let Some(end) = self.run_until {
            self.deadline = self.deadline.min(end);
        }
    }

    /// After a failure: the wait for the next attempt, with the connection to make it on if it is
    /// to be the same one; or the error.
    async fn go_on<W: Work>(
        &mut self,
        work: &W,
        mut failed: Failed,
        began: Instant,
    ) -> Result<Option<Pooled>, Stopped> {
        let found = failed.classify();
        metrics::count_failure(&found);
        self.number = self.number.saturating_add(1);
        self.remember(&failed, began.elapsed());
        let now = Instant::now();
        let progress = Progress {
            attempt: self.number,
            elapsed: now - self.began,
            remaining: self.deadline.saturating_duration_since(now),
        };
        let facts = failed.facts();
        let decision = match failed.stopped() {
            Some(reason) => Decision::Stop { reason },
            None => decide(&found, facts, &self.core.policy, &progress, self.core.budget()),
        };
        let decision = if self.intent != self.intent.without_standbys()
            && leaves_standbys(self.core, self.options, &failed, decision)
        {
            self.intent = self.intent.without_standbys();
            Decision::Again { after: Wait::Now, on: Target::Fresh, unit: Unit::Transaction }
        } else {
            decision
        };
        debug!(kind = found.kind.code(), fate = %found.fate, ?decision, "an attempt failed");
        match decision {
            Decision::Stop { reason } => {
                drop(self.core.tell(&failed, &found));
                let error = self.error(&failed, &found, reason);
                Err(Stopped { failed: failed.told().stop(reason), error })
            }
            Decision::Reprepare => {
                let link = failed.take_link();
                if let Some(link) = &link {
                    work.forget(link);
                }
                Ok(link)
            }
            Decision::Again { after, on, unit: _ } => {
                if costs_budget(&found) {
                    self.core.spend();
                }
                if found.kind == FailureKind::ReadOnlyServer {
                    self.intent = self.intent.without_standbys();
                }
                // An idle connection that died says nothing of its server.
                let told = if after == Wait::Now { None } else { self.core.tell(&failed, &found) };
                let link = self.target(on, &mut failed);
                self.wait(after, told).await;
                Ok(link)
            }
        }
    }

    /// The connection for the next attempt, if it is the same one.
    fn target(&mut self, on: Target, failed: &mut Failed) -> Option<Pooled> {
        let link = failed.take_link();
        match on {
            // Back into its pool, rather than begin anew on a leader that is about to stop; a session
            // would lose what it holds.
            Target::Same
                if self.core.keeper.fleet().held(self.intent).is_some()
                    && !link.as_ref().is_some_and(Pooled::is_taken_over) =>
            {
                None
            }
            Target::Same => link,
            Target::Fresh => {
                link.into_iter().for_each(Pooled::discard);
                None
            }
            Target::Elsewhere => {
                self.avoid = failed.node().cloned();
                link.into_iter().for_each(Pooled::discard);
                None
            }
        }
    }

    async fn wait(&mut self, after: Wait, told: Option<oneshot::Receiver<u64>>) {
        match after {
            Wait::Now => {}
            Wait::Backoff => {
                let pause = self.pause();
                self.sleep(pause).await;
            }
            Wait::NewLeader => {
                if let Some(told) = told
                    && let Ok(Ok(serial)) = timeout_at(self.deadline, told).await
                {
                    self.serial = self.serial.max(serial);
                }
                // Checkout does the waiting. Where it keeps finding a server that fails at once,
                // a short pause keeps the pace down.
                if self.number > UNPACED {
                    let pause = self.pause().min(PACE);
                    self.sleep(pause).await;
                }
            }
        }
    }

    async fn sleep(&self, pause: Duration) {
        sleep(pause.min(self.deadline.saturating_duration_since(Instant::now()))).await;
    }

    fn pause(&mut self) -> Duration {
        let policy = self.core.policy.backoff;
        let pauses = self.pauses.get_or_insert_with(|| pauses(policy));
        pauses.next().unwrap_or(policy.max)
    }

    fn remember(&mut self, failed: &Failed, elapsed: Duration) {
        if self.attempts.len() == ATTEMPTS_KEPT {
            self.attempts.remove(0);
        }
        self.attempts.push(Attempt::of(failed, elapsed));
    }

    fn error(&self, failed: &Failed, found: &Classified, reason: StopReason) -> Error {
        metrics::count_error(found);
        let error = Error::from_failed(failed, Some(reason)).with_attempts(&self.attempts);
        let error = match found.kind {
            FailureKind::AuthenticationFailed => {
                error.with_warnings(self.core.session.info().warnings())
            }
            _ => error,
        };
        let monitor = &self.core.monitor;
        match failed.facts().phase {
            Phase::Waiting | Phase::Connect(_) if found.kind != FailureKind::Closed => {
                error.with_cluster(monitor.host_reports(), monitor.lost_sources())
            }
            _ => error,
        }
    }
}

fn pauses(policy: Backoff) -> ExponentialBackoff {
    let builder = ExponentialBuilder::default()
        .with_min_delay(policy.min)
        .with_max_delay(policy.max)
        .with_factor(policy.factor)
        .without_max_times();
    match policy.jitter {
        Jitter::None => builder.build(),
        Jitter::Full => builder.with_jitter().build(),
    }
}

/// How many attempts an error lists.
const ATTEMPTS_KEPT: usize = 16;

/// From which attempt on, and how long at most, those that wait for a leader pause as well.
const UNPACED: u32 = 2;
const PACE: Duration = Duration::from_millis(50);

//! How an exchange fares: how often it was tried, and how long it may still be.

use std::time::{Duration, Instant};

use aya_db_core::retry::{
    Backoff, BudgetState, Decision, Jitter, Policy, Progress, StopReason, Wait as After, decide,
};
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::failure::Failure;

/// How an exchange has fared so far.
#[derive(Debug, Default)]
pub(crate) struct Course {
    attempt: u32,
    /// When waiting ends; from the first failure on.
    pub(crate) deadline: Option<Instant>,
    pauses: Option<ExponentialBackoff>,
    /// How long to wait before the next attempt.
    pub(crate) pause: Option<Duration>,
}

impl Course {
    /// Decides whether what failed is tried again, and if so, after what pause.
    pub(crate) fn go_on(
        &mut self,
        failure: &Failure,
        policy: &Policy,
        failover: Duration,
        ran: Duration,
    ) -> Result<(), StopReason> {
        self.attempt = self.attempt.saturating_add(1);
        let now = Instant::now();
        // The time in which a server runs the work is not spent on waiting.
        let deadline = self.deadline.map_or(now + failover, |deadline| deadline + ran);
        self.deadline = Some(deadline);
        let progress = Progress {
            attempt: self.attempt,
            elapsed: Duration::ZERO,
            remaining: deadline.saturating_duration_since(now),
        };
        let budget = BudgetState::Left;
        match decide(&failure.classify(), &failure.facts, policy, &progress, budget) {
            Decision::Stop { reason } => Err(reason),
            Decision::Reprepare => Ok(()),
            Decision::Again { after, .. } => {
                let pauses = self.pauses.get_or_insert_with(|| pauses(policy.backoff));
                self.pause = match after {
                    After::Now => None,
                    After::Backoff => pauses.next(),
                    // The search does the waiting. Where it keeps finding a server that fails at once, a
                    // short pause keeps the pace down.
                    After::NewLeader if self.attempt > UNPACED => {
                        pauses.next().map(|pause| pause.min(PACE))
                    }
                    After::NewLeader => None,
                };
                Ok(())
            }
        }
    }
}

/// From which attempt on, and how long at most, those that wait for a leader pause as well.
const UNPACED: u32 = 2;
const PACE: Duration = Duration::from_millis(50);

/// The pauses of a policy, as long as somebody asks for more.
pub(crate) fn pauses(policy: Backoff) -> ExponentialBackoff {
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

//! The circuit breaker of a node: after several failures in a row nobody tries it for a while,
//! and then one does.

use std::time::Duration;

use crate::Moment;
use crate::failure::FailureKind;

/// The numbers of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// How many failures in a row open it.
    pub failures: u32,
    /// The first rest.
    pub min_rest: Duration,
    /// The longest rest; each failed trial doubles it up to here.
    pub max_rest: Duration,
    /// How long a trial may stay without a result before another is let through, so that a
    /// trial that was dropped midway does not keep the node closed off.
    pub trial_timeout: Duration,
}

impl Default for BreakerPolicy {
    /// Five failures, 100 ms to 2 s of rest, 5 s for a trial.
    fn default() -> Self {
        Self {
            failures: 5,
            min_rest: Duration::from_millis(100),
            max_rest: Duration::from_secs(2),
            trial_timeout: Duration::from_secs(5),
        }
    }
}

/// The breaker of one node, as a value: each event gives a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    state: BreakerState,
}

/// What a breaker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Attempts pass. Enough failures in a row lead to `Open`.
    Closed {
        /// Failures since the last success.
        failures: u32,
    },
    /// No attempt passes. The end of the rest, or a success seen by the monitor, leads on.
    Open {
        /// When the rest ends.
        until: Moment,
        /// How long it is.
        rest: Duration,
    },
    /// One attempt is under way. Its success leads to `Closed`, its failure to a longer `Open`,
    /// its silence to another trial.
    HalfOpen {
        /// When it began.
        since: Moment,
        /// The rest before it.
        rest: Duration,
    },
}

/// Whether an attempt may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// It may.
    Granted,
    /// Not before this moment.
    Denied {
        /// The earliest moment to ask again.
        until: Moment,
    },
}

impl Default for Breaker {
    fn default() -> Self {
        Self { state: BreakerState::Closed { failures: 0 } }
    }
}

impl Breaker {
    /// Asks for an attempt; a granted one must be followed by [`Breaker::succeeded`] or
    /// [`Breaker::failed`], or is forgotten after the trial timeout.
    #[must_use]
    pub fn ask(self, policy: &BreakerPolicy, now: Moment) -> (Self, Permission) {
        match self.state {
            BreakerState::Closed { .. } => (self, Permission::Granted),
            BreakerState::Open { until, .. } if now < until => (self, Permission::Denied { until }),
            BreakerState::HalfOpen { since, .. } if now < since.after(policy.trial_timeout) => {
                (self, Permission::Denied { until: since.after(policy.trial_timeout) })
            }
            BreakerState::Open { rest, .. } | BreakerState::HalfOpen { rest, .. } => {
                (Self { state: BreakerState::HalfOpen { since: now, rest } }, Permission::Granted)
            }
        }
    }

    /// The breaker after the node served an attempt, or answered the monitor as healthy.
    #[must_use]
    pub fn succeeded(self) -> Self {
        Self::default()
    }

    /// The breaker after an attempt failed on the node.
    #[must_use]
    pub fn failed(self, policy: &BreakerPolicy, now: Moment) -> Self {
        let state = match self.state {
            BreakerState::Closed { failures } if failures + 1 < policy.failures => {
                BreakerState::Closed { failures: failures + 1 }
            }
            BreakerState::Closed { .. } => open(policy.min_rest, policy, now),
            BreakerState::HalfOpen { rest, .. } => open(rest.saturating_mul(2), policy, now),
            // An attempt from before the opening: it says nothing new.
            BreakerState::Open { .. } => self.state,
        };
        Self { state }
    }

    /// What the breaker is doing.
    pub const fn state(self) -> BreakerState {
        self.state
    }

    /// Whether a failure of this kind speaks against the node. What the server refuses for good
    /// reason, and what the application got wrong, does not.
    pub const fn counts(kind: FailureKind) -> bool {
        matches!(
            kind,
            FailureKind::NameResolution
                | FailureKind::Refused
                | FailureKind::ConnectTimeout
                | FailureKind::ServerNotReady
                | FailureKind::TooManyConnections
                | FailureKind::ConnectionLost
                | FailureKind::ServerSilent
                | FailureKind::ServerGone
                | FailureKind::ServerShutdown
                | FailureKind::ServerCrash
        )
    }
}

fn open(rest: Duration, policy: &BreakerPolicy, now: Moment) -> BreakerState {
    let rest = rest.min(policy.max_rest);
    BreakerState::Open { until: now.after(rest), rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(policy: &BreakerPolicy, now: Moment) -> Breaker {
        (0..policy.failures).fold(Breaker::default(), |breaker, _| breaker.failed(policy, now))
    }

    #[test]
    fn it_opens_after_failures_in_a_row_only() {
        let policy = BreakerPolicy::default();
        let now = Moment::default();
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            for _ in 1..policy.failures {
                breaker = breaker.failed(&policy, now);
            }
            assert_eq!(breaker.ask(&policy, now).1, Permission::Granted);
            breaker = breaker.succeeded();
        }
        let denied = Permission::Denied { until: now.after(policy.min_rest) };
        assert_eq!(opened(&policy, now).ask(&policy, now).1, denied);
    }

    #[test]
    fn one_trial_passes_after_the_rest() {
        let policy = BreakerPolicy::default();
        let rested = Moment::default().after(policy.min_rest);
        let (trying, first) = opened(&policy, Moment::default()).ask(&policy, rested);
        let (_, second) = trying.ask(&policy, rested);
        assert_eq!(first, Permission::Granted);
        assert!(matches!(second, Permission::Denied { .. }));
        assert_eq!(trying.succeeded(), Breaker::default());
    }

    #[test]
    fn a_failed_trial_doubles_the_rest_up_to_its_limit() {
        let policy = BreakerPolicy::default();
        let mut now = Moment::default();
        let mut breaker = opened(&policy, now);
        let mut rests = Vec::new();
        for _ in 0..8 {
            let BreakerState::Open { until, rest } = breaker.state() else {
                panic!("expected an open breaker, got {breaker:?}");
            };
            rests.push(rest.as_millis());
            now = until;
            breaker = breaker.ask(&policy, now).0.failed(&policy, now);
        }
        assert_eq!(rests, [100, 200, 400, 800, 1600, 2000, 2000, 2000]);
    }

    #[test]
    fn a_trial_that_was_dropped_does_not_block_for_ever() {
        let policy = BreakerPolicy::default();
        let rested = Moment::default().after(policy.min_rest);
        let (trying, _) = opened(&policy, Moment::default()).ask(&policy, rested);
        let later = rested.after(policy.trial_timeout);
        assert_eq!(trying.ask(&policy, later).1, Permission::Granted);
    }
}

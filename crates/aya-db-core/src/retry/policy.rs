//! The numbers by which work is run again.

use std::num::NonZeroU32;
use std::time::Duration;

use super::{BreakerPolicy, BudgetPolicy};

/// The numbers by which work is run again.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// The pauses between attempts.
    pub backoff: Backoff,
    /// How many attempts a call may make of work that reached a server. Attempts that were not
    /// sent are bounded by the deadline alone: an election lasts as long as it lasts.
    pub max_attempts: NonZeroU32,
    /// The retry budget of the process.
    pub budget: BudgetPolicy,
    /// The circuit breaker of each node.
    pub breaker: BreakerPolicy,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            backoff: Backoff::default(),
            max_attempts: NonZeroU32::new(32).expect("32 is not zero"),
            budget: BudgetPolicy::default(),
            breaker: BreakerPolicy::default(),
        }
    }
}

/// The pauses between attempts: each is longer than the one before by `factor`, up to `max`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    /// The first pause.
    pub min: Duration,
    /// The longest pause.
    pub max: Duration,
    /// By how much a pause is longer than the one before.
    pub factor: f32,
    /// Whether dice change each pause.
    pub jitter: Jitter,
}

impl Default for Backoff {
    /// 20 ms to 1 s, doubling, with jitter.
    fn default() -> Self {
        Self {
            min: Duration::from_millis(20),
            max: Duration::from_secs(1),
            factor: 2.0,
            jitter: Jitter::Full,
        }
    }
}

/// Whether dice change a pause, so that many clients do not come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jitter {
    /// They do not.
    None,
    /// They add up to one more pause of the same length.
    Full,
}

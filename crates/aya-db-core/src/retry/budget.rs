//! The retry budget: repetition may add only so much to the load.

use std::time::Duration;

use crate::Moment;

/// The numbers of a budget.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BudgetPolicy {
    /// How many retries may be saved up, and how many there are at the start.
    pub capacity: u32,
    /// How much of a retry each call earns.
    pub per_call: f32,
    /// How much of a retry each second earns, so that a quiet process is not left without.
    pub per_second: f32,
}

impl Default for BudgetPolicy {
    /// 100 saved up, one more for every five calls, ten a second.
    fn default() -> Self {
        Self { capacity: 100, per_call: 0.2, per_second: 10.0 }
    }
}

/// Whether a retry can be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BudgetState {
    /// It can.
    Left,
    /// It cannot.
    Spent,
}

/// A bucket of retries, filled by calls and by time. A value: each change gives a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// In millionths of a retry, so that no sum depends on its order.
    saved_millionths: u64,
    filled_at: Moment,
}

impl Budget {
    /// A full budget.
    pub fn full(policy: &BudgetPolicy, now: Moment) -> Self {
        Self { saved_millionths: capacity(policy), filled_at: now }
    }

    /// The budget after so many calls were begun.
    #[must_use]
    pub fn earn(self, policy: &BudgetPolicy, calls: u64, now: Moment) -> Self {
        let filled = self.fill(policy, now);
        let earned = millionths(policy.per_call).saturating_mul(calls);
        let saved = filled.saved_millionths.saturating_add(earned);
        Self { saved_millionths: saved.min(capacity(policy)), ..filled }
    }

    /// The budget after a retry, which is taken from it if it can be paid.
    #[must_use]
    pub fn spend(self, policy: &BudgetPolicy, now: Moment) -> (Self, BudgetState) {
        let filled = self.fill(policy, now);
        match filled.saved_millionths.checked_sub(WHOLE) {
            Some(saved_millionths) => (Self { saved_millionths, ..filled }, BudgetState::Left),
            None => (filled, BudgetState::Spent),
        }
    }

    /// Whether a retry can be paid.
    pub fn state(self, policy: &BudgetPolicy, now: Moment) -> BudgetState {
        if self.fill(policy, now).saved_millionths >= WHOLE {
            BudgetState::Left
        } else {
            BudgetState::Spent
        }
    }

    fn fill(self, policy: &BudgetPolicy, now: Moment) -> Self {
        let span = now.since(self.filled_at).min(Duration::from_secs(3600));
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        let earned = u128::from(micros) * u128::from(millionths(policy.per_second)) / 1_000_000;
        let earned = u64::try_from(earned).unwrap_or(u64::MAX);
        if earned == 0 {
            return self;
        }
        let saved = self.saved_millionths.saturating_add(earned).min(capacity(policy));
        Self { saved_millionths: saved, filled_at: now.max(self.filled_at) }
    }
}

/// One retry, in millionths.
const WHOLE: u64 = 1_000_000;

fn capacity(policy: &BudgetPolicy) -> u64 {
    u64::from(policy.capacity) * WHOLE
}

/// The millionths of a ratio; a negative one or none at all is zero.
fn millionths(ratio: f32) -> u64 {
    Duration::try_from_secs_f32(ratio)
        .map_or(0, |exact| u64::try_from(exact.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: BudgetPolicy = BudgetPolicy { capacity: 2, per_call: 0.5, per_second: 0.0 };

    #[test]
    fn a_spent_budget_is_refilled_by_calls() {
        let now = Moment::default();
        let (budget, first) = Budget::full(&STRICT, now).spend(&STRICT, now);
        let (budget, second) = budget.spend(&STRICT, now);
        let (budget, third) = budget.spend(&STRICT, now);
        assert_eq!([first, second], [BudgetState::Left; 2]);
        assert_eq!(third, BudgetState::Spent);
        let budget = budget.earn(&STRICT, 1, now);
        assert_eq!(budget.state(&STRICT, now), BudgetState::Spent);
        let budget = budget.earn(&STRICT, 1, now);
        assert_eq!(budget.state(&STRICT, now), BudgetState::Left);
    }

    #[test]
    fn a_spent_budget_is_refilled_by_time_however_often_it_is_asked() {
        let policy = BudgetPolicy { capacity: 1, per_call: 0.0, per_second: 1.0 };
        let (mut budget, _) =
            Budget::full(&policy, Moment::default()).spend(&policy, Moment::default());
        for step in 1..=999 {
            budget = budget.earn(&policy, 1, Moment::from_millis(step));
            assert_eq!(budget.state(&policy, Moment::from_millis(step)), BudgetState::Spent);
        }
        assert_eq!(budget.state(&policy, Moment::from_millis(1000)), BudgetState::Left);
    }

    #[test]
    fn nothing_is_saved_above_the_capacity() {
        let late = Moment::from_millis(1_000_000);
        let mut budget = Budget::full(&STRICT, Moment::default());
        for _ in 0..100 {
            budget = budget.earn(&STRICT, 1, late);
        }
        assert_eq!(budget, Budget::full(&STRICT, Moment::default()));
    }
}

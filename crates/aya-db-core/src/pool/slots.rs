//! How fast connections to one server may be opened, so that many processes that lose their
//! leader together do not run its successor over.

use std::time::Duration;

/// The numbers for opening connections to one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotPolicy {
    /// How many may be opened at once.
    pub in_flight: u32,
    /// The first ones go at once; the others are spread by dice over this span.
    pub spread: Duration,
    /// How many are not delayed.
    pub undelayed: u32,
}

impl Default for SlotPolicy {
    /// 8 at once, all but the first spread over 100 ms.
    fn default() -> Self {
        Self { in_flight: 8, spread: Duration::from_millis(100), undelayed: 1 }
    }
}

impl SlotPolicy {
    /// How long the attempt waits that finds `in_flight` others under way; `die` is evenly
    /// distributed over all values.
    pub fn delay(&self, in_flight: u32, die: u32) -> Duration {
        if in_flight < self.undelayed {
            return Duration::ZERO;
        }
        let nanos = self.spread.as_nanos() * u128::from(die) / u128::from(u32::MAX);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_goes_at_once_and_the_others_within_the_spread() {
        let policy = SlotPolicy::default();
        assert_eq!(policy.delay(0, u32::MAX), Duration::ZERO);
        assert_eq!(policy.delay(1, 0), Duration::ZERO);
        assert_eq!(policy.delay(1, u32::MAX), policy.spread);
    }
}

//! Reproducible draws: splitmix64, seeded.

use std::time::Duration;

/// The dice of one thrower. The same seed gives the same throws.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    /// The dice of `thrower` number such and such in a run of this `seed`.
    pub(super) const fn new(seed: u64, thrower: u64) -> Self {
        Self(seed ^ thrower.wrapping_mul(0xA24B_AED4_963E_E407))
    }

    /// A number below `bound`, which is not zero.
    pub(super) const fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        // The rest of a division favours small numbers by less than one in a billion here.
        (mixed ^ (mixed >> 31)) % bound
    }

    /// A time from `least` to `most`, in whole milliseconds.
    pub(super) fn time(&mut self, least: Duration, most: Duration) -> Duration {
        let room = most.saturating_sub(least).as_millis() as u64;
        least + Duration::from_millis(self.below(room + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throws_repeat_by_seed_and_differ_by_thrower() {
        let throws = |seed, thrower| {
            let mut dice = Dice::new(seed, thrower);
            [(); 8].map(|()| dice.below(1_000))
        };
        assert_eq!(throws(7, 1), throws(7, 1));
        assert_ne!(throws(7, 1), throws(7, 2));
        assert_ne!(throws(7, 1), throws(8, 1));
    }

    #[test]
    fn every_number_below_the_bound_comes_up() {
        let mut dice = Dice::new(0, 0);
        let mut counts = [0; 7];
        for _ in 0..700 {
            counts[dice.below(7) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (50..150).contains(count)), "{counts:?}");
    }
}

//! Reproducible draws: xorshift64*, seeded.

use std::time::Duration;

/// Draws by a seed.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The draws of one round of a run.
    pub(crate) fn new(seed: u64, round: u64) -> Self {
        // Zero is the one state that xorshift never leaves; neighbours are spread apart.
        let state = seed.wrapping_mul(0xD129_0305_D1B5_4A33).wrapping_add(round + 1);
        let mut dice = Self(state.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `bound`, which is not zero.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 33) % bound
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// A time below so many milliseconds, in steps of a tenth.
    pub(crate) fn pause(&mut self, millis: u64) -> Duration {
        Duration::from_micros(self.below(millis * 10) * 100)
    }

    /// One of several, of which there is at least one.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let index = usize::try_from(self.below(from.len() as u64)).unwrap_or(0);
        from[index]
    }
}

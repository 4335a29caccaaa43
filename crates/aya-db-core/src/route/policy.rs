//! Which of several standbys gets a read, and who gets it if none may.

use std::fmt;

/// Which of several good standbys is tried first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum StandbyPolicy {
    /// Any of them, by dice.
    #[default]
    Random,
    /// One after the other.
    RoundRobin,
    /// The one on which this handle has the fewest calls under way.
    LeastOutstanding,
    /// The one that answers the probes fastest; those nearly as fast share the reads.
    Nearest,
}

impl StandbyPolicy {
    /// Every policy with its word.
    pub const ALL: [(&'static str, Self); 4] = [
        ("random", Self::Random),
        ("round-robin", Self::RoundRobin),
        ("least-outstanding", Self::LeastOutstanding),
        ("nearest", Self::Nearest),
    ];
}

/// What becomes of a read that no standby may serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Fallback {
    /// It goes to the leader.
    #[default]
    Primary,
    /// It waits for a standby, as long as a call waits.
    Wait,
    /// It fails at once.
    Refuse,
}

impl Fallback {
    /// Every fallback with its word.
    pub const ALL: [(&'static str, Self); 3] =
        [("primary", Self::Primary), ("wait", Self::Wait), ("refuse", Self::Refuse)];
}

impl fmt::Display for StandbyPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word(&Self::ALL, *self))
    }
}

impl fmt::Display for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word(&Self::ALL, *self))
    }
}

fn word<T: PartialEq>(all: &[(&'static str, T)], wanted: T) -> &'static str {
    all.iter().find(|(_, it)| *it == wanted).map_or("?", |(word, _)| word)
}

//! The pure core in a simulated world with faults, driven by seeds.
//!
//! `AYA_SIM_SEED=n` replays one seed, `AYA_SIM_SEEDS=n` runs that many; a failure names its seed,
//! and `seeds.txt` keeps those that once failed.

#![expect(clippy::unwrap_used, reason = "a world that cannot be built fails its test")]

mod dice;
mod doubt;
mod invariants;
mod topology;
mod world;

//! Synchronous replication with a quorum, changed step by step without a moment at which an acknowledged
//! commit could be missed by a vote.
//!
//! Two places say who counts. PostgreSQL's `synchronous_standby_names` has *standbys* and how many of them
//! must confirm a commit (`ANY n (…)`,
//! <https://www.postgresql.org/docs/18/runtime-config-replication.html#GUC-SYNCHRONOUS-STANDBY-NAMES>). The
//! key `/sync` has *voters*, and how many others than itself a candidate must find no further than itself
//! (Patroni, <https://patroni.readthedocs.io/en/latest/replication_modes.html#quorum-commit-mode>). They
//! cannot be changed together, and whoever changes them may die in between.
//!
//! *Overlap:* a candidate has seen `quorum + 1` voters, itself included, and a commit is on `number`
//! standbys. Both are within the union of all names; so long as
//!
//! ```text
//!   |voters ∪ standbys|  ≤  quorum + number
//! ```
//!
//! any such two sets share a server, and the candidate has the commit. [`step`] leads from any state in
//! which that holds to the wanted one, and it holds after each step (`tests/sync` tries all small ones).

mod setting;
mod step;

use std::collections::BTreeSet;

pub use self::step::step;

/// A name that no server has. Where commits are to wait although nobody is there, they wait for it; Patroni's
/// nodes know it.
pub const PLACEHOLDER: &str = "__patroni_strict_sync_replica_placeholder__";

/// Names of servers.
pub type Names = BTreeSet<String>;

/// What `synchronous_standby_names` says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standbys {
    /// Who may confirm.
    pub names: Names,
    /// How many of them must.
    pub number: usize,
}

/// What the key `/sync` says beside the leader's name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Voters {
    /// Who votes.
    pub names: Names,
    /// How many others than itself a candidate must find no further than itself.
    pub quorum: usize,
}

/// Both of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sync {
    /// What PostgreSQL waits for.
    pub standbys: Standbys,
    /// What candidates need.
    pub voters: Voters,
}

/// One change, which is to be in force before the next is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Set `synchronous_standby_names`.
    ///
    /// It is in force once PostgreSQL has read it *and* as many of these standbys as must confirm have
    /// flushed the log up to where it ended at that moment. A commit that others have confirmed just before
    /// is then on these as well; without that wait it could be on none of them.
    Standbys(Standbys),
    /// Write the key, if nobody else has since it was read. It is in force once it is written.
    Voters(Voters),
}

impl Sync {
    /// Whether every vote meets every commit. Where nobody has to confirm, the leader alone has the
    /// commits, and no vote may succeed.
    pub fn overlaps(&self) -> bool {
        let all = self.voters.names.union(&self.standbys.names).count();
        all <= self.voters.quorum + self.standbys.number
    }

    /// What is wanted while these `active` standbys are there, and `number` of them are to confirm.
    /// Where that is nobody, nobody votes either: only the leader may lead again.
    pub fn wanted(active: &Names, number: usize) -> Self {
        let number = number.min(active.len());
        if number == 0 {
            return Self::default();
        }
        Self {
            standbys: Standbys { names: active.clone(), number },
            voters: Voters { names: active.clone(), quorum: active.len() - number },
        }
    }

    /// With a step taken.
    #[must_use]
    pub fn after(mut self, step: Step) -> Self {
        match step {
            Step::Standbys(standbys) => self.standbys = standbys,
            Step::Voters(voters) => self.voters = voters,
        }
        self
    }
}

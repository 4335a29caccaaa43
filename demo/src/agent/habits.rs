//! How the agents work: what a unit of their work is, and what they know of failovers.

use clap::ValueEnum;
use serde::Serialize;

/// What is asked of all agents of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Habits {
    pub(crate) manner: Manner,
    pub(crate) work: Work,
    /// `commit_resolution`; the driver's own choice without it.
    pub(crate) resolution: Option<Resolution>,
}

/// What the agents know of failovers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Manner {
    /// Transactions are closures that may run again, and an error may come.
    #[default]
    Careful,
    /// Nothing: every other transaction is begun and committed by hand, and no error may come.
    Naive,
}

/// What a unit of work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Work {
    /// One statement that writes one row
    #[default]
    Autocommit,
    /// Five statements, each second one of which reads what was written
    Transactions,
    /// Every other agent does the one, the rest the other
    Both,
}

/// How commits in doubt are resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Resolution {
    /// By places in the log and the history of timelines
    Lsn,
    /// By a table
    Ledger,
}

impl Resolution {
    /// The name as the connection string has it.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Lsn => "lsn",
            Self::Ledger => "ledger",
        }
    }
}

/// What one agent does over and over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Task {
    Autocommit,
    /// A transaction that the agent begins and commits itself.
    Explicit,
    Closure,
}

impl Habits {
    /// The task of agent `number`.
    pub(super) const fn task(self, number: i32) -> Task {
        match (self.work, number % 2) {
            (Work::Autocommit, _) | (Work::Both, 0) => Task::Autocommit,
            (Work::Transactions, _) => self.transaction(number),
            (Work::Both, _) => self.transaction(number / 2),
        }
    }

    const fn transaction(self, index: i32) -> Task {
        match self.manner {
            Manner::Naive if index % 2 == 0 => Task::Explicit,
            Manner::Naive | Manner::Careful => Task::Closure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_has_its_agents() {
        use Task::{Autocommit, Closure, Explicit};
        let tasks = |manner, work| {
            let habits = Habits { manner, work, resolution: None };
            [1, 2, 3, 4].map(|number| habits.task(number))
        };
        let cases = [
            (Manner::Naive, Work::Autocommit, [Autocommit; 4]),
            (Manner::Naive, Work::Transactions, [Closure, Explicit, Closure, Explicit]),
            (Manner::Naive, Work::Both, [Explicit, Autocommit, Closure, Autocommit]),
            (Manner::Careful, Work::Both, [Closure, Autocommit, Closure, Autocommit]),
        ];
        for (manner, work, expected) in cases {
            assert_eq!(tasks(manner, work), expected, "{manner:?} {work:?}");
        }
    }
}

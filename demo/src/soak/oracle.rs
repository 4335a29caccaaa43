//! Folds a history into operations, and asks every invariant.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::history::{Outcome, Record, Stage, What, Work};
use super::invariants;
use super::state::State;
use crate::agent::Left;
use crate::fault::Fault;

/// What was asked for, and how it ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Op {
    pub(super) agent: i32,
    pub(super) id: i64,
    pub(super) work: Work,
    pub(super) invoked_us: u64,
    /// When and how it was answered, if it was.
    pub(super) answer: Option<(u64, Outcome)>,
}

impl Op {
    /// What a read has seen, or how many rows a write has touched, if it went well.
    pub(super) fn done(&self) -> Option<i64> {
        match &self.answer {
            Some((_, Outcome::Done { seen })) => Some(*seen),
            Some((_, Outcome::Failed { .. })) | None => None,
        }
    }

    /// Whether its error says that it left nothing.
    pub(super) fn denied(&self) -> bool {
        matches!(&self.answer, Some((_, Outcome::Failed { left: Left::Nothing, .. })))
    }

    /// Whether nobody knows what became of it.
    pub(super) fn open(&self) -> bool {
        self.done().is_none() && !self.denied()
    }
}

/// A whole history.
#[derive(Debug, Clone, Default)]
pub(super) struct Story {
    /// In the order in which they were asked for.
    pub(super) ops: Vec<Op>,
    /// How often each fault was made.
    pub(super) faults: BTreeMap<Fault, u64>,
}

impl Story {
    /// Puts questions and answers together.
    ///
    /// # Errors
    /// When an answer belongs to no question.
    pub(super) fn of(records: impl Iterator<Item = Result<Record>>) -> Result<Self> {
        let mut story = Self::default();
        let mut open = BTreeMap::new();
        for record in records {
            let Record { at_us, what } = record?;
            match what {
                What::Invoked { agent, op, work } => {
                    open.insert(op, story.ops.len());
                    story.ops.push(Op { agent, id: op, work, invoked_us: at_us, answer: None });
                }
                What::Answered { agent, op, outcome } => {
                    let index = open.remove(&op).with_context(|| format!("who asked {op}?"))?;
                    let asked = &mut story.ops[index];
                    ensure!(asked.agent == agent, "{op} was asked by another agent");
                    asked.answer = Some((at_us, outcome));
                }
                What::Fault { fault, stage: Stage::Accepted } => {
                    *story.faults.entry(fault).or_default() += 1;
                }
                // A double failover strikes twice.
                What::Fault { stage: Stage::Struck | Stage::Whole, .. } => {}
            }
        }
        Ok(story)
    }
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Violation {
    /// The invariant's name.
    pub(super) invariant: &'static str,
    /// What is wrong, in words.
    pub(super) what: String,
}

/// Everything that must not be, of all invariants.
pub(super) fn judge(story: &Story, state: &State) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (invariant, check) in invariants::ALL {
        let found = check(&story.ops, state);
        violations.extend(found.into_iter().map(|what| Violation { invariant, what }));
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(at_us: u64, what: What) -> Result<Record> {
        Ok(Record { at_us, what })
    }

    #[test]
    fn answers_find_their_questions() -> Result<()> {
        let work = Work::ReadSum;
        let outcome = Outcome::Done { seen: 5 };
        let story = Story::of(
            [
                record(1, What::Invoked { agent: 1, op: 10, work }),
                record(2, What::Invoked { agent: 2, op: 20, work }),
                record(3, What::Fault { fault: Fault::Freeze, stage: Stage::Struck }),
                record(4, What::Fault { fault: Fault::Freeze, stage: Stage::Accepted }),
                record(5, What::Answered { agent: 1, op: 10, outcome: outcome.clone() }),
            ]
            .into_iter(),
        )?;
        let op = |agent, id, invoked_us, answer| Op { agent, id, work, invoked_us, answer };
        assert_eq!(story.ops, [op(1, 10, 1, Some((5, outcome))), op(2, 20, 2, None)]);
        assert_eq!(story.faults, [(Fault::Freeze, 1)].into());
        Ok(())
    }

    #[test]
    fn an_answer_without_a_question_is_no_history() {
        let what = What::Answered { agent: 1, op: 10, outcome: Outcome::Done { seen: 5 } };
        assert!(Story::of([record(1, what)].into_iter()).is_err());
    }
}

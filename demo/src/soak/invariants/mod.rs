//! What must hold of every history and what it left in the tables, one file each.

mod acknowledged;
mod answered;
mod denied;
mod once;
mod order;
mod ryw;
mod sum;

use super::oracle::Op;
use super::state::State;

/// Says in words what is wrong.
type Check = fn(&[Op], &State) -> Vec<String>;

/// All of them, by name.
pub(super) const ALL: [(&str, Check); 7] = [
    ("acknowledged", acknowledged::check),
    ("answered", answered::check),
    ("denied", denied::check),
    ("once", once::check),
    ("order", order::check),
    ("ryw", ryw::check),
    ("sum", sum::check),
];

/// Histories for the tests of the invariants.
#[cfg(test)]
mod cases {
    use crate::agent::Left;
    use crate::soak::history::{Outcome, Work};
    use crate::soak::oracle::Op;
    use crate::soak::state::Append;

    /// An operation of agent 1 that was asked for at `id` and answered right afterwards.
    fn op(id: i64, work: Work, outcome: Outcome) -> Op {
        let at = id.unsigned_abs() * 1_000;
        Op { agent: 1, id, work, invoked_us: at, answer: Some((at + 500, outcome)) }
    }

    pub(super) fn done(id: i64, work: Work, seen: i64) -> Op {
        op(id, work, Outcome::Done { seen })
    }

    pub(super) fn failed(id: i64, work: Work, left: Left) -> Op {
        let label = "AYA-3001".to_owned();
        op(id, work, Outcome::Failed { label, message: String::new(), left })
    }

    pub(super) fn append(seq: i64, after: i64) -> Append {
        Append { agent: 1, seq, after }
    }

    pub(super) const TRANSFER: Work = Work::Transfer { from: 1, to: 2, amount: 5 };
}

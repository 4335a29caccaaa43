//! What left nothing, by its error, is not there; nor is what nobody asked for.

use std::collections::BTreeMap;

use crate::soak::history::Work;
use crate::soak::oracle::Op;
use crate::soak::state::State;

pub(super) fn check(ops: &[Op], state: &State) -> Vec<String> {
    let mut transfers = BTreeMap::new();
    let mut appends = BTreeMap::new();
    for op in ops {
        match op.work {
            Work::Transfer { .. } => _ = transfers.insert(op.id, op),
            Work::Append { seq } => _ = appends.insert((op.agent, seq), op),
            // Register by register `once` counts how often it may have been set.
            Work::Write { .. } | Work::ReadBack | Work::ReadSum => {}
        }
    }
    let transfers = state.transfers.iter().map(|row| (row.op, transfers.get(&row.op)));
    let appends = state.appends.iter().map(|row| (row.seq, appends.get(&(row.agent, row.seq))));
    let wrong = |(number, op): (i64, Option<&&Op>)| match op {
        None => Some(format!("row {number} is there, and nobody asked for it")),
        Some(op) if op.denied() => {
            Some(format!("agent {}, op {}: {:?} is there after all", op.agent, op.id, op.work))
        }
        Some(_) => None,
    };
    transfers.chain(appends).filter_map(wrong).collect()
}

#[cfg(test)]
mod tests {
    use super::super::cases::{TRANSFER, append, done, failed};
    use super::*;
    use crate::agent::Left;
    use crate::soak::state::Transfer;

    #[test]
    fn what_was_denied_or_never_asked_for_is_found() {
        let transfer = |op| Transfer { op, from: 1, to: 2, amount: 5 };
        let state = State {
            transfers: vec![transfer(1), transfer(2), transfer(3), transfer(4)],
            appends: vec![append(7, 0)],
            ..State::default()
        };
        let ops = [
            done(1, TRANSFER, 1),
            failed(2, TRANSFER, Left::Perhaps),
            failed(3, TRANSFER, Left::Nothing),
            failed(5, Work::Append { seq: 7 }, Left::Nothing),
        ];
        let found = check(&ops, &state);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[1].contains("row 4"), "{found:?}");
    }
}

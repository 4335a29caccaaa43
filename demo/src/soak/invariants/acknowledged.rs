//! What was acknowledged is there.

use std::collections::{BTreeMap, BTreeSet};

use crate::soak::history::Work;
use crate::soak::oracle::Op;
use crate::soak::state::State;

pub(super) fn check(ops: &[Op], state: &State) -> Vec<String> {
    let transfers: BTreeSet<i64> = state.transfers.iter().map(|row| row.op).collect();
    let appends: BTreeSet<(i32, i64)> =
        state.appends.iter().map(|row| (row.agent, row.seq)).collect();
    let versions: BTreeMap<i32, i64> =
        state.registers.iter().map(|row| (row.agent, row.version)).collect();
    let mut found = Vec::new();
    for op in ops {
        let Some(rows) = op.done() else { continue };
        let (there, one_row) = match op.work {
            Work::Transfer { .. } => (transfers.contains(&op.id), rows == 1),
            Work::Append { seq } => (appends.contains(&(op.agent, seq)), rows == 1),
            Work::Write { version } => {
                (versions.get(&op.agent).is_some_and(|there| *there >= version), rows == 1)
            }
            Work::ReadBack | Work::ReadSum => (true, true),
        };
        let (agent, id, work) = (op.agent, op.id, op.work);
        if !there {
            found.push(format!("agent {agent}, op {id}: {work:?} was acknowledged and is lost"));
        }
        if !one_row {
            found.push(format!("agent {agent}, op {id}: {work:?} touched {rows} rows"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::cases::{TRANSFER, append, done, failed};
    use super::*;
    use crate::agent::Left;
    use crate::soak::state::{Register, Transfer};

    fn state() -> State {
        State {
            transfers: vec![Transfer { op: 1, from: 1, to: 2, amount: 5 }],
            appends: vec![append(1, 0)],
            registers: vec![Register { agent: 1, version: 4, writes: 3 }],
            ..State::default()
        }
    }

    #[test]
    fn what_is_there_or_was_not_acknowledged_is_fine() {
        let ops = [
            done(1, TRANSFER, 1),
            done(2, Work::Append { seq: 1 }, 1),
            done(3, Work::Write { version: 4 }, 1),
            failed(4, TRANSFER, Left::Perhaps),
            failed(5, Work::Append { seq: 2 }, Left::Nothing),
        ];
        assert_eq!(check(&ops, &state()), [""; 0]);
    }

    #[test]
    fn each_sort_of_loss_is_found() {
        let lost = [
            done(9, TRANSFER, 1),
            done(2, Work::Append { seq: 2 }, 1),
            done(3, Work::Write { version: 5 }, 1),
            done(3, Work::Write { version: 4 }, 0),
        ];
        for op in lost {
            assert_eq!(check(std::slice::from_ref(&op), &state()).len(), 1, "{op:?}");
        }
    }
}

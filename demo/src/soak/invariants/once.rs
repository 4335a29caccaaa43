//! Nothing is there twice.

use std::collections::{BTreeMap, BTreeSet};

use crate::soak::history::Work;
use crate::soak::oracle::Op;
use crate::soak::state::State;

pub(super) fn check(ops: &[Op], state: &State) -> Vec<String> {
    let mut found = Vec::new();
    let mut transfers = BTreeSet::new();
    for row in &state.transfers {
        if !transfers.insert(row.op) {
            found.push(format!("the transfer of op {} is there more than once", row.op));
        }
    }
    let mut appends = BTreeSet::new();
    for row in &state.appends {
        if !appends.insert((row.agent, row.seq)) {
            found
                .push(format!("number {} of agent {} is there more than once", row.seq, row.agent));
        }
    }
    let mut most = BTreeMap::new();
    for op in ops.iter().filter(|op| matches!(op.work, Work::Write { .. }) && !op.denied()) {
        *most.entry(op.agent).or_insert(0) += 1;
    }
    for row in &state.registers {
        let most = most.get(&row.agent).copied().unwrap_or(0);
        if row.writes > most {
            let (agent, writes) = (row.agent, row.writes);
            found.push(format!("agent {agent}'s register was set {writes} times, at most {most}"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::cases::{append, done, failed};
    use super::*;
    use crate::agent::Left;
    use crate::soak::state::{Register, Transfer};

    #[test]
    fn each_sort_of_double_is_found() {
        let transfer = |op| Transfer { op, from: 1, to: 2, amount: 5 };
        let write = |id, version| done(id, Work::Write { version }, 1);
        let ops = [
            write(1, 1),
            failed(2, Work::Write { version: 2 }, Left::Perhaps),
            failed(3, Work::Write { version: 3 }, Left::Nothing),
        ];
        let state = |writes| State {
            transfers: vec![transfer(1), transfer(2)],
            appends: vec![append(1, 0), append(2, 1)],
            registers: vec![Register { agent: 1, version: 2, writes }],
            ..State::default()
        };
        assert_eq!(check(&ops, &state(2)), [""; 0]);
        assert_eq!(check(&ops, &state(3)).len(), 1);
        let mut twice = state(2);
        twice.transfers.push(transfer(2));
        twice.appends.push(append(1, 2));
        assert_eq!(check(&ops, &twice).len(), 2);
    }
}

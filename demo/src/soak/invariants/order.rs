//! The numbers in each agent's list are in the order in which the agent appended them, and each was
//! appended when its predecessor was there. A number of open fate may have come at any time.

use std::collections::{BTreeMap, BTreeSet};

use crate::soak::history::Work;
use crate::soak::oracle::Op;
use crate::soak::state::{Append, State};

pub(super) fn check(ops: &[Op], state: &State) -> Vec<String> {
    let open: BTreeSet<(i32, i64)> = ops
        .iter()
        .filter(|op| op.open())
        .filter_map(|op| match op.work {
            Work::Append { seq } => Some((op.agent, seq)),
            Work::Transfer { .. } | Work::Write { .. } | Work::ReadBack | Work::ReadSum => None,
        })
        .collect();
    let mut before: BTreeMap<i32, Append> = BTreeMap::new();
    let mut there: BTreeSet<(i32, i64)> = BTreeSet::new();
    let mut found = Vec::new();
    for row in &state.appends {
        let Append { agent, seq, after } = *row;
        let known = !open.contains(&(agent, seq));
        if known {
            let last = before.insert(agent, *row).map_or(0, |last| last.seq);
            if seq <= last {
                found.push(format!("agent {agent}: {seq} comes behind {last}"));
            } else if after < last {
                found.push(format!("agent {agent}: {seq} was appended when {last} was not there"));
            }
            if after != 0 && !there.contains(&(agent, after)) {
                found.push(format!("agent {agent}: {seq} followed {after}, which is gone"));
            }
        }
        there.insert((agent, seq));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::cases::{append, failed};
    use super::*;
    use crate::agent::Left;

    fn found(appends: &[(i64, i64)], open: &[i64]) -> Vec<String> {
        let appends = appends.iter().map(|(seq, after)| append(*seq, *after)).collect();
        let open = open.iter().map(|seq| failed(*seq, Work::Append { seq: *seq }, Left::Perhaps));
        check(&open.collect::<Vec<Op>>(), &State { appends, ..State::default() })
    }

    #[test]
    fn gaps_are_fine_and_a_change_of_order_is_not() {
        assert_eq!(found(&[(1, 0), (2, 1), (4, 2)], &[]), [""; 0]);
        assert_eq!(found(&[(1, 0), (3, 1), (2, 3)], &[]), ["agent 1: 2 comes behind 3"]);
        let unseen = ["agent 1: 3 was appended when 2 was not there"];
        assert_eq!(found(&[(1, 0), (2, 1), (3, 1)], &[]), unseen);
        assert_eq!(found(&[(1, 0), (3, 2)], &[]), ["agent 1: 3 followed 2, which is gone"]);
    }

    #[test]
    fn a_number_of_open_fate_may_come_late() {
        assert_eq!(found(&[(1, 0), (3, 1), (2, 3), (4, 3)], &[2]), [""; 0]);
    }
}

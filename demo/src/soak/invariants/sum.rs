//! Transfers move money and make none: every reader sees the same sum, and each account holds what the
//! transfers that are there say.

use std::collections::BTreeMap;

use crate::soak::history::Work;
use crate::soak::oracle::Op;
use crate::soak::state::{ACCOUNTS, INITIAL, State};

pub(super) fn check(ops: &[Op], state: &State) -> Vec<String> {
    let total = ACCOUNTS * INITIAL;
    let mut found = Vec::new();
    for op in ops.iter().filter(|op| op.work == Work::ReadSum) {
        if let Some(seen) = op.done().filter(|seen| *seen != total) {
            found.push(format!("agent {}, op {}: the sum was {seen}", op.agent, op.id));
        }
    }
    let sum: i64 = state.accounts.iter().map(|account| account.balance).sum();
    if sum != total {
        found.push(format!("the sum is {sum} at the end, and was {total}"));
    }
    let mut expected: BTreeMap<i64, i64> = (1..=ACCOUNTS).map(|id| (id, INITIAL)).collect();
    for row in &state.transfers {
        *expected.entry(row.from).or_default() -= row.amount;
        *expected.entry(row.to).or_default() += row.amount;
    }
    let there: BTreeMap<i64, i64> =
        state.accounts.iter().map(|account| (account.id, account.balance)).collect();
    for (id, expected) in expected {
        let balance = there.get(&id);
        if balance != Some(&expected) {
            found.push(format!("account {id} holds {balance:?}, its transfers make {expected}"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::cases::done;
    use super::*;
    use crate::soak::state::{Account, Transfer};

    fn state() -> State {
        let balance = |id| match id {
            1 => INITIAL - 5,
            2 => INITIAL + 5,
            _ => INITIAL,
        };
        State {
            accounts: (1..=ACCOUNTS).map(|id| Account { id, balance: balance(id) }).collect(),
            transfers: vec![Transfer { op: 1, from: 1, to: 2, amount: 5 }],
            ..State::default()
        }
    }

    #[test]
    fn a_sum_that_stays_is_fine() {
        assert_eq!(check(&[done(1, Work::ReadSum, ACCOUNTS * INITIAL)], &state()), [""; 0]);
    }

    #[test]
    fn a_reader_that_sees_half_a_transfer_is_found() {
        assert_eq!(check(&[done(1, Work::ReadSum, ACCOUNTS * INITIAL - 5)], &state()).len(), 1);
    }

    #[test]
    fn a_torn_transfer_is_found_in_the_sum_and_at_its_account() {
        let mut torn = state();
        torn.accounts[1].balance -= 5;
        assert_eq!(check(&[], &torn).len(), 2);
    }

    #[test]
    fn balances_that_moved_without_their_row_are_found_though_the_sum_stays() {
        let mut torn = state();
        torn.transfers.clear();
        assert_eq!(check(&[], &torn).len(), 2);
    }
}

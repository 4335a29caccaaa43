//! A read after a token sees what its agent had written before, and nothing that was never written.

use std::collections::BTreeMap;

use crate::soak::history::Work;
use crate::soak::oracle::Op;
use crate::soak::state::State;

pub(super) fn check(ops: &[Op], _: &State) -> Vec<String> {
    // By agent: the last version that was acknowledged, and the last that was asked for. An agent
    // does one thing after the other, so that the order of its questions is that of its answers.
    let mut versions: BTreeMap<i32, (i64, i64)> = BTreeMap::new();
    let mut found = Vec::new();
    for op in ops {
        let (acknowledged, asked) = versions.entry(op.agent).or_default();
        match (op.work, op.done()) {
            (Work::Write { version }, done) => {
                *asked = version;
                if done.is_some() {
                    *acknowledged = version;
                }
            }
            (Work::ReadBack, Some(seen)) if !(*acknowledged..=*asked).contains(&seen) => {
                let (agent, id) = (op.agent, op.id);
                found.push(format!(
                    "agent {agent}, op {id}: {seen} was seen, {acknowledged} was acknowledged, \
                     {asked} was the last written"
                ));
            }
            (Work::ReadBack | Work::ReadSum | Work::Append { .. } | Work::Transfer { .. }, _) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::cases::{done, failed};
    use super::*;
    use crate::agent::Left;

    fn found(seen: i64) -> usize {
        let ops = [
            done(1, Work::Write { version: 1 }, 1),
            done(2, Work::Write { version: 2 }, 1),
            failed(3, Work::Write { version: 3 }, Left::Perhaps),
            done(4, Work::ReadBack, seen),
            done(5, Work::Write { version: 4 }, 1),
            failed(6, Work::ReadBack, Left::Nothing),
        ];
        check(&ops, &State::default()).len()
    }

    #[test]
    fn the_past_and_the_never_written_are_found() {
        assert_eq!([1, 2, 3, 4].map(found), [1, 0, 0, 1]);
    }
}

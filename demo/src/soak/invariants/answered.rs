//! Whoever asks is answered in time: nobody hangs.

use std::time::Duration;

use crate::soak::oracle::Op;
use crate::soak::state::State;

pub(super) fn check(ops: &[Op], _: &State) -> Vec<String> {
    let late = |op: &Op| {
        let (agent, id, work) = (op.agent, op.id, op.work);
        let Some((at_us, _)) = op.answer else {
            return Some(format!("agent {agent}, op {id}: {work:?} was never answered"));
        };
        let took = Duration::from_micros(at_us.saturating_sub(op.invoked_us));
        (took > LIMIT).then(|| format!("agent {agent}, op {id}: {work:?} took {took:?}"))
    };
    ops.iter().filter_map(late).collect()
}

/// `failover_timeout`, which limits the waiting, and once more half of it for the work itself.
const LIMIT: Duration = Duration::from_secs(90);

#[cfg(test)]
mod tests {
    use super::super::cases::{TRANSFER, done};
    use super::*;
    use crate::soak::history::Outcome;

    #[test]
    fn no_answer_and_a_late_one_are_found() {
        let fine = done(1, TRANSFER, 1);
        let never = Op { answer: None, ..done(2, TRANSFER, 1) };
        let answer = Some((95_000_000, Outcome::Done { seen: 1 }));
        let late = Op { answer, ..done(3, TRANSFER, 1) };
        let found = check(&[fine, never, late], &State::default());
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("never") && found[1].contains("took 94."), "{found:?}");
    }
}

//! Compares what the agents were told with what is in the table.
//!
//! An acknowledged unit must be there once. A unit whose fate is open may be there once or not at
//! all, and so may one that was committed on a server which leads no more. A unit whose error said
//! that nothing was left must not be there. No unit may be there twice, nor in part.

use std::collections::BTreeSet;

use crate::agent::{Left, Log};

/// What the agents were told, up to some moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Claims {
    /// Units that were acknowledged.
    pub(crate) acked: Vec<i64>,
    /// Units whose fate is open.
    pub(crate) open: Vec<i64>,
    /// Units that left nothing behind, by their error.
    pub(crate) denied: Vec<i64>,
}

impl Claims {
    /// The claims in what the agents saw.
    pub(crate) fn of(logs: &[Log]) -> Self {
        let failed = |left: Left| {
            let all = logs.iter().flat_map(|log| &log.failures);
            all.filter(move |failure| failure.left == left).map(|failure| failure.id).collect()
        };
        Self {
            acked: logs.iter().flat_map(|log| &log.acks).map(|ack| ack.id).collect(),
            open: failed(Left::Perhaps),
            denied: failed(Left::Nothing),
        }
    }
}

/// Units with successive ids, each of which is in the table equally often and equally complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) copies: u64,
    pub(crate) torn: bool,
}

/// What contradicts the claims, unit by unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Acknowledged and not there.
    pub(crate) lost: BTreeSet<i64>,
    /// There more than once.
    pub(crate) doubled: BTreeSet<i64>,
    /// There in part.
    pub(crate) torn: BTreeSet<i64>,
    /// There, though the error said that nothing was left.
    pub(crate) ghosts: BTreeSet<i64>,
    /// Of open fate, and there: no contradiction.
    pub(crate) open_written: BTreeSet<i64>,
}

impl Verdict {
    /// What is in this verdict and was not in an `earlier` one.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let new = |now: &BTreeSet<i64>, then: &BTreeSet<i64>| now - then;
        Self {
            lost: new(&self.lost, &earlier.lost),
            doubled: new(&self.doubled, &earlier.doubled),
            torn: new(&self.torn, &earlier.torn),
            ghosts: new(&self.ghosts, &earlier.ghosts),
            open_written: new(&self.open_written, &earlier.open_written),
        }
    }
}

/// Judges `claims` by the `table`, whose stretches rise and do not overlap.
pub(crate) fn judge(claims: &Claims, table: &[Stretch]) -> Verdict {
    let there = |id: &&i64| copies(table, **id) > 0;
    let missing = |id: &&i64| !there(id);
    let those = |which: fn(&Stretch) -> bool| {
        let stretches = table.iter().filter(move |stretch| which(stretch));
        stretches.flat_map(|stretch| stretch.first..=stretch.last).collect()
    };
    Verdict {
        lost: claims.acked.iter().filter(missing).copied().collect(),
        doubled: those(|stretch| stretch.copies > 1),
        torn: those(|stretch| stretch.torn),
        ghosts: claims.denied.iter().filter(there).copied().collect(),
        open_written: claims.open.iter().filter(there).copied().collect(),
    }
}

fn copies(table: &[Stretch], id: i64) -> u64 {
    let after = table.partition_point(|stretch| stretch.first <= id);
    let stretch = after.checked_sub(1).map(|index| &table[index]);
    stretch.filter(|stretch| stretch.last >= id).map_or(0, |stretch| stretch.copies)
}

/// Asks for the table as stretches, so that a million rows are read in a moment. A unit is whole if
/// each of its steps is there equally often.
pub(crate) const STRETCHES: &str = "\
    select min(id), max(id), copies, torn::int from ( \
        select *, id - row_number() over (partition by copies, torn order by id) as island \
        from ( \
            select id, (count(*) + max(steps) - 1) / max(steps) as copies, \
                bit_or(1 << step) <> (1 << max(steps) + 1) - 2 or count(*) % max(steps) <> 0 as torn \
            from ledger group by id \
        ) as counted \
    ) as numbered \
    group by copies, torn, island order by 1";

/// Reads the answer to [`STRETCHES`]; `None` when it is not of that form.
pub(crate) fn stretches(rows: &[Vec<Option<String>>]) -> Option<Vec<Stretch>> {
    let number = |field: &Option<String>| field.as_deref()?.parse::<i64>().ok();
    rows.iter()
        .map(|row| match row.as_slice() {
            [first, last, copies, torn] => Some(Stretch {
                first: number(first)?,
                last: number(last)?,
                copies: number(copies)?.try_into().ok()?,
                torn: number(torn)? == 1,
            }),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::agent::{Ack, Failure};

    fn stretch(first: i64, last: i64, copies: u64) -> Stretch {
        Stretch { first, last, copies, torn: false }
    }

    fn set(ids: &[i64]) -> BTreeSet<i64> {
        ids.iter().copied().collect()
    }

    #[test]
    fn an_acknowledged_row_that_is_missing_is_lost() {
        let claims = Claims { acked: vec![1, 2, 3, 10, 11, 12], ..Claims::default() };
        let verdict = judge(&claims, &[stretch(1, 2, 1), stretch(10, 11, 1)]);
        assert_eq!(verdict, Verdict { lost: set(&[3, 12]), ..Verdict::default() });
    }

    #[test]
    fn a_row_that_is_there_twice_is_doubled_whatever_was_said_of_it() {
        let claims = Claims { acked: vec![1, 2, 3], open: vec![4], denied: vec![] };
        let verdict = judge(&claims, &[stretch(1, 1, 1), stretch(2, 2, 2), stretch(3, 5, 3)]);
        assert_eq!(verdict.doubled, set(&[2, 3, 4, 5]));
        assert!(verdict.lost.is_empty());
    }

    #[test]
    fn an_open_row_may_be_there_and_a_denied_one_may_not() {
        let claims = Claims { acked: vec![1], open: vec![2, 3], denied: vec![4, 5] };
        let verdict = judge(&claims, &[stretch(1, 2, 1), stretch(5, 5, 1)]);
        let expected = Verdict { ghosts: set(&[5]), open_written: set(&[2]), ..Verdict::default() };
        assert_eq!(verdict, expected);
    }

    #[test]
    fn a_unit_that_is_there_in_part_is_torn_whatever_was_said_of_it() {
        let claims = Claims { acked: vec![1], open: vec![2], denied: vec![] };
        let torn = Stretch { torn: true, ..stretch(1, 2, 1) };
        let verdict = judge(&claims, &[torn, stretch(3, 4, 1)]);
        assert_eq!(
            verdict,
            Verdict { torn: set(&[1, 2]), open_written: set(&[2]), ..Verdict::default() }
        );
    }

    #[test]
    fn an_empty_table_has_lost_everything() {
        let claims = Claims { acked: vec![7], ..Claims::default() };
        assert_eq!(judge(&claims, &[]).lost, set(&[7]));
        assert_eq!(judge(&Claims::default(), &[]), Verdict::default());
    }

    #[test]
    fn each_contradiction_is_told_once() {
        let earlier = Verdict { lost: set(&[1]), ..Verdict::default() };
        let now = Verdict { lost: set(&[1, 2]), doubled: set(&[3]), ..Verdict::default() };
        let expected = Verdict { lost: set(&[2]), doubled: set(&[3]), ..Verdict::default() };
        assert_eq!(now.since(&earlier), expected);
    }

    #[test]
    fn claims_are_read_from_the_logs() {
        let at = Duration::ZERO;
        let (label, message) = ("AYA-3001 unknown", "unknown");
        let failure = |id, left| Failure {
            id,
            at,
            label: label.to_owned(),
            message: message.to_owned(),
            left,
        };
        let first =
            Log { acks: vec![Ack { id: 1, at }], failures: vec![failure(2, Left::Perhaps)] };
        let second = Log {
            acks: vec![Ack { id: 10, at }],
            failures: vec![
                failure(11, Left::Nothing),
                failure(10, Left::Untold),
                failure(12, Left::OneCopy),
            ],
        };
        let claims = Claims::of(&[first, second]);
        assert_eq!(claims.acked, [1, 10]);
        assert_eq!(claims.open, [2]);
        assert_eq!(claims.denied, [11]);
    }

    #[test]
    fn the_tables_answer_is_read_as_stretches() {
        let row = |fields: [&str; 4]| fields.map(|field| Some(field.to_owned())).to_vec();
        let rows = [row(["1", "9", "1", "0"]), row(["10", "10", "2", "1"])];
        let torn = Stretch { torn: true, ..stretch(10, 10, 2) };
        assert_eq!(stretches(&rows), Some(vec![stretch(1, 9, 1), torn]));
        assert_eq!(stretches(&[vec![None]]), None);
    }
}

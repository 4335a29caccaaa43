//! What a soak found.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use serde::Serialize;

use super::history::{Outcome, Work};
use super::oracle::{Story, Violation};
use crate::machine::Machine;

/// Everything that `--json` prints.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Report {
    pub(super) machine: Machine,
    /// From the first question to the last answer.
    pub(super) minutes: f64,
    /// How often each fault was made.
    pub(super) faults: BTreeMap<&'static str, u64>,
    pub(super) operations: BTreeMap<&'static str, Operations>,
    pub(super) errors_seen: u64,
    /// The same by sort.
    pub(super) errors: BTreeMap<String, u64>,
    /// The first one of each sort, in its own words.
    pub(super) samples: BTreeMap<String, String>,
    /// The longest that anybody waited for an answer.
    pub(super) longest_s: f64,
    pub(super) violations: Vec<Violation>,
    /// Where history and final state are.
    pub(super) folder: PathBuf,
}

/// How the operations of one sort ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Operations {
    pub(super) done: u64,
    pub(super) failed: u64,
    pub(super) unanswered: u64,
}

impl Report {
    /// Counts.
    pub(super) fn of(story: &Story, violations: Vec<Violation>, folder: PathBuf) -> Self {
        let mut operations: BTreeMap<&'static str, Operations> = BTreeMap::new();
        let mut errors: BTreeMap<String, u64> = BTreeMap::new();
        let mut samples = BTreeMap::new();
        let (mut end_us, mut longest_us) = (0, 0);
        for op in &story.ops {
            let counts = operations.entry(name(op.work)).or_default();
            let Some((at_us, outcome)) = &op.answer else {
                counts.unanswered += 1;
                continue;
            };
            end_us = end_us.max(*at_us);
            longest_us = longest_us.max(at_us.saturating_sub(op.invoked_us));
            match outcome {
                Outcome::Done { .. } => counts.done += 1,
                Outcome::Failed { label, message, .. } => {
                    counts.failed += 1;
                    samples.entry(label.clone()).or_insert_with(|| message.clone());
                    *errors.entry(label.clone()).or_default() += 1;
                }
            }
        }
        let begin_us = story.ops.first().map_or(0, |op| op.invoked_us);
        let seconds = |us: u64| us as f64 / 1e6;
        Self {
            machine: Machine::here(),
            minutes: (seconds(end_us.saturating_sub(begin_us)) / 6.0).round() / 10.0,
            faults: story.faults.iter().map(|(fault, count)| (fault.name(), *count)).collect(),
            operations,
            errors_seen: errors.values().sum(),
            errors,
            samples,
            longest_s: (seconds(longest_us) * 100.0).round() / 100.0,
            violations,
            folder,
        }
    }

    /// The same for people.
    pub(super) fn render(&self) -> String {
        let mut text = format!("{} minutes\n\n", self.minutes);
        let faults: Vec<String> =
            self.faults.iter().map(|(name, count)| format!("{count} x {name}")).collect();
        _ = writeln!(text, "faults: {}", faults.join(", "));
        for (name, Operations { done, failed, unanswered }) in &self.operations {
            _ = writeln!(text, "{name}: {done} done, {failed} failed, {unanswered} unanswered");
        }
        _ = writeln!(text, "longest wait for an answer: {} s", self.longest_s);
        _ = writeln!(text, "errors seen: {}", self.errors_seen);
        for (label, count) in &self.errors {
            let sample = self.samples.get(label).map_or("", String::as_str);
            _ = writeln!(text, "  {count} x {label}: {sample}");
        }
        _ = writeln!(text, "violations: {}", self.violations.len());
        for Violation { invariant, what } in self.violations.iter().take(MOST_SHOWN) {
            _ = writeln!(text, "  {invariant}: {what}");
        }
        text
    }
}

const fn name(work: Work) -> &'static str {
    match work {
        Work::Transfer { .. } => "transfer",
        Work::Append { .. } => "append",
        Work::Write { .. } => "write",
        Work::ReadBack => "read-back",
        Work::ReadSum => "read-sum",
    }
}

/// One broken invariant may break a thousand times.
const MOST_SHOWN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Left;
    use crate::soak::oracle::Op;

    #[test]
    fn everything_is_counted() {
        let op =
            |answer| Op { agent: 1, id: 1, work: Work::ReadSum, invoked_us: 1_000_000, answer };
        let failed = Outcome::Failed {
            label: "AYA-1".to_owned(),
            message: "no".to_owned(),
            left: Left::Nothing,
        };
        let ops = vec![
            op(Some((1_500_000, Outcome::Done { seen: 1 }))),
            op(Some((61_000_000, failed))),
            op(None),
        ];
        let violation = Violation { invariant: "sum", what: "less".to_owned() };
        let story = Story { ops, faults: BTreeMap::new() };
        let report = Report::of(&story, vec![violation], PathBuf::new());
        let counts = Operations { done: 1, failed: 1, unanswered: 1 };
        assert_eq!(report.operations, [("read-sum", counts)].into());
        assert_eq!(report.errors, [("AYA-1".to_owned(), 1)].into());
        assert!(report.render().contains("\n  1 x AYA-1: no\n"));
        assert_eq!((report.minutes, report.longest_s, report.errors_seen), (1.0, 60.0, 1));
        assert!(report.render().ends_with("violations: 1\n  sum: less\n"));
    }
}

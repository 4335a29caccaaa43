//! What a run has found.

use std::collections::BTreeMap;

use crate::fault::Fault;
use crate::round::Trial;
use crate::truth::{Found, Said};

/// The counts of a run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    trials: u64,
    reused: u64,
    by_fault: BTreeMap<Fault, BTreeMap<Said, u64>>,
    by_truth: BTreeMap<(Said, Found), u64>,
    unknown: BTreeMap<String, u64>,
    wrong: Vec<String>,
}

impl Report {
    /// Counts one more.
    pub(crate) fn add(&mut self, trial: Trial) {
        self.trials += 1;
        self.reused += u64::from(trial.reused);
        if let Some(said) = trial.said {
            *self.by_fault.entry(trial.fault).or_default().entry(said).or_default() += 1;
            *self.by_truth.entry((said, trial.found)).or_default() += 1;
        }
        if let Some(why) = trial.why_unknown {
            *self.unknown.entry(why).or_default() += 1;
        }
        self.wrong.extend(trial.wrong);
    }

    pub(crate) const fn trials(&self) -> u64 {
        self.trials
    }

    /// What was said that is not true.
    pub(crate) fn wrong(&self) -> &[String] {
        &self.wrong
    }

    /// The whole, for people; `verdicts` are the resolver's.
    pub(crate) fn text(&self, verdicts: &BTreeMap<String, u64>) -> String {
        let mut lines = vec![format!("{:<46}{}", "", heads())];
        for (fault, counts) in &self.by_fault {
            let cells = Said::ALL.map(|said| counts.get(&said).copied().unwrap_or_default());
            lines.push(format!("{:<46}{}", fault.name(), cells.map(cell).concat()));
        }
        for found in [Found::Nothing, Found::Once, Found::Part, Found::Twice] {
            let cells = Said::ALL
                .map(|said| self.by_truth.get(&(said, found)).copied().unwrap_or_default());
            lines.push(format!("{:<46}{}", truth(found), cells.map(cell).concat()));
        }
        let resolved: u64 = verdicts.values().sum();
        lines.push(format!("commits in doubt that the resolver was asked about: {resolved}"));
        lines.extend(verdicts.iter().map(|(why, count)| format!("{count:>8}  {why}")));
        lines.push(format!("unknown: {}", self.unknown.values().sum::<u64>()));
        lines.extend(self.unknown.iter().map(|(why, count)| format!("{count:>8}  {why}")));
        lines.push(format!("rolled back, and pg_xact_status says committed: {}", self.reused));
        lines.push(format!("trials: {}, contradictions: {}", self.trials, self.wrong.len()));
        lines.extend(self.wrong.iter().map(|wrong| format!("  {wrong}")));
        lines.join("\n")
    }
}

fn heads() -> String {
    Said::ALL.map(|said| format!("{:>15}", said.name())).concat()
}

fn cell(count: u64) -> String {
    format!("{count:>15}")
}

const fn truth(found: Found) -> &'static str {
    match found {
        Found::Nothing => "in the table: nothing",
        Found::Once => "in the table: once",
        Found::Part => "in the table: a part",
        Found::Twice => "in the table: twice",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contradiction_is_counted_and_told() {
        let mut report = Report::default();
        report.add(Trial {
            fault: Fault::Promoted,
            said: Some(Said::Ok),
            why_unknown: None,
            found: Found::Nothing,
            reused: false,
            wrong: Some("it was acknowledged, and is not there".to_owned()),
        });
        assert_eq!(report.wrong().len(), 1);
        let text = report.text(&BTreeMap::new());
        assert!(text.contains("trials: 1, contradictions: 1"), "{text}");
        assert!(text.contains("acknowledged"), "{text}");
    }
}

//! What a run found, fault by fault, and the medians of several runs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aya_testkit::PatroniTimings;
use serde::Serialize;

use crate::agent::{Failure, Left, Log, MISREAD, Manner, Resolution, Work};
use crate::demo::Ha;
use crate::fault::{Course, Fault};
use crate::gap::{Window, added, longest};
use crate::machine::Machine;
use crate::oracle::Verdict;
use crate::spread::{Spread, median, quantile};

/// Everything that `--json` prints.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) driver: &'static str,
    pub(crate) machine: Machine,
    pub(crate) agents: usize,
    pub(crate) manner: Manner,
    pub(crate) work: Work,
    /// `commit_resolution`, where it was set.
    pub(crate) resolution: Option<Resolution>,
    /// What ran the servers.
    pub(crate) ha: Ha,
    pub(crate) patroni: Timings,
    /// How many runs the numbers of `faults` are the medians of.
    pub(crate) runs: usize,
    pub(crate) faults: Vec<Outcome>,
    /// The same numbers of each run by itself.
    pub(crate) each_run: Vec<Vec<Outcome>>,
}

/// Patroni's clocks, in seconds.
#[derive(Debug, Serialize)]
pub(crate) struct Timings {
    ttl: u64,
    loop_wait: u64,
    retry_timeout: u64,
}

impl From<PatroniTimings> for Timings {
    fn from(timings: PatroniTimings) -> Self {
        let PatroniTimings { ttl, loop_wait, retry_timeout } = timings;
        Self { ttl, loop_wait, retry_timeout }
    }
}

/// What came of one fault.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    /// Acknowledged units.
    pub(crate) acked: u64,
    /// Acknowledged units that are not in the table.
    pub(crate) lost: u64,
    /// Units that are in the table more than once.
    pub(crate) doubled: u64,
    /// Units that are in the table in part.
    pub(crate) torn: u64,
    /// Units in the table whose error said that nothing was left.
    pub(crate) ghosts: u64,
    /// Transactions that did not read what they had written.
    pub(crate) misread: u64,
    /// Errors that reached an agent.
    pub(crate) errors_seen: u64,
    /// The same by sort.
    pub(crate) errors: BTreeMap<String, u64>,
    /// The first one of each sort, in its own words.
    pub(crate) samples: BTreeMap<String, String>,
    /// Units whose fate the driver left open.
    pub(crate) unknown: u64,
    /// Those of them that are in the table.
    pub(crate) unknown_written: u64,
    /// Agents that wrote nothing for a long time after a server took writes again.
    pub(crate) hung: u64,
    /// The longest time without a write, of all agents.
    pub(crate) gap_s: Spread,
    /// The time from a server taking writes again to the agents' next write.
    pub(crate) added_ms: Added,
    /// The time from the fault to a server taking writes again.
    pub(crate) accepts_s: f64,
    /// The time from the fault to the driver saying that the leader is lost, if it ever did.
    pub(crate) noticed_s: Option<f64>,
}

/// The middle and the long end of what the client adds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Added {
    pub(crate) median: f64,
    pub(crate) p99: f64,
}

/// What was seen of one fault.
pub(crate) struct Seen<'a> {
    pub(crate) fault: Fault,
    /// From the steady writing before the fault to the steady writing after it.
    pub(crate) phase: Window,
    pub(crate) course: Course,
    /// The agents' logs of the whole run so far.
    pub(crate) logs: &'a [Log],
    /// What the table contradicts and did not before this fault.
    pub(crate) verdict: &'a Verdict,
    pub(crate) hung: usize,
    pub(crate) noticed: Option<Duration>,
}

impl Outcome {
    /// Counts and measures.
    pub(crate) fn of(seen: &Seen<'_>) -> Self {
        let Seen { phase, course, logs, verdict, .. } = *seen;
        let within = |at: Duration| phase.from <= at && at < phase.until;
        let acks = logs.iter().flat_map(|log| &log.acks).filter(|ack| within(ack.at));
        let failures: Vec<&Failure> = logs
            .iter()
            .flat_map(|log| &log.failures)
            .filter(|failure| within(failure.at))
            .collect();
        let (mut errors, mut samples) = (BTreeMap::new(), BTreeMap::new());
        for failure in &failures {
            *errors.entry(failure.label.clone()).or_insert(0) += 1;
            samples.entry(failure.label.clone()).or_insert_with(|| failure.message.clone());
        }
        let window = Window { from: course.struck, until: phase.until };
        let gap = |log: &Log| longest(&log.acks, window).as_secs_f64();
        let gaps: Vec<f64> = logs.iter().map(gap).collect();
        let added = |log: &Log| added(&log.acks, course.struck, course.accepted);
        let added: Vec<f64> = logs.iter().filter_map(added).map(millis).collect();
        let since = |at: Duration| rounded(at.saturating_sub(course.struck).as_secs_f64());
        let count = |rows: &BTreeSet<i64>| rows.len() as u64;
        let unknown = failures.iter().filter(|failure| failure.left == Left::Perhaps).count();
        Self {
            name: seen.fault.name(),
            acked: acks.count() as u64,
            lost: count(&verdict.lost),
            doubled: count(&verdict.doubled),
            torn: count(&verdict.torn),
            ghosts: count(&verdict.ghosts),
            misread: errors.get(MISREAD).copied().unwrap_or_default(),
            errors_seen: failures.len() as u64,
            errors,
            samples,
            unknown: unknown as u64,
            unknown_written: count(&verdict.open_written),
            hung: seen.hung as u64,
            gap_s: round_spread(Spread::of(&gaps)),
            added_ms: Added {
                median: rounded(median(&added)),
                p99: rounded(quantile(&added, 0.99)),
            },
            accepts_s: since(course.accepted),
            noticed_s: seen.noticed.map(since),
        }
    }

    /// The medians of the same fault in several runs. What must never happen is not averaged
    /// away: `lost`, `doubled`, `torn`, `ghosts`, `misread` and `hung` are those of the worst run.
    pub(crate) fn median_of(runs: &[&Self]) -> Option<Self> {
        let first = *runs.first()?;
        let all = |read: fn(&Self) -> f64| runs.iter().map(|run| read(run)).collect::<Vec<f64>>();
        let middle = |read| rounded(median(&all(read)));
        let count = |read| median(&all(read)).round() as u64;
        let worst = |read: fn(&Self) -> u64| runs.iter().map(|run| read(run)).max();
        let labels: BTreeSet<&String> = runs.iter().flat_map(|run| run.errors.keys()).collect();
        let of_label = |label: &String| {
            let counts = runs.iter().map(|run| run.errors.get(label).copied().unwrap_or_default());
            median(&counts.map(|count| count as f64).collect::<Vec<f64>>()).round() as u64
        };
        let noticed: Vec<f64> = runs.iter().filter_map(|run| run.noticed_s).collect();
        Some(Self {
            name: first.name,
            acked: count(|run| run.acked as f64),
            lost: worst(|run| run.lost)?,
            doubled: worst(|run| run.doubled)?,
            torn: worst(|run| run.torn)?,
            ghosts: worst(|run| run.ghosts)?,
            misread: worst(|run| run.misread)?,
            errors_seen: count(|run| run.errors_seen as f64),
            errors: labels.into_iter().map(|label| (label.clone(), of_label(label))).collect(),
            samples: runs.iter().flat_map(|run| run.samples.clone()).collect(),
            unknown: count(|run| run.unknown as f64),
            unknown_written: count(|run| run.unknown_written as f64),
            hung: worst(|run| run.hung)?,
            gap_s: Spread {
                min: middle(|run| run.gap_s.min),
                median: middle(|run| run.gap_s.median),
                max: middle(|run| run.gap_s.max),
            },
            added_ms: Added {
                median: middle(|run| run.added_ms.median),
                p99: middle(|run| run.added_ms.p99),
            },
            accepts_s: middle(|run| run.accepts_s),
            noticed_s: (!noticed.is_empty()).then(|| rounded(median(&noticed))),
        })
    }
}

impl Report {
    /// What must not have happened and has, in words, each of them with its run and fault. To agents
    /// that know nothing of failovers no error may come at all.
    pub(crate) fn violations(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (run, outcomes) in (1..).zip(&self.each_run) {
            for outcome in outcomes {
                let naive = self.manner == Manner::Naive;
                let counts = [
                    ("lost", outcome.lost),
                    ("doubled", outcome.doubled),
                    ("torn", outcome.torn),
                    ("hung", outcome.hung),
                    ("there against their error", outcome.ghosts),
                    ("misread", outcome.misread),
                    ("errors seen", if naive { outcome.errors_seen } else { 0 }),
                ];
                let bad = counts.iter().filter(|(_, count)| *count > 0);
                found.extend(
                    bad.map(|(what, count)| format!("run {run}, {}: {count} {what}", outcome.name)),
                );
            }
        }
        found
    }
}

/// The medians of all faults of several runs, in the order of the first run.
pub(crate) fn medians(runs: &[Vec<Outcome>]) -> Vec<Outcome> {
    let faults = runs.iter().map(Vec::len).min().unwrap_or_default();
    (0..faults)
        .filter_map(|index| {
            let same: Vec<&Outcome> = runs.iter().map(|run| &run[index]).collect();
            Outcome::median_of(&same)
        })
        .collect()
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1_000.0
}

fn round_spread(spread: Spread) -> Spread {
    let Spread { min, median, max } = spread;
    Spread { min: rounded(min), median: rounded(median), max: rounded(max) }
}

/// To three places, which is finer than anything here is measured.
fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests;

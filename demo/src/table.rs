//! The report as a table for people.

use std::fmt::Write as _;

use crate::agent::{Manner, Work};
use crate::demo::Ha;
use crate::report::{Outcome, Report};

/// The table, with a line above it that says what was measured.
pub(crate) fn render(report: &Report) -> String {
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(report.faults.iter().map(row));
    let widths: [usize; HEAD.len()] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0));
    let plural = if report.runs == 1 {
        "1 run".to_owned()
    } else {
        format!("medians of {} runs", report.runs)
    };
    let setting = setting(report);
    let mut text = format!("{}, {} agents{setting}, {plural}\n\n", report.driver, report.agents);
    for (index, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        _ = writeln!(text, "{}", line.trim_end());
        if index == 0 {
            _ = writeln!(text, "{}", widths.map(|width| "-".repeat(width)).join("  "));
        }
    }
    for outcome in report.faults.iter().filter(|outcome| !outcome.errors.is_empty()) {
        let errors = outcome.errors.iter().map(|(label, count)| format!("{count} x {label}"));
        _ = writeln!(text, "\n{}: {}", outcome.name, errors.collect::<Vec<_>>().join(", "));
        for (label, message) in &outcome.samples {
            _ = writeln!(text, "  {label}: {message}");
        }
    }
    for outcome in report.faults.iter().filter(|outcome| outcome.ghosts > 0) {
        let (name, ghosts) = (outcome.name, outcome.ghosts);
        _ = writeln!(text, "\n{name}: {ghosts} units are there though their error said otherwise");
    }
    text
}

/// What is not as by default.
fn setting(report: &Report) -> String {
    let mut text = match report.manner {
        Manner::Careful => String::new(),
        Manner::Naive => ", naive".to_owned(),
    };
    text.push_str(match report.work {
        Work::Autocommit => "",
        Work::Transactions => ", transactions",
        Work::Both => ", autocommit and transactions",
    });
    text.push_str(match report.ha {
        Ha::Patroni => "",
        Ha::AyaHa => ", servers under aya-ha",
    });
    if let Some(resolution) = report.resolution {
        text.push_str(", commits resolved by ");
        text.push_str(resolution.text());
    }
    text
}

fn row(outcome: &Outcome) -> [String; HEAD.len()] {
    let gap = outcome.gap_s;
    let added = outcome.added_ms;
    [
        outcome.name.to_owned(),
        format!("{:.2} / {:.2} / {:.2} s", gap.min, gap.median, gap.max),
        format!("{:.2} s", outcome.accepts_s),
        format!("{:.0} / {:.0} ms", added.median, added.p99),
        outcome.noticed_s.map_or_else(|| "-".to_owned(), |noticed| format!("{noticed:.2} s")),
        outcome.acked.to_string(),
        outcome.errors_seen.to_string(),
        outcome.lost.to_string(),
        outcome.doubled.to_string(),
        outcome.torn.to_string(),
        outcome.hung.to_string(),
    ]
}

const HEAD: [&str; 11] = [
    "fault",
    "longest gap: min / median / max",
    "writable after",
    "client adds: median / p99",
    "noticed after",
    "units",
    "errors",
    "lost",
    "doubled",
    "torn",
    "hung",
];

#[cfg(test)]
mod tests {
    use aya_testkit::PatroniTimings;

    use super::*;
    use crate::agent::Resolution;
    use crate::machine::Machine;
    use crate::report::Added;
    use crate::spread::Spread;

    #[test]
    fn columns_line_up_and_errors_are_told_below() {
        let outcome = Outcome {
            name: "host-crash",
            acked: 120_000,
            lost: 0,
            doubled: 0,
            torn: 0,
            ghosts: 0,
            misread: 0,
            errors_seen: 58,
            errors: [("AYA-3001 unknown".to_owned(), 58)].into(),
            samples: [("AYA-3001 unknown".to_owned(), "gone".to_owned())].into(),
            unknown: 58,
            unknown_written: 12,
            hung: 0,
            gap_s: Spread { min: 19.0, median: 19.5, max: 20.25 },
            added_ms: Added { median: 12.4, p99: 80.0 },
            accepts_s: 19.25,
            noticed_s: None,
        };
        let report = Report {
            driver: "aya-db",
            machine: Machine::here(),
            agents: 60,
            manner: Manner::Naive,
            work: Work::Both,
            resolution: Some(Resolution::Lsn),
            ha: Ha::Patroni,
            patroni: PatroniTimings::default().into(),
            runs: 1,
            faults: vec![outcome],
            each_run: Vec::new(),
        };
        let text = render(&report);
        let lines: Vec<&str> = text.lines().collect();
        let setting = "naive, autocommit and transactions, commits resolved by lsn";
        assert_eq!(lines[0], format!("aya-db, 60 agents, {setting}, 1 run"));
        assert_eq!(lines[2].len(), lines[4].len());
        assert!(lines[4].starts_with("host-crash          19.00 / 19.50 / 20.25 s"), "{text}");
        let told = ["host-crash: 58 x AYA-3001 unknown", "  AYA-3001 unknown: gone"];
        assert_eq!(lines[lines.len() - 2..], told);
    }
}

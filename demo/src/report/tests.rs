use std::error::Error;

use serde_json::json;

use super::*;
use crate::agent::{Ack, Failure, Left};
use crate::demo::Ha;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn log(acks: &[(i64, u64)], failures: &[(i64, u64, &str, Left)]) -> Log {
    Log {
        acks: acks.iter().map(|(id, at)| Ack { id: *id, at: ms(*at) }).collect(),
        failures: failures
            .iter()
            .map(|(id, at, label, left)| Failure {
                id: *id,
                at: ms(*at),
                label: (*label).to_owned(),
                message: format!("{label}, at length"),
                left: *left,
            })
            .collect(),
    }
}

fn outcome() -> Outcome {
    let logs = [
        log(
            &[(1, 50), (2, 110), (3, 190), (5, 2_250), (6, 2_900)],
            &[(4, 205, "AYA-3001 unknown", Left::Perhaps)],
        ),
        log(
            &[(10, 100), (11, 198), (12, 2_290), (13, 2_990)],
            &[(9, 40, "AYA-1002 not sent", Left::Nothing)],
        ),
    ];
    let verdict = Verdict { open_written: [4].into(), ..Verdict::default() };
    Outcome::of(&Seen {
        fault: Fault::HostCrash,
        phase: Window { from: ms(100), until: ms(3_000) },
        course: Course { struck: ms(200), accepted: ms(2_200) },
        logs: &logs,
        verdict: &verdict,
        hung: 0,
        noticed: Some(ms(213)),
    })
}

fn report() -> Report {
    Report {
        driver: "aya-db",
        machine: Machine::here(),
        agents: 60,
        manner: Manner::Careful,
        work: Work::Both,
        resolution: Some(Resolution::Lsn),
        ha: Ha::Patroni,
        patroni: PatroniTimings::default().into(),
        runs: 1,
        faults: vec![outcome()],
        each_run: vec![vec![outcome()]],
    }
}

#[test]
fn only_what_happened_in_the_phase_counts() {
    let outcome = outcome();
    assert_eq!(outcome.acked, 8);
    assert_eq!(outcome.errors_seen, 1);
    assert_eq!(outcome.errors, [("AYA-3001 unknown".to_owned(), 1)].into());
    assert_eq!((outcome.unknown, outcome.unknown_written), (1, 1));
}

#[test]
fn times_count_from_the_fault_and_from_the_first_write_taken() {
    let outcome = outcome();
    assert_eq!(outcome.gap_s, Spread { min: 2.06, median: 2.076, max: 2.092 });
    assert_eq!(outcome.added_ms, Added { median: 70.0, p99: 90.0 });
    assert_eq!((outcome.accepts_s, outcome.noticed_s), (2.0, Some(0.013)));
}

#[test]
fn medians_hide_no_harm() -> Result<(), Box<dyn Error>> {
    let fine = outcome();
    let bad = Outcome { lost: 3, hung: 1, accepts_s: 9.0, noticed_s: None, ..outcome() };
    let runs = [vec![fine.clone()], vec![bad], vec![fine]];
    let medians = medians(&runs);
    let [median] = &medians[..] else { return Err("there is one fault".into()) };
    assert_eq!((median.lost, median.doubled, median.hung), (3, 0, 1));
    assert_eq!((median.accepts_s, median.noticed_s), (2.0, Some(0.013)));
    Ok(())
}

#[test]
fn harm_in_any_run_fails_it_and_errors_only_among_the_naive() {
    let mut report = report();
    report.each_run = vec![vec![outcome()], vec![Outcome { torn: 2, ..outcome() }]];
    assert_eq!(report.violations(), ["run 2, host-crash: 2 torn"]);
    report.manner = Manner::Naive;
    let expected = [
        "run 1, host-crash: 1 errors seen",
        "run 2, host-crash: 2 torn",
        "run 2, host-crash: 1 errors seen",
    ];
    assert_eq!(report.violations(), expected);
    report.each_run = vec![vec![Outcome { errors_seen: 0, ..outcome() }]];
    assert_eq!(report.violations(), [""; 0]);
}

#[test]
fn the_report_is_one_object_with_the_promised_names() -> Result<(), Box<dyn Error>> {
    let value = serde_json::to_value(report())?;
    let setting = ["driver", "manner", "work", "resolution"].map(|name| value[name].as_str());
    assert_eq!(setting, ["aya-db", "careful", "both", "lsn"].map(Some));
    assert_eq!(value["patroni"], json!({ "ttl": 20, "loop_wait": 2, "retry_timeout": 3 }));
    let expected = json!({
        "name": "host-crash",
        "acked": 8,
        "lost": 0,
        "doubled": 0,
        "torn": 0,
        "ghosts": 0,
        "misread": 0,
        "errors_seen": 1,
        "errors": { "AYA-3001 unknown": 1 },
        "samples": { "AYA-3001 unknown": "AYA-3001 unknown, at length" },
        "unknown": 1,
        "unknown_written": 1,
        "hung": 0,
        "gap_s": { "min": 2.06, "median": 2.076, "max": 2.092 },
        "added_ms": { "median": 70.0, "p99": 90.0 },
        "accepts_s": 2.0,
        "noticed_s": 0.013,
    });
    assert_eq!(value["faults"], json!([expected]));
    Ok(())
}

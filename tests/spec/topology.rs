//! Runs the cases of `topology/` and `route/`: observations in, the expected picture out.
//!
//! A step is a list of strings: first the moment in milliseconds and the observation, then what
//! must hold after it. [`observe`] and [`expect`] describe both little languages.

use std::path::Path;

use aya_db_core::snapshot::ClusterSnapshot;
use aya_db_core::topology::{explain, fold, initial};
use aya_db_core::{Moment, NodeId};
use proptest::prelude::*;
use serde::Deserialize;

mod expect;
mod observe;
mod read;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    configured: Vec<String>,
    #[serde(default)]
    sources: Vec<String>,
    #[serde(default)]
    limits: expect::Limits,
    steps: Vec<Vec<String>>,
    explain: Option<String>,
}

#[test]
fn topology_cases_hold() {
    let count = run_folder("topology");
    assert!(count >= 60, "only {count} cases were found");
}

#[test]
fn route_cases_hold() {
    let count = run_folder("route");
    assert!(count >= 35, "only {count} cases were found");
}

/// Every case of a folder; all failures are told at once.
fn run_folder(folder: &str) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    let mut count = 0;
    let mut failures = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let file: File = toml::from_str(&text).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        for case in file.case {
            count += 1;
            if let Err(failure) = run_case(&case) {
                failures.push(format!("{}: {}: {failure}", path.display(), case.name));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {count} failed\n\n{}", failures.len(), failures.join("\n"));
    count
}

fn run_case(case: &Case) -> Result<(), String> {
    let configured: Vec<NodeId> = case.configured.iter().map(|name| observe::node(name)).collect();
    let sources: Vec<_> = case.sources.iter().map(|name| observe::source(name)).collect();
    let mut snapshot = initial(&configured, &sources);
    let mut now = Moment::default();
    for (number, step) in case.steps.iter().enumerate() {
        let [observation, expected @ ..] = step.as_slice() else {
            return Err(format!("step {number} is empty"));
        };
        let (at, observation) = observe::parse(observation);
        now = at;
        let folded = fold(&snapshot, &observation, now);
        for sentence in expected {
            expect::check(sentence, &snapshot, &folded, now, &case.limits).map_err(|found| {
                let picture = explain(&folded.snapshot, now);
                let events: Vec<_> = folded.events.iter().map(ToString::to_string).collect();
                format!(
                    "after step {number} {:?}, expected {sentence:?}, found {found}\nevents: \
                     {events:?}\n{picture}",
                    step[0]
                )
            })?;
        }
        snapshot = folded.snapshot;
    }
    check_explain(case, &snapshot, now)
}

fn check_explain(case: &Case, snapshot: &ClusterSnapshot, now: Moment) -> Result<(), String> {
    let Some(expected) = &case.explain else { return Ok(()) };
    let found = explain(snapshot, now);
    if found.trim_end() == expected.trim_end() {
        return Ok(());
    }
    Err(format!("explained otherwise\n--- expected\n{expected}\n--- found\n{found}"))
}

fn any_observation() -> impl Strategy<Value = String> {
    let node = prop::sample::select(vec!["a", "b", "c", "z"]);
    let number = 0..4_u32;
    prop_oneof![
        (node.clone(), any::<bool>(), number.clone(), number.clone(), number.clone()).prop_map(
            |(node, primary, timeline, system, run)| {
                let role = if primary { "primary" } else { "standby" };
                let timeline = if timeline == 0 { String::new() } else { format!("tl={timeline}") };
                let system = if system == 0 { String::new() } else { "sys=7".into() };
                format!("{node} {role} {timeline} {system} run={run}")
            }
        ),
        (
            node.clone(),
            prop::sample::select(vec!["silent", "refused", "rejected", "too-many", "no-name"])
        )
            .prop_map(|(node, cause)| format!("{node} {cause}")),
        (
            node.clone(),
            prop::sample::select(vec!["lost?", "silent?", "stopping?", "read-only?", "role?"])
        )
            .prop_map(|(node, sign)| format!("{node} {sign}")),
        (prop::sample::select(vec!["etcd", "patroni"]), node, number.clone(), number).prop_map(
            |(source, leader, revision, timeline)| {
                format!(
                    "{source} rev={revision} leader=m{leader} members=ma@a:tl{timeline},mb@b,mz@z"
                )
            }
        ),
        prop::sample::select(vec![
            "etcd gone",
            "patroni gone",
            "etcd rev=2",
            "patroni rev=1",
            "etcd rev=3 leader=ma asked=ma>mb members=ma@a,mb@b",
            "etcd rev=3 leader=ma asked=ma>mb@25 members=ma@a,mb@b",
            "etcd rev=3 leader=ma members=ma@a:stopping,mb@b",
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fold_is_deterministic_and_takes_every_sequence(
        steps in prop::collection::vec((0..50_u64, any_observation()), 0..60)
    ) {
        let sources = [observe::source("etcd"), observe::source("patroni")];
        let mut snapshot = initial(&[observe::node("a"), observe::node("b")], &sources);
        let mut at = 0;
        for (wait, text) in steps {
            at += wait;
            let (now, observation) = observe::parse(&format!("{at} {text}"));
            let folded = fold(&snapshot, &observation, now);
            prop_assert_eq!(&folded, &fold(&snapshot, &observation, now));
            prop_assert!(folded.snapshot.generation >= snapshot.generation);
            prop_assert!(folded.snapshot.highest_timeline >= snapshot.highest_timeline);
            prop_assert!(folded.snapshot.reasons.len() <= 32);
            prop_assert!(!explain(&folded.snapshot, now).is_empty());
            snapshot = folded.snapshot;
        }
    }
}

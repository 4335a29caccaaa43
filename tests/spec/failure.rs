//! Runs the cases of `failure/`: a failed attempt in words, then its fate, code and decision.

use std::path::Path;
use std::time::Duration;

use aya_db_core::failure::{
    Cause, ClientFault, CommitDoubt, CommitTag, ConnectStage, Facts, InTransaction, Phase, Safety,
    Sent, ServerError, Severity, SyncRepNotice, TlsFault, classify,
};
use aya_db_core::retry::{
    BudgetState, Decision, Policy, Progress, StopReason, Target, Unit, Wait, decide,
};
use aya_db_core::{Fate, SqlState};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<(String, String, String)>,
}

#[test]
fn failure_cases_hold() {
    let cases = read_cases();
    assert!(cases.len() >= 60, "only {} cases were found", cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(name, input, expected)| {
            let found = judge(&facts(input));
            (found != *expected).then(|| format!("{name}: expected {expected}, found {found}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

proptest! {
    #[test]
    fn unknown_is_never_run_again_unless_it_is_marked(
        (facts, attempt, remaining) in any_failure()
    ) {
        let found = classify(&facts);
        let decision = decision(&facts, attempt, remaining, BudgetState::Left);
        let stops = matches!(decision, Decision::Stop { .. });
        prop_assert!(found.fate != Fate::Committed || stops);
        if found.fate == Fate::Unknown && facts.safety == Safety::Unmarked {
            prop_assert!(stops, "{facts:?}");
        }
        prop_assert!(remaining > 0 || stops, "{facts:?}");
    }

    #[test]
    fn what_was_not_sent_is_run_again_until_the_deadline(
        (facts, attempt, _) in any_failure(), remaining in 1_u64..60_000
    ) {
        let found = classify(&facts);
        if found.fate == Fate::NotSent && found.is_retryable(facts.safety) {
            let decision = decision(&facts, attempt, remaining, BudgetState::Spent);
            prop_assert!(!matches!(decision, Decision::Stop { .. }), "{facts:?}");
        }
    }
}

/// Every input that a case names, under every mark, so that the properties meet real facts.
fn any_failure() -> impl Strategy<Value = (Facts, u32, u64)> {
    let phases: Vec<String> = words(0);
    let causes: Vec<String> = words(2);
    let safety = ["unmarked", "read-only", "idempotent"];
    (
        proptest::sample::select(phases),
        proptest::sample::select(vec!["no", "yes"]),
        proptest::sample::select(causes),
        proptest::sample::select(safety.to_vec()),
        1_u32..100,
        0_u64..60_000,
    )
        .prop_map(|(phase, sent, cause, safety, attempt, remaining)| {
            (facts(&format!("{phase} {sent} {cause} {safety}")), attempt, remaining)
        })
}

fn words(position: usize) -> Vec<String> {
    let word = |input: &str| input.split(' ').nth(position).unwrap().to_owned();
    read_cases().iter().map(|(_, input, _)| word(input)).collect()
}

fn read_cases() -> Vec<(String, String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/failure");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path| toml::from_str::<File>(&std::fs::read_to_string(path).unwrap()).unwrap().case;
    files.into_iter().flat_map(read).collect()
}

fn decision(facts: &Facts, attempt: u32, remaining: u64, budget: BudgetState) -> Decision {
    let remaining = Duration::from_millis(remaining);
    let progress = Progress { attempt, elapsed: Duration::from_secs(1), remaining };
    decide(&classify(facts), facts, &Policy::default(), &progress, budget)
}

fn judge(facts: &Facts) -> String {
    let found = classify(facts);
    let fate = found.fate.to_string().replace(' ', "-");
    let code = found.kind.code().trim_start_matches("AYA-");
    let decision = match decision(facts, 1, 59_000, BudgetState::Left) {
        Decision::Reprepare => "reprepare".to_owned(),
        Decision::Stop { reason } => format!("stop {}", stop(reason)),
        Decision::Again { after, on, unit } => {
            let after = match after {
                Wait::Now => "now",
                Wait::Backoff => "backoff",
                Wait::NewLeader => "new-leader",
            };
            let on = match on {
                Target::Same => "same",
                Target::Fresh => "fresh",
                Target::Elsewhere => "elsewhere",
            };
            let unit = match unit {
                Unit::Statement => "statement",
                Unit::Transaction => "transaction",
            };
            format!("again {after} {on} {unit}")
        }
    };
    format!("{fate} {code} {decision}")
}

fn stop(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Committed => "committed",
        StopReason::OutcomeUnknown => "unknown",
        StopReason::Permanent => "permanent",
        StopReason::TransactionStands => "stands",
        StopReason::DeadlineSpent => "deadline",
        StopReason::AttemptsSpent => "attempts",
        StopReason::BudgetSpent => "budget",
    }
}

fn facts(input: &str) -> Facts {
    let mut words = input.split(' ');
    let mut word = || words.next().unwrap();
    let phase = phase(word());
    let sent = if word() == "yes" { Sent::Yes } else { Sent::No };
    let mut facts = Facts::new(phase, sent, cause(word()));
    for extra in words {
        match extra {
            "unmarked" => {}
            "read-only" => facts.safety = Safety::ReadOnly,
            "idempotent" => facts.safety = Safety::Idempotent,
            "tag-commit" => facts.commit_tag = Some(CommitTag::Commit),
            "tag-rollback" => facts.commit_tag = Some(CommitTag::Rollback),
            "notice-cancelled" => facts.notice = Some(SyncRepNotice::WaitCancelled),
            "resolved-rolled-back" => facts.doubt = CommitDoubt::RolledBack,
            "notice-terminated" => facts.notice = Some(SyncRepNotice::WaitTerminated),
            other => panic!("no such extra: {other}"),
        }
    }
    facts
}

fn phase(word: &str) -> Phase {
    match word {
        "waiting" => Phase::Waiting,
        "connect-resolve" => Phase::Connect(ConnectStage::Resolve),
        "connect-tcp" => Phase::Connect(ConnectStage::Tcp),
        "connect-tls" => Phase::Connect(ConnectStage::Tls),
        "connect-auth" => Phase::Connect(ConnectStage::Auth),
        "connect-role" => Phase::Connect(ConnectStage::RoleCheck),
        "prepare" => Phase::Prepare(InTransaction::No),
        "begin" => Phase::Begin,
        "statement" => Phase::Statement(InTransaction::No),
        "statement-in" => Phase::Statement(InTransaction::Yes),
        "statement-may-commit" => Phase::Statement(InTransaction::MayCommit),
        "copy-in" => Phase::CopyIn(InTransaction::No),
        "copy-done" => Phase::CopyDone(InTransaction::No),
        "commit" => Phase::Commit,
        "rollback" => Phase::Rollback,
        other => panic!("no such phase: {other}"),
    }
}

fn cause(word: &str) -> Cause {
    let mut parts = word.split(':');
    match parts.next().unwrap() {
        severity @ ("error" | "fatal" | "panic") => Cause::Server(ServerError {
            severity: Severity::from_text(&severity.to_uppercase()),
            sqlstate: SqlState::from_code(parts.next().unwrap()).unwrap(),
            routine: parts.next().map(str::to_owned),
        }),
        "answered" => Cause::Answered,
        "connection-lost" => Cause::ConnectionLost,
        "silent" => Cause::Silent,
        "deadline" => Cause::Deadline,
        "tls-certificate" => Cause::Tls(TlsFault::Certificate),
        "tls-not-offered" => Cause::Tls(TlsFault::NotOffered),
        "name-resolution" => Cause::NameResolution,
        "refused" => Cause::Refused,
        "protocol" => Cause::Protocol,
        "client-parameters" => Cause::Client(ClientFault::Parameters),
        "client-row-count" => Cause::Client(ClientFault::RowCount),
        "no-leader" => Cause::NoLeader,
        "no-standby" => Cause::NoStandby,
        "not-fresh" => Cause::NotFresh,
        "token-lost" => Cause::TokenLost,
        "unknown-hint" => Cause::Client(ClientFault::Hint),
        "pool-exhausted" => Cause::PoolExhausted,
        "role-mismatch" => Cause::RoleMismatch,
        "stale-primary" => Cause::StalePrimary,
        other => panic!("no such cause: {other}"),
    }
}

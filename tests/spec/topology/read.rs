//! The language of reads: `read <wish> -> <answer>`, or `read <wish>: <text>` for a text among the
//! reasons.
//!
//! A wish is a list of words: `leader`, or where to without a standby: `primary`, `wait`, `refuse`;
//! `random`, `round-robin`, `least-outstanding`, `nearest`; `draw=3`; `busy=b2,c1`;
//! `after=<timeline>:<position>[:<system>]`; `fresh=1000` in milliseconds.
//!
//! An answer is a list of servers in the order in which they are tried, with a question mark behind
//! one that has to be asked how far it has replayed; or `wait`, `confirm`, `learn`, `refused`, `lost`.

use std::collections::BTreeMap;
use std::time::Duration;

use aya_db_core::conninfo::LagLimits;
use aya_db_core::route::{
    CausalToken, Fallback, Proof, ReadServers, ReadStep, ReadWish, StandbyPolicy, Traffic,
    plan_read,
};
use aya_db_core::snapshot::ClusterSnapshot;
use aya_db_core::{Lsn, Moment, SystemIdentifier, Timeline};

use super::observe;

pub(super) fn check(
    snapshot: &ClusterSnapshot,
    now: Moment,
    limits: &LagLimits,
    sentence: &str,
) -> Result<(), String> {
    let (words, expected) = match sentence.split_once(" -> ") {
        Some((words, expected)) => (words, Ok(expected)),
        None => sentence.split_once(": ").map(|(words, text)| (words, Err(text))).unwrap(),
    };
    let (wish, traffic) = wish(words, *limits);
    let plan = plan_read(snapshot, &wish, &traffic, now);
    let plan = match super::expect::hold(snapshot, now) {
        Some(hold) => hold.restrict_read(plan),
        None => plan,
    };
    let reasons: Vec<String> = plan.reasons.iter().map(ToString::to_string).collect();
    let reasons = reasons.join("\n").replace(":5432", "");
    let found = answer(&plan.step);
    match expected {
        Ok(expected) if found == expected => Ok(()),
        Err(text) if reasons.contains(text) => Ok(()),
        Ok(_) | Err(_) => Err(format!("{found}, for these reasons:\n{reasons}")),
    }
}

fn answer(step: &ReadStep) -> String {
    match step {
        ReadStep::Try(candidates) => {
            let servers = candidates.iter().map(|candidate| {
                let asked = if candidate.proof == Proof::Owed { "?" } else { "" };
                format!("{}{asked}", candidate.node.host())
            });
            servers.collect::<Vec<_>>().join(" ")
        }
        ReadStep::Wait => "wait".into(),
        ReadStep::Confirm => "confirm".into(),
        ReadStep::Learn(_) => "learn".into(),
        ReadStep::NoStandby => "refused".into(),
        ReadStep::TokenLost(_) => "lost".into(),
    }
}

fn wish(words: &str, limits: LagLimits) -> (ReadWish, Traffic) {
    let mut wish = ReadWish {
        servers: ReadServers::Standbys(Fallback::Primary),
        policy: StandbyPolicy::default(),
        limits,
        after: None,
        freshness: None,
    };
    let mut traffic = Traffic::default();
    for word in words.split_whitespace() {
        match word.split_once('=') {
            Some(("draw", draw)) => traffic.draw = draw.parse().unwrap(),
            Some(("busy", busy)) => {
                let one = |it: &str| (observe::node(&it[..1]), it[1..].parse().unwrap());
                traffic.busy = busy.split(',').map(one).collect::<BTreeMap<_, _>>();
            }
            Some(("after", place)) => wish.after = Some(token(place)),
            Some(("fresh", age)) => {
                wish.freshness = Some(Duration::from_millis(age.parse().unwrap()));
            }
            None if word == "leader" => wish.servers = ReadServers::Leader,
            None => {
                let policy = StandbyPolicy::ALL.iter().find(|(it, _)| *it == word);
                let fallback = Fallback::ALL.iter().find(|(it, _)| *it == word);
                match (policy, fallback) {
                    (Some((_, policy)), _) => wish.policy = *policy,
                    (_, Some((_, fallback))) => wish.servers = ReadServers::Standbys(*fallback),
                    (None, None) => panic!("no part of a wish: {word:?}"),
                }
            }
            Some(_) => panic!("no part of a wish: {word:?}"),
        }
    }
    (wish, traffic)
}

fn token(place: &str) -> CausalToken {
    let parts: Vec<u64> = place.split(':').map(|part| part.parse().unwrap()).collect();
    CausalToken {
        timeline: Timeline(u32::try_from(parts[0]).unwrap()),
        lsn: Lsn(parts[1]),
        system_identifier: parts.get(2).copied().map(SystemIdentifier),
    }
}

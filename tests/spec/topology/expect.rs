//! The language of expectations, one sentence a string.
//!
//! - `unknown`, `claimed a by etcd`, `confirmed a`; `generation 2`; `system 7`; `highest 3|none`;
//! - `a primary|standby|stale|role-unknown`, `a up|down|suspect|untried`, `a generation 1`,
//!   `a lag 100|none`, `a gone`, `a known`;
//! - `event <text>`, `no event <text>`, `no events`: in the words of the events of this step;
//! - `reason <text>`, `no reason <text>`: in the words of the snapshot's reasons;
//! - `changed`, `unchanged`: whether selection would notice the step;
//! - `switchover none|shown|withdrawn|taken-over`; `source etcd pending|live|lost`;
//! - `pace calm|hunt`, `probe first a`, `probe a every 25`;
//! - `route standby -> b`, `route standby -> b|c a` (b and c in any order, then a), `route primary -> wait`,
//!   `why standby <text>`: selection, in the words of its reasons;
//! - `read <wish> -> b a`, `read <wish>: <text>`: a read that asks for more; see [`read`];
//! - `left 1 at 500`: where a timeline was left.
//! - `held primary`, `let go primary`: whether such calls wait for a switchover, for up to 10 s;
//!   `hold ends 10005`: when they are let go at the latest. Selection knows of it.

use std::collections::BTreeSet;
use std::time::Duration;

use aya_db_core::conninfo::LagLimits;
use aya_db_core::observation::TimelineSwitch;
use aya_db_core::route::{Hold, Intent, Selection, select};
use aya_db_core::snapshot::{
    ClusterSnapshot, Health, Leadership, Node, NodeRole, SourceState, SwitchoverStage,
};
use aya_db_core::topology::{Folded, Pace, ProbeSettings, changed, probe_plan};
use aya_db_core::{Moment, NodeId};
use serde::Deserialize;

use super::{observe, read};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    bytes: Option<u64>,
    age_ms: Option<u64>,
}

pub(super) fn check(
    sentence: &str,
    before: &ClusterSnapshot,
    folded: &Folded,
    now: Moment,
    limits: &Limits,
) -> Result<(), String> {
    let after = &folded.snapshot;
    let (first, rest) = sentence.split_once(' ').unwrap_or((sentence, ""));
    match first {
        "unknown" | "claimed" | "confirmed" => equal(sentence, &leadership(after)),
        "generation" => equal(rest, &after.generation.0.to_string()),
        "system" => equal(rest, &optional(after.system_identifier)),
        "highest" => equal(rest, &optional(after.highest_timeline)),
        "changed" | "unchanged" => {
            equal(first, if changed(before, after) { "changed" } else { "unchanged" })
        }
        "switchover" => equal(rest, stage(after)),
        "event" => holds(events(folded).contains(rest), "no such event"),
        "reason" => holds(reasons(after).contains(rest), "no such reason"),
        "no" if rest == "events" => equal("", &events(folded)),
        "no" => match rest.split_once(' ') {
            Some(("event", text)) => holds(!events(folded).contains(text), "such an event"),
            Some(("reason", text)) => holds(!reasons(after).contains(text), "such a reason"),
            _ => panic!("no expectation: {sentence:?}"),
        },
        "source" => check_source(after, rest),
        "pace" | "probe" => check_probe(after, now, sentence),
        "route" | "why" => check_route(after, now, limits, sentence),
        "read" => read::check(after, now, &lag_limits(limits), rest),
        "left" => {
            let rows = after.history.iter();
            let left = |row: &TimelineSwitch| format!("{} at {}", row.timeline, row.switched_at.0);
            equal(rest, &rows.map(left).collect::<Vec<_>>().join(", "))
        }
        "held" | "let" | "hold" => check_hold(after, now, sentence),
        name => check_node(after, name, rest),
    }
}

fn equal(expected: &str, found: &str) -> Result<(), String> {
    if expected == found { Ok(()) } else { Err(format!("{found:?}")) }
}

fn holds(fact: bool, otherwise: &str) -> Result<(), String> {
    if fact { Ok(()) } else { Err(otherwise.into()) }
}

fn optional<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "none".into(), |value| value.to_string())
}

fn leadership(snapshot: &ClusterSnapshot) -> String {
    match &snapshot.leadership {
        Leadership::Unknown => "unknown".into(),
        Leadership::Claimed { node, by, .. } => format!("claimed {} by {by}", node.host()),
        Leadership::Confirmed { node, .. } => format!("confirmed {}", node.host()),
    }
}

fn events(folded: &Folded) -> String {
    let lines: Vec<_> = folded.events.iter().map(ToString::to_string).collect();
    lines.join("\n").replace(":5432", "")
}

fn reasons(snapshot: &ClusterSnapshot) -> String {
    let lines: Vec<_> = snapshot.reasons.iter().map(|reason| reason.text.as_str()).collect();
    lines.join("\n").replace(":5432", "")
}

fn stage(snapshot: &ClusterSnapshot) -> &'static str {
    match snapshot.switchover.as_ref().map(|switchover| switchover.stage) {
        None => "none",
        Some(SwitchoverStage::Shown) => "shown",
        Some(SwitchoverStage::Withdrawn) => "withdrawn",
        Some(SwitchoverStage::TakenOver) => "taken-over",
    }
}

/// The hold that is on, if one is.
pub(super) fn hold(snapshot: &ClusterSnapshot, now: Moment) -> Option<Hold> {
    Hold::of(snapshot, HOLD).filter(|hold| hold.is_on(now))
}

fn check_hold(snapshot: &ClusterSnapshot, now: Moment, sentence: &str) -> Result<(), String> {
    let hold = Hold::of(snapshot, HOLD);
    let stops = |intent| {
        hold.as_ref()
            .filter(|hold| hold.is_on(now))
            .is_some_and(|hold| hold.stops(parse_intent(intent), &snapshot.leadership))
    };
    match sentence.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["held", intents @ ..] => intents.iter().try_for_each(|it| holds(stops(it), it)),
        ["let", "go", intents @ ..] => intents.iter().try_for_each(|it| holds(!stops(it), it)),
        ["hold", "ends", millis] => {
            equal(millis, &optional(hold.map(|hold| hold.until.0.as_millis())))
        }
        _ => panic!("no expectation: {sentence:?}"),
    }
}

fn check_source(snapshot: &ClusterSnapshot, rest: &str) -> Result<(), String> {
    let (name, expected) = rest.split_once(' ').unwrap();
    let found = match snapshot.sources.get(&observe::source(name)) {
        Some(SourceState::Pending) => "pending",
        Some(SourceState::Live { .. }) => "live",
        Some(SourceState::Lost { .. }) => "lost",
        None => "none",
    };
    equal(expected, found)
}

fn check_probe(snapshot: &ClusterSnapshot, now: Moment, sentence: &str) -> Result<(), String> {
    let plan = probe_plan(snapshot, now, &ProbeSettings::default());
    match sentence.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["pace", pace] => equal(pace, if plan.pace == Pace::Calm { "calm" } else { "hunt" }),
        ["probe", "first", name] => equal(name, plan.nodes[0].node.host()),
        ["probe", name, "every", millis] => {
            let paced = plan.nodes.iter().find(|paced| paced.node == observe::node(name)).unwrap();
            equal(millis, &paced.every.as_millis().to_string())
        }
        _ => panic!("no expectation: {sentence:?}"),
    }
}

fn check_node(snapshot: &ClusterSnapshot, name: &str, rest: &str) -> Result<(), String> {
    let node = snapshot.nodes.get(&observe::node(name));
    if rest == "gone" {
        return holds(node.is_none(), "the node is there");
    }
    let Some(node) = node else { return Err("no such node".into()) };
    match rest.split_once(' ') {
        Some(("generation", expected)) => equal(expected, &node.generation.0.to_string()),
        Some(("lag", expected)) => equal(expected, &optional(node.lag_bytes)),
        Some(("member", expected)) => equal(expected, &optional(node.member.as_ref())),
        Some(_) => panic!("no expectation: {name} {rest}"),
        None => check_state(node, rest),
    }
}

fn check_state(node: &Node, expected: &str) -> Result<(), String> {
    match expected {
        "known" => Ok(()),
        "synchronous" => holds(node.synchronous, "not synchronous"),
        "primary" | "standby" | "stale" | "role-unknown" => equal(
            expected,
            match node.role {
                NodeRole::Unknown => "role-unknown",
                NodeRole::Primary => "primary",
                NodeRole::Standby => "standby",
                NodeRole::StalePrimary => "stale",
            },
        ),
        "up" | "down" | "suspect" | "untried" => equal(
            expected,
            match node.health {
                Health::Untried => "untried",
                Health::Up => "up",
                Health::Suspect => "suspect",
                Health::Down(_) => "down",
            },
        ),
        other => panic!("no state of a node: {other:?}"),
    }
}

fn check_route(
    snapshot: &ClusterSnapshot,
    now: Moment,
    limits: &Limits,
    sentence: &str,
) -> Result<(), String> {
    let limits = lag_limits(limits);
    let mut words = sentence.splitn(3, ' ');
    let (verb, intent, rest) =
        (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
    let hold = hold(snapshot, now);
    let drawn = |dice| {
        let intent = parse_intent(intent);
        let selection = select(snapshot, intent, &limits, dice);
        match &hold {
            Some(hold) => hold.restrict(selection, intent, &snapshot.leadership),
            None => selection,
        }
    };
    if verb == "why" {
        let lines: Vec<_> = drawn(0).reasons.iter().map(ToString::to_string).collect();
        let text = lines.join("\n").replace(":5432", "");
        return if text.contains(rest) { Ok(()) } else { Err(text) };
    }
    let expected = rest.strip_prefix("-> ").unwrap();
    let draws: Vec<Selection> = (0..64).map(|dice| drawn(dice * 7919)).collect();
    if expected == "wait" {
        return holds(draws.iter().all(Selection::must_wait), &hosts(&draws[0].candidates));
    }
    // Groups in order; within a group every order must be drawn by some dice.
    let groups: Vec<BTreeSet<&str>> =
        expected.split(' ').map(|group| group.split('|').collect()).collect();
    for draw in &draws {
        let mut candidates = draw.candidates.iter().map(NodeId::host);
        let found: Vec<BTreeSet<&str>> =
            groups.iter().map(|group| candidates.by_ref().take(group.len()).collect()).collect();
        if found != groups || candidates.next().is_some() {
            return Err(hosts(&draw.candidates));
        }
    }
    let orders: BTreeSet<String> = draws.iter().map(|draw| hosts(&draw.candidates)).collect();
    let shuffled = groups.iter().any(|group| group.len() > 1);
    holds(shuffled == (orders.len() > 1), "the dice decide otherwise")
}

fn lag_limits(limits: &Limits) -> LagLimits {
    LagLimits { bytes: limits.bytes, age: limits.age_ms.map(Duration::from_millis) }
}

fn hosts(nodes: &[NodeId]) -> String {
    nodes.iter().map(NodeId::host).collect::<Vec<_>>().join(" ")
}

fn parse_intent(name: &str) -> Intent {
    let all = [
        Intent::Any,
        Intent::ReadWrite,
        Intent::ReadOnly,
        Intent::Primary,
        Intent::Standby,
        Intent::PreferStandby,
        Intent::PreferPrimary,
    ];
    all.into_iter().find(|intent| intent.to_string() == name).unwrap()
}

/// The longest that calls wait for a switchover in these cases.
const HOLD: Duration = Duration::from_secs(10);

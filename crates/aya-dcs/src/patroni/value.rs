//! The parts that the keys and the REST answers have in common.

use std::fmt;

use aya_db_core::observation::{ClusterReport, TimelineSwitch};
use aya_db_core::{Lsn, MemberName, Timeline};
use serde_json::Value;

/// A report, and what of its source could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decoded {
    /// What could be read.
    pub report: ClusterReport,
    /// What could not, at most a few dozen.
    pub warnings: Vec<Warning>,
}

/// One value that could not be read and was passed over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// The key in the store, without the cluster's prefix, or the place in the answer.
    pub place: String,
    /// What is wrong with it; never its text.
    pub problem: &'static str,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

/// Collects warnings up to a bound.
#[derive(Debug, Default)]
pub(super) struct Warnings(Vec<Warning>);

impl Warnings {
    pub(super) fn add(&mut self, place: impl Into<String>, problem: &'static str) {
        if self.0.len() < MAX_WARNINGS {
            self.0.push(Warning { place: place.into(), problem });
        }
    }

    pub(super) fn into_vec(self) -> Vec<Warning> {
        self.0
    }
}

/// Patroni's history: rows of timeline, log position, reason, time, new leader; the last two are
/// missing in old rows.
pub(super) fn history(value: &Value, place: &str, warnings: &mut Warnings) -> Vec<TimelineSwitch> {
    let Some(rows) = value.as_array() else {
        warnings.add(place, "not a list");
        return Vec::new();
    };
    let mut switches: Vec<TimelineSwitch> = Vec::with_capacity(rows.len());
    for row in rows {
        match timeline_switch(row) {
            Some(switch) => switches.push(switch),
            None => warnings.add(place, "a row that is no timeline switch"),
        }
    }
    switches.sort_by_key(|switch| switch.timeline);
    switches
}

/// A log position as a count of bytes (also as text), or in PostgreSQL's own form.
pub(super) fn lsn(value: &Value) -> Option<Lsn> {
    match value {
        Value::Number(number) => number.as_u64().map(Lsn),
        Value::String(text) => text.parse().ok().or_else(|| text.parse().ok().map(Lsn)),
        _ => None,
    }
}

/// A timeline: from 1 up.
pub(super) fn timeline(value: &Value) -> Option<Timeline> {
    let number = u32::try_from(value.as_u64()?).ok()?;
    (number > 0).then_some(Timeline(number))
}

/// A member's name; an empty one is none.
pub(super) fn member_name(text: &str) -> Option<MemberName> {
    let text = text.trim();
    (!text.is_empty()).then(|| MemberName(text.into()))
}

/// The tag `noloadbalance` of a member.
pub(super) fn no_load_balance(tags: Option<&Value>) -> bool {
    match tags.and_then(|tags| tags.get("noloadbalance")) {
        Some(Value::Bool(set)) => *set,
        Some(Value::String(text)) => {
            matches!(text.to_ascii_lowercase().as_str(), "true" | "on" | "yes" | "1")
        }
        _ => false,
    }
}

fn timeline_switch(row: &Value) -> Option<TimelineSwitch> {
    let row = row.as_array()?;
    Some(TimelineSwitch {
        timeline: timeline(row.first()?)?,
        switched_at: lsn(row.get(1)?)?,
        new_leader: row.get(4).and_then(Value::as_str).and_then(member_name),
    })
}

const MAX_WARNINGS: usize = 32;

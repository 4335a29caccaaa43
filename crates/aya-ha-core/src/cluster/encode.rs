//! The values that are written to the keys.

use std::collections::BTreeMap;

use aya_db_core::{Lsn, Timeline};
use serde_json::{Map, Value, json};

use super::{Request, Switch, Tags};
use crate::sync::Voters;

/// What a node says of itself in `members/NAME`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Announcement {
    /// Where its PostgreSQL answers, without user or password.
    pub conn_url: String,
    /// Where its REST interface answers.
    pub api_url: String,
    /// `running`, `starting` and so on.
    pub state: String,
    /// `primary`, `replica` and so on.
    pub role: String,
    /// How far its log goes.
    pub lsn: Option<Lsn>,
    /// How far a standby's log has been received and replayed.
    pub standby: Option<(Option<Lsn>, Option<Lsn>)>,
    /// `streaming` or `in archive recovery`.
    pub replication_state: Option<String>,
    /// Its timeline.
    pub timeline: Option<Timeline>,
    /// What it wants heeded.
    pub tags: Tags,
    /// Whether it knows that nobody is to act by itself.
    pub paused: bool,
    /// Whether the first checkpoint after its promotion is still to come.
    pub awaits_checkpoint: bool,
    /// The profile that it follows.
    pub profile: String,
}

/// The version of Patroni whose protocol this is; its nodes look at it.
pub const PROTOCOL_VERSION: &str = "4.1.5";

/// The value of `members/NAME`.
pub fn member(own: &Announcement) -> Vec<u8> {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("conn_url", json!(own.conn_url));
    put("api_url", json!(own.api_url));
    put("state", json!(own.state));
    put("role", json!(own.role));
    put("version", json!(PROTOCOL_VERSION));
    put("aya", json!({ "profile": own.profile }));
    if !own.tags.as_map().is_empty() {
        put("tags", Value::Object(own.tags.as_map().clone()));
    }
    if let Some(Lsn(position)) = own.lsn {
        put("xlog_location", json!(position));
    }
    if let Some((received, replayed)) = own.standby {
        if let Some(Lsn(position)) = replayed {
            put("replay_lsn", json!(position));
        }
        if let Some(Lsn(position)) = received {
            put("receive_lsn", json!(position));
        }
    }
    if let Some(state) = &own.replication_state {
        put("replication_state", json!(state));
    }
    if let Some(Timeline(number)) = own.timeline {
        put("timeline", json!(number));
    }
    if own.paused {
        put("pause", json!(true));
    }
    if own.awaits_checkpoint {
        put("checkpoint_after_promote", json!(false));
    }
    Value::Object(fields).to_string().into_bytes()
}

/// The value of `status`.
pub fn status(optime: Lsn, slots: &BTreeMap<String, Lsn>) -> Vec<u8> {
    let mut value = json!({ "optime": optime.0 });
    if !slots.is_empty() {
        let positions: BTreeMap<_, _> = slots.iter().map(|(name, lsn)| (name, lsn.0)).collect();
        let names: Vec<_> = slots.keys().collect();
        value["slots"] = json!(positions);
        value["retain_slots"] = json!(names);
    }
    value.to_string().into_bytes()
}

/// The value of `sync`.
pub fn sync(leader: &str, voters: &Voters) -> Vec<u8> {
    let names: Vec<_> = voters.names.iter().map(String::as_str).collect();
    let standby = if names.is_empty() { Value::Null } else { json!(names.join(",")) };
    let value = json!({ "leader": leader, "quorum": voters.quorum, "sync_standby": standby });
    value.to_string().into_bytes()
}

/// The value of `failover`; without a request, the one that clears it.
pub fn request(request: Option<&Request>) -> Vec<u8> {
    let mut fields = Map::new();
    if let Some(request) = request {
        let parts = [
            ("leader", &request.leader),
            ("member", &request.candidate),
            ("scheduled_at", &request.scheduled_at),
        ];
        for (name, value) in parts {
            if let Some(value) = value {
                fields.insert(name.to_owned(), json!(value));
            }
        }
    }
    Value::Object(fields).to_string().into_bytes()
}

/// The value of `history`.
pub fn history(switches: &[Switch]) -> Vec<u8> {
    let row = |switch: &Switch| {
        let mut row = vec![json!(switch.timeline.0), json!(switch.at.0), json!(switch.reason)];
        if let Some(time) = &switch.time {
            row.push(json!(time));
            row.extend(switch.new_leader.as_ref().map(|name| json!(name)));
        }
        Value::Array(row)
    };
    Value::Array(switches.iter().map(row).collect()).to_string().into_bytes()
}

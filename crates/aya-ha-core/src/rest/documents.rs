//! The documents that are answered, field by field as Patroni's.

use aya_db_core::Lsn;
use serde_json::{Map, Value, json};

use super::health::is_leader;
use super::{Status, role_word, state_word};
use crate::cluster::Member;
use crate::cluster::encode::{self, PROTOCOL_VERSION};
use crate::view::{Synchronous, View};

/// `GET /patroni`: this node.
pub(super) fn node(status: &Status) -> Value {
    let view = &status.view;
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("state", json!(state_word(view)));
    put("role", json!(role_word(view)));
    if let Some(probe) = status.probe.as_ref().filter(|_| view.is_up()) {
        put("postmaster_start_time", json!(probe.started));
        put("server_version", json!(probe.version));
        put("xlog", log(status));
        put("timeline", json!(view.postgres.timeline.0));
        put("database_system_identifier", json!(probe.system_identifier));
        if role_word(view) == "primary" {
            put("replication", replication(&probe.replication));
        } else if view.postgres.streaming {
            put("replication_state", json!("streaming"));
        }
    }
    if view.cluster.sync.standbys.contains(&view.me.name) && !view.has_lock() {
        match view.settings.synchronous {
            Synchronous::Priority => put("sync_standby", json!(true)),
            Synchronous::Quorum => put("quorum_standby", json!(true)),
            Synchronous::Off => None,
        };
    }
    if view.cluster.leader.is_none() {
        put("cluster_unlocked", json!(true));
    }
    if view.cluster.is_paused() {
        put("pause", json!(true));
    }
    if !view.me.tags.as_map().is_empty() {
        put("tags", Value::Object(view.me.tags.as_map().clone()));
    }
    put("dcs_last_seen", json!(status.store_seen));
    let patroni =
        json!({ "version": PROTOCOL_VERSION, "scope": status.scope, "name": view.me.name });
    put("patroni", patroni);
    Value::Object(fields)
}

/// A primary's position shows that it is one, to others who would be promoted: never of one that stops.
fn log(status: &Status) -> Value {
    let view = &status.view;
    if role_word(view) == "primary" {
        return json!({ "location": view.postgres.lsn.0 });
    }
    let Some(probe) = &status.probe else { return json!({}) };
    let (received, replayed) =
        if probe.in_recovery { (probe.received, probe.replayed) } else { (Lsn(0), Lsn(0)) };
    json!({
        "received_location": received.0,
        "replayed_location": replayed.0,
        "replayed_timestamp": probe.replayed_at,
        "paused": probe.replay_paused,
    })
}

fn replication(rows: &Value) -> Value {
    let row = |row: &Value| {
        let mut row = row.clone();
        if let Value::Object(fields) = &mut row {
            fields.remove("flushed");
        }
        row
    };
    Value::Array(rows.as_array().into_iter().flatten().map(row).collect())
}

/// `GET /cluster`: all members.
pub(super) fn cluster(view: &View) -> Value {
    let members: Vec<_> = view.cluster.members.values().map(|it| member(view, it)).collect();
    let mut document = json!({ "members": members });
    if view.cluster.is_paused() {
        document["pause"] = json!(true);
    }
    if let Some(request) = &view.cluster.request
        && let Some(at) = &request.scheduled_at
    {
        let mut scheduled = json!({ "at": at });
        if let Some(leader) = &request.leader {
            scheduled["from"] = json!(leader);
        }
        if let Some(candidate) = &request.candidate {
            scheduled["to"] = json!(candidate);
        }
        document["scheduled_switchover"] = scheduled;
    }
    document
}

fn member(view: &View, member: &Member) -> Value {
    let leads = view.cluster.is_led_by(&member.name);
    let synchronous = view.cluster.sync.standbys.contains(&member.name);
    let role = match (leads, view.settings.synchronous, synchronous) {
        (true, ..) => "leader",
        (false, Synchronous::Priority, true) => "sync_standby",
        (false, Synchronous::Quorum, true) => "quorum_standby",
        (false, ..) => "replica",
    };
    let state = member.replication_state.as_deref().filter(|_| !leads).unwrap_or(&member.state);
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("name", json!(member.name));
    put("role", json!(role));
    put("state", json!(state));
    put("api_url", json!(member.api_url));
    if let Some(node) = member.node() {
        put("host", json!(node.host()));
        put("port", json!(node.port()));
    }
    if let Some(timeline) = member.timeline {
        put("timeline", json!(timeline.0));
    }
    if !member.tags.as_map().is_empty() {
        put("tags", Value::Object(member.tags.as_map().clone()));
    }
    if !leads {
        let positions =
            [("receive_", member.received), ("replay_", member.replayed), ("", member.lsn)];
        for (kind, lsn) in positions {
            let (shown, lag) = match lsn.filter(|lsn| lsn.0 > 0) {
                None => (json!("unknown"), json!("unknown")),
                Some(lsn) => {
                    let lag = view.cluster.optime.map_or(0, |end| end.bytes_since(lsn));
                    (json!(lsn.to_string()), json!(lag))
                }
            };
            put(&format!("{kind}lsn"), shown);
            put(&format!("{kind}lag"), lag);
        }
    }
    Value::Object(fields)
}

/// `GET /history`.
pub(super) fn history(view: &View) -> Value {
    serde_json::from_slice(&encode::history(&view.cluster.history)).unwrap_or_default()
}

/// `GET /failsafe`: the members that a leader asks when the store is lost; `None` where that is off.
pub(super) fn failsafe(view: &View) -> Option<Value> {
    let config = view.cluster.config.as_ref().map(|(config, _)| config)?;
    (config.get("failsafe_mode") == Some(&Value::Bool(true))).then(|| json!(view.cluster.failsafe))
}

/// What our own interface adds.
pub(super) fn lease_left(view: &View) -> Option<f64> {
    let left = view.lease?.deadline().since(view.now);
    is_leader(view).then_some(left.as_secs_f64())
}

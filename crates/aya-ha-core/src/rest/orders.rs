//! What people ask for by `POST`, `PATCH`, `PUT` and `DELETE`.

use serde_json::Value;

use super::{Answer, Status};
use crate::cluster::Request;
use crate::config::patch;
use crate::plan::can_succeed;
use crate::view::Synchronous;

/// What is to be done for somebody.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// Write this configuration, if the one that it was made from is still there.
    Configure {
        /// The new one.
        config: Value,
        /// The revision of the old one; `None` replaces whatever is there.
        seen: Option<u64>,
    },
    /// Write this request, and wait for what comes of it.
    Switch(Request),
    /// Delete the request that is scheduled.
    CancelSwitch,
    /// Restart the server.
    Restart,
    /// Read the configuration file again.
    Reload,
    /// Copy the data anew.
    Reinitialize,
}

/// An order, or why there is none.
pub type Ordered = Result<Order, Answer>;

/// Reads a request that changes something.
///
/// # Errors
/// What is answered instead.
pub fn order(status: &Status, method: &str, path: &str, body: &str) -> Ordered {
    match (method, path.trim_end_matches('/')) {
        ("PATCH", "/config") => {
            let changes = object(body)?;
            let Some((config, seen)) = &status.view.cluster.config else {
                return Err(Answer::empty(503));
            };
            Ok(Order::Configure { config: change_config(config, &changes), seen: Some(*seen) })
        }
        ("PUT", "/config") => Ok(Order::Configure { config: object(body)?, seen: None }),
        ("POST", "/switchover") => switch(status, &object(body)?, "switchover"),
        ("POST", "/failover") => switch(status, &object(body)?, "failover"),
        ("DELETE", "/switchover") => match &status.view.cluster.request {
            Some(request) if request.scheduled_at.is_some() => Ok(Order::CancelSwitch),
            Some(_) | None => Err(Answer::text(404, "no switchover is scheduled")),
        },
        ("POST", "/restart") => restart(body),
        ("POST", "/reload") => Ok(Order::Reload),
        ("POST", "/reinitialize") => reinitialize(status),
        ("POST" | "PATCH" | "PUT" | "DELETE", _) => Err(Answer::empty(501)),
        _ => Err(Answer::empty(501)),
    }
}

/// A configuration with changes: what is null is removed.
pub fn change_config(config: &Value, changes: &Value) -> Value {
    let mut config = config.clone();
    patch(&mut config, changes);
    config
}

fn object(body: &str) -> Result<Value, Answer> {
    match serde_json::from_str(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) | Err(_) => Err(Answer::empty(400)),
    }
}

fn switch(status: &Status, body: &Value, action: &str) -> Ordered {
    let view = &status.view;
    let text = |field: &str| {
        body.get(field).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let (leader, scheduled_at) = (text("leader"), text("scheduled_at"));
    let candidate = text("candidate").or_else(|| text("member"));
    let bad = |text: &str| Err(Answer::text(400, text));
    match (action, &leader, &candidate) {
        ("failover", _, None) => {
            return bad("Failover could be performed only to a specific candidate");
        }
        ("switchover", None, _) => {
            return bad("Switchover could be performed only from a specific leader");
        }
        _ => {}
    }
    if let Some(at) = &scheduled_at {
        if action == "failover" {
            return bad("Failover can't be scheduled");
        }
        if view.cluster.is_paused() {
            return bad("Can't schedule switchover in the paused state");
        }
        match crate::time::unix_ms(at) {
            None => return Err(Answer::text(422, UNREADABLE)),
            Some(at) if at < view.wall_ms => {
                return Err(Answer::text(422, "Cannot schedule switchover in the past"));
            }
            Some(_) => {}
        }
    }
    if view.cluster.is_paused() && candidate.is_none() {
        return bad("Switchover is possible only to a specific candidate in a paused state");
    }
    if leader == candidate {
        return bad("Switchover target and source are the same");
    }
    let action = if leader.is_some() { "switchover" } else { action };
    if scheduled_at.is_none()
        && let Some(why) = impossible(status, leader.as_deref(), candidate.as_deref(), action)
    {
        return Err(Answer::text(412, why));
    }
    Ok(Order::Switch(Request { leader, candidate, scheduled_at, modified: 0 }))
}

/// Why nobody could take over.
fn impossible(
    status: &Status,
    leader: Option<&str>,
    candidate: Option<&str>,
    action: &str,
) -> Option<String> {
    let view = &status.view;
    let cluster = &view.cluster;
    if leader.is_some_and(|leader| !cluster.is_led_by(leader)) {
        return Some("leader name does not match".to_owned());
    }
    let synchronous = view.settings.synchronous == Synchronous::Priority;
    if let Some(candidate) = candidate {
        if action == "switchover" && synchronous && !cluster.sync.standbys.contains(candidate) {
            return Some("candidate name does not match with sync_standby".to_owned());
        }
        let Some(member) = cluster.members.get(candidate) else {
            return Some("candidate does not exists".to_owned());
        };
        let able = can_succeed(view, member) || (action == "failover" && member.is_running());
        return (!able)
            .then(|| format!("{action} is not possible: no good candidates have been found"));
    }
    let leads = |name: &str| cluster.is_led_by(name);
    let mut others = cluster.members.values().filter(|member| !leads(&member.name));
    (!others.any(|member| can_succeed(view, member)))
        .then(|| format!("{action} is not possible: no good candidates have been found"))
}

fn restart(body: &str) -> Ordered {
    let wishes = if body.trim().is_empty() { Value::default() } else { object(body)? };
    let known =
        |key: &str| matches!(key, "role" | "postgres_version" | "timeout" | "restart_pending");
    for key in wishes.as_object().into_iter().flatten().map(|(key, _)| key) {
        if key == "schedule" {
            return Err(Answer::text(501, "scheduled restarts are not supported"));
        }
        if !known(key) {
            return Err(Answer::text(
                400,
                format!("Unknown filter for the scheduled restart: {key}"),
            ));
        }
    }
    Ok(Order::Restart)
}

fn reinitialize(status: &Status) -> Ordered {
    let view = &status.view;
    if view.has_lock() {
        return Err(Answer::text(503, "I am the leader, can not reinitialize"));
    }
    if view.cluster.leader.is_none() {
        return Err(Answer::text(503, "Cluster has no leader, can not reinitialize"));
    }
    Ok(Order::Reinitialize)
}

const UNREADABLE: &str =
    "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601";

use aya_db_core::observation::{MemberReport, MemberRole};
use aya_db_core::{Lsn, MemberName, NodeId};
use serde_json::Value;

use super::value::{lsn, no_load_balance, timeline};

/// One member from its key: JSON, or in very old clusters a bare connection URL.
pub(super) fn decode(
    name: &MemberName,
    value: &[u8],
    leader_lsn: Option<Lsn>,
) -> Result<MemberReport, &'static str> {
    let text = std::str::from_utf8(value).map_err(|_| "not UTF-8")?.trim();
    if text.contains("://") && !text.starts_with('{') {
        return Ok(bare(name, node_of_url(text).ok_or(BAD_URL)?));
    }
    let json: Value = serde_json::from_str(text).map_err(|_| "not JSON")?;
    if !json.is_object() {
        return Err("not a JSON object");
    }
    let url = json.get("conn_url").and_then(Value::as_str).ok_or("without conn_url")?;
    let role = role_of_key(json.get("role").and_then(Value::as_str).unwrap_or_default());
    let position = json.get("xlog_location").and_then(lsn);
    Ok(MemberReport {
        name: name.clone(),
        node: node_of_url(url).ok_or(BAD_URL)?,
        role,
        state: state(&json, role),
        timeline: json.get("timeline").and_then(timeline),
        lsn: position,
        lag_bytes: lag(role, position, leader_lsn),
        no_load_balance: no_load_balance(json.get("tags")),
    })
}

/// The server that `postgres://user:password@host:port/database` leads to.
pub(super) fn node_of_url(url: &str) -> Option<NodeId> {
    let (scheme, rest) = url.split_once("://")?;
    if !matches!(scheme, "postgres" | "postgresql") {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next()?;
    let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
    let (host, port) = match address.strip_prefix('[') {
        Some(bracketed) => {
            let (host, after) = bracketed.split_once(']')?;
            (host, after.strip_prefix(':'))
        }
        None => match address.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        },
    };
    let port = match port {
        None | Some("") => DEFAULT_PORT,
        Some(port) => port.parse().ok().filter(|port| *port > 0)?,
    };
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | '%');
    (!host.is_empty() && !host.contains(odd)).then(|| NodeId::new(host, port))
}

fn role_of_key(text: &str) -> MemberRole {
    match text {
        "primary" | "master" => MemberRole::Primary,
        "standby_leader" => MemberRole::StandbyLeader,
        "replica" => MemberRole::Replica,
        _ => MemberRole::Other,
    }
}

/// A running standby says what its replication does; that tells more than `running`.
fn state(json: &Value, role: MemberRole) -> String {
    let text = |field: &str| json.get(field).and_then(Value::as_str).unwrap_or_default();
    match (role, text("replication_state")) {
        (MemberRole::Primary, _) | (_, "") => text("state").to_owned(),
        (_, replication) if text("state") == "running" => replication.to_owned(),
        _ => text("state").to_owned(),
    }
}

fn lag(role: MemberRole, position: Option<Lsn>, leader_lsn: Option<Lsn>) -> Option<u64> {
    match role {
        MemberRole::Primary | MemberRole::StandbyLeader => None,
        MemberRole::Replica | MemberRole::Other => Some(leader_lsn?.bytes_since(position?)),
    }
}

fn bare(name: &MemberName, node: NodeId) -> MemberReport {
    MemberReport {
        name: name.clone(),
        node,
        role: MemberRole::Other,
        state: String::new(),
        timeline: None,
        lsn: None,
        lag_bytes: None,
        no_load_balance: false,
    }
}

const BAD_URL: &str = "a connection URL without a usable host and port";
const DEFAULT_PORT: u16 = 5432;

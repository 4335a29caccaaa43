//! Which parameters the server gets. Patroni keeps those on which all nodes must agree in the dynamic
//! configuration alone, and gives them on the command line, where nothing overrides them; what it forces is
//! forced here too (<https://patroni.readthedocs.io/en/latest/patroni_configuration.html>).

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Config, Dynamic};

/// Parameters by their names in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parameters {
    /// For the command line.
    pub command_line: BTreeMap<String, String>,
    /// For `postgresql.conf`.
    pub file: BTreeMap<String, String>,
}

/// What the server gets: the dynamic configuration's, over them this node's.
pub fn parameters(config: &Config, dynamic: &Dynamic) -> Parameters {
    let mut file = BTreeMap::new();
    let mut command_line: BTreeMap<String, String> = COMMAND_LINE
        .iter()
        .map(|(name, default, _)| ((*name).to_owned(), (*default).to_owned()))
        .collect();
    let shared = dynamic.postgresql.get("parameters").and_then(Value::as_object);
    for (name, value) in shared.into_iter().flatten() {
        let Some(value) = printed(value) else { continue };
        let name = name.to_ascii_lowercase();
        match COMMAND_LINE.iter().find(|(known, ..)| *known == name) {
            Some((_, _, fits)) if fits(&value) => {
                command_line.insert(name, value);
            }
            Some(_) => {}
            None => {
                file.insert(name, value);
            }
        }
    }
    for (name, value) in &config.postgresql.parameters {
        let name = name.to_ascii_lowercase();
        if !command_line.contains_key(&name) {
            file.insert(name, value.clone());
        }
    }
    for forced in FORCED {
        file.remove(*forced);
    }
    let own = [
        ("listen_addresses", config.postgresql.listen.clone()),
        ("port", config.postgresql.port.to_string()),
        ("cluster_name", config.scope.clone()),
    ];
    command_line.extend(own.map(|(name, value)| (name.to_owned(), value)));
    Parameters { command_line, file }
}

/// Whether a value of a parameter on the command line can be; else its default stands.
type Fits = fn(&str) -> bool;

/// The parameters of the command line, with Patroni's defaults and bounds.
pub const COMMAND_LINE: &[(&str, &str, Fits)] = &[
    ("wal_level", "replica", |value| matches!(value, "hot_standby" | "replica" | "logical")),
    ("hot_standby", "on", |value| matches!(value, "on" | "true" | "yes" | "1")),
    ("max_connections", "100", |value| at_least(value, 25)),
    ("max_wal_senders", "10", |value| at_least(value, 3)),
    ("max_prepared_transactions", "0", |value| at_least(value, 0)),
    ("max_locks_per_transaction", "64", |value| at_least(value, 32)),
    ("track_commit_timestamp", "off", is_flag),
    ("max_replication_slots", "10", |value| at_least(value, 4)),
    ("max_worker_processes", "8", |value| at_least(value, 2)),
    ("wal_log_hints", "on", is_flag),
];

/// Parameters that only the daemon sets.
const FORCED: &[&str] = &[
    "listen_addresses",
    "port",
    "cluster_name",
    "data_directory",
    "config_file",
    "hba_file",
    "ident_file",
    "external_pid_file",
    "synchronous_standby_names",
    "primary_conninfo",
    "primary_slot_name",
    "recovery_target_timeline",
];

fn printed(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(true) => Some("on".to_owned()),
        Value::Bool(false) => Some("off".to_owned()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn at_least(value: &str, least: i64) -> bool {
    value.trim().parse::<i64>().is_ok_and(|number| number >= least)
}

fn is_flag(value: &str) -> bool {
    matches!(value, "on" | "off" | "true" | "false" | "yes" | "no" | "1" | "0")
}

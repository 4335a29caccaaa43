//! The dynamic configuration: what all nodes of a cluster share, in the key `config`
//! (<https://patroni.readthedocs.io/en/latest/dynamic_configuration.html>).

use std::time::Duration;

use serde_json::{Map, Value};

use crate::view::Synchronous;

/// What all nodes hold to. A value that cannot be read counts as not set: one bad key in the store must not
/// stop a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Dynamic {
    /// The length of Patroni's lease.
    pub ttl: Duration,
    /// How often its loop runs.
    pub loop_wait: Duration,
    /// For how long it tries to reach the store.
    pub retry_timeout: Duration,
    /// How many bytes an asynchronous standby may be behind and still lead.
    pub maximum_lag_on_failover: u64,
    /// How long a crashed primary may take to start before another takes over.
    pub primary_start_timeout: Duration,
    /// Whether commits wait for standbys.
    pub synchronous: Synchronous,
    /// Whether they wait even when no standby is left.
    pub strict: bool,
    /// For how many standbys.
    pub synchronous_node_count: usize,
    /// Whether a standby of an older timeline never leads.
    pub check_timeline: bool,
    /// Whether members have replication slots.
    pub use_slots: bool,
    /// Whether a former primary is rewound.
    pub use_pg_rewind: bool,
    /// The section `postgresql`.
    pub postgresql: Map<String, Value>,
}

impl Dynamic {
    /// From the value of the key.
    pub fn read(config: &Value) -> Self {
        let seconds = |key: &str, default: u64, least: u64| {
            Duration::from_secs(number(config, key).unwrap_or(default).max(least))
        };
        let (loop_wait, retry_timeout, ttl) = fitted(
            seconds("loop_wait", 10, 1),
            seconds("retry_timeout", 10, 3),
            seconds("ttl", 30, 20),
        );
        let start = if config.get("primary_start_timeout").is_some() {
            "primary_start_timeout"
        } else {
            "master_start_timeout"
        };
        let postgresql = config.get("postgresql").and_then(Value::as_object).cloned();
        let postgresql = postgresql.unwrap_or_default();
        let synchronous = synchronous(config.get("synchronous_mode"));
        let flag_of = |key: &str| postgresql.get(key).and_then(flag);
        Self {
            ttl,
            loop_wait,
            retry_timeout,
            maximum_lag_on_failover: number(config, "maximum_lag_on_failover").unwrap_or(1 << 20),
            primary_start_timeout: seconds(start, 300, 0),
            synchronous,
            strict: config.get("synchronous_mode_strict").and_then(flag).unwrap_or(false),
            synchronous_node_count: number(config, "synchronous_node_count")
                .and_then(|count| usize::try_from(count).ok())
                .filter(|count| *count > 0)
                .unwrap_or(1),
            check_timeline: config.get("check_timeline").and_then(flag).unwrap_or(false),
            use_slots: flag_of("use_slots").unwrap_or(true),
            use_pg_rewind: flag_of("use_pg_rewind").unwrap_or(false),
            postgresql,
        }
    }
}

/// Changes a configuration as `PATCH /config` does: objects are joined key by key, null removes, everything
/// else replaces.
pub fn patch(config: &mut Value, changes: &Value) {
    let (Value::Object(config), Value::Object(changes)) = (&mut *config, changes) else {
        changes.clone_into(config);
        return;
    };
    for (key, change) in changes {
        match (config.get_mut(key), change) {
            (_, Value::Null) => {
                config.remove(key);
            }
            (Some(old @ Value::Object(_)), Value::Object(_)) => patch(old, change),
            (_, change) => {
                let mut fresh = Value::Object(Map::new());
                patch(&mut fresh, change);
                config.insert(key.clone(), fresh);
            }
        }
    }
}

/// Patroni's rule: a node must have time to try the store twice within the lease.
fn fitted(
    loop_wait: Duration,
    retry_timeout: Duration,
    ttl: Duration,
) -> (Duration, Duration, Duration) {
    let second = Duration::from_secs(1);
    if second + 2 * retry_timeout > ttl {
        (second, Duration::from_secs((ttl - second).as_secs() / 2), ttl)
    } else {
        (loop_wait.min(ttl - 2 * retry_timeout), retry_timeout, ttl)
    }
}

fn synchronous(value: Option<&Value>) -> Synchronous {
    match value {
        Some(Value::String(text)) if text.eq_ignore_ascii_case("quorum") => Synchronous::Quorum,
        Some(value) if flag(value) == Some(true) => Synchronous::Priority,
        Some(_) | None => Synchronous::Off,
    }
}

fn number(config: &Value, key: &str) -> Option<u64> {
    match config.get(key)? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "on" | "true" | "yes" | "1" => Some(true),
            "off" | "false" | "no" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_cannot_be_read_counts_as_not_set() {
        let odd = json!({ "ttl": "x", "synchronous_mode": [], "postgresql": 3, "loop_wait": null });
        assert_eq!(Dynamic::read(&odd), Dynamic::read(&json!({})));
    }

    #[test]
    fn the_loop_fits_twice_into_the_lease() {
        let times = |ttl: u64, loop_wait: u64, retry: u64| {
            let read = Dynamic::read(
                &json!({ "ttl": ttl, "loop_wait": loop_wait, "retry_timeout": retry }),
            );
            (read.ttl.as_secs(), read.loop_wait.as_secs(), read.retry_timeout.as_secs())
        };
        assert_eq!(times(30, 10, 10), (30, 10, 10));
        assert_eq!(times(20, 10, 8), (20, 4, 8));
        assert_eq!(times(20, 10, 10), (20, 1, 9));
        assert_eq!(times(5, 10, 1), (20, 10, 3));
    }

    #[test]
    fn a_patch_joins_replaces_and_removes() {
        let mut config = json!({ "a": { "b": 1, "c": 2 }, "d": [1], "e": 3 });
        patch(
            &mut config,
            &json!({ "a": { "b": null, "x": { "y": null, "z": 1 } }, "d": [2], "e": {} }),
        );
        assert_eq!(config, json!({ "a": { "c": 2, "x": { "z": 1 } }, "d": [2], "e": {} }));
    }
}

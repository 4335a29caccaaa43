use serde_json::{Map, Value};

/// What a node says of itself for others to heed
/// (<https://patroni.readthedocs.io/en/latest/yaml_configuration.html#tags>).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tags(Map<String, Value>);

impl Tags {
    /// As the key of a member or a configuration has them.
    pub const fn new(tags: Map<String, Value>) -> Self {
        Self(tags)
    }

    /// All of them.
    pub const fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Whether it never leads. `nofailover` has the last word; without it a priority below 1 says the same.
    pub fn no_failover(&self) -> bool {
        match self.0.get("nofailover") {
            Some(Value::Null) | None => self.number("failover_priority").is_some_and(|p| p <= 0),
            Some(set) => truth(set),
        }
    }

    /// Who goes first among those that are equally far: the higher.
    pub fn failover_priority(&self) -> i64 {
        match self.0.get("nofailover") {
            Some(set) if truth(set) => 0,
            _ => self.number("failover_priority").unwrap_or(1),
        }
    }

    /// Whether it never confirms commits.
    pub fn no_sync(&self) -> bool {
        match self.0.get("nosync") {
            Some(Value::Null) | None => self.number("sync_priority").is_some_and(|p| p <= 0),
            Some(set) => truth(set),
        }
    }

    /// Who confirms commits first: the higher.
    pub fn sync_priority(&self) -> i64 {
        match self.0.get("nosync") {
            Some(set) if truth(set) => 0,
            _ => self.number("sync_priority").unwrap_or(1),
        }
    }

    /// Whether new nodes should rather be copied from it than from the leader.
    pub fn clone_from(&self) -> bool {
        self.is_set("clonefrom")
    }

    /// Whether it gets its log from an archive alone.
    pub fn no_stream(&self) -> bool {
        self.is_set("nostream")
    }

    /// The member that it follows instead of the leader.
    pub fn replicate_from(&self) -> Option<&str> {
        self.0.get("replicatefrom").and_then(Value::as_str).filter(|name| !name.is_empty())
    }

    fn is_set(&self, tag: &str) -> bool {
        self.0.get(tag).is_some_and(truth)
    }

    fn number(&self, tag: &str) -> Option<i64> {
        match self.0.get(tag)? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }
}

/// A boolean as Patroni reads one.
pub(super) fn truth(value: &Value) -> bool {
    match value {
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64().is_some_and(|number| number != 0.0),
        Value::String(text) => {
            matches!(text.to_ascii_lowercase().as_str(), "true" | "on" | "yes" | "1")
        }
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

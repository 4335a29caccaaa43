//! `PATRONI_*` variables (<https://patroni.readthedocs.io/en/latest/ENVIRONMENT.html>). They lie over the
//! files.

use std::collections::BTreeMap;

use crate::yaml::{self, Value};

/// What the variables set, as a configuration to lay over the files; and those that could not be read.
pub fn from_environment(variables: &BTreeMap<String, String>) -> (Value, Vec<String>) {
    let mut set = Value::Map(Vec::new());
    let mut unreadable = Vec::new();
    for (name, text) in variables {
        let Some(rest) = name.strip_prefix("PATRONI_").filter(|_| !text.is_empty()) else {
            continue;
        };
        let Some((path, kind)) = place(rest) else { continue };
        let value = match kind {
            Kind::Text => Some(Value::Text(text.clone())),
            Kind::Scalar => {
                yaml::load(text).ok().filter(|value| super::reader::scalar(value).is_some())
            }
            Kind::List => list(text),
            Kind::Map => map(text),
        };
        match value {
            Some(value) => set = super::merge(set, nested(&path, value)),
            None => unreadable.push(name.clone()),
        }
    }
    (set, unreadable)
}

/// How the text of a variable is read.
enum Kind {
    Text,
    Scalar,
    List,
    Map,
}

/// Which key a variable sets.
fn place(rest: &str) -> Option<(Vec<String>, Kind)> {
    let lower = rest.to_ascii_lowercase();
    let path = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>();
    if matches!(lower.as_str(), "name" | "namespace" | "scope") {
        return Some((path(&[&lower]), Kind::Text));
    }
    if let Some(binary) = lower.strip_prefix("postgresql_bin_").filter(|name| *name != "dir") {
        return Some((path(&["postgresql", "bin_name", binary]), Kind::Text));
    }
    for user in ["replication", "superuser", "rewind"] {
        if let Some(key) = lower.strip_prefix(user).and_then(|key| key.strip_prefix('_')) {
            return LOGIN
                .contains(&key)
                .then(|| (path(&["postgresql", "authentication", user, key]), Kind::Text));
        }
    }
    let (section, key) = lower.split_once('_')?;
    let login = matches!(key, "username" | "password");
    let kind = match (section, key) {
        ("restapi" | "ctl", _) if login => {
            return Some((path(&[section, "authentication", key]), Kind::Text));
        }
        ("restapi", "allowlist") | ("etcd" | "etcd3", "hosts") => Kind::List,
        ("restapi", "http_extra_headers" | "https_extra_headers")
        | ("log", "static_fields" | "loggers") => Kind::Map,
        ("restapi", "allowlist_include_members" | "request_queue_size" | "thread_pool_size")
        | ("ctl", "insecure")
        | (
            "log",
            "deduplicate_heartbeat_logs" | "max_queue_size" | "file_size" | "file_num" | "mode",
        )
        | ("etcd" | "etcd3", "port" | "use_proxies") => Kind::Scalar,
        ("restapi" | "ctl" | "postgresql" | "log" | "etcd" | "etcd3", _) => Kind::Text,
        _ => return None,
    };
    Some((path(&[section, key]), kind))
}

fn list(text: &str) -> Option<Value> {
    let bare = !(text.trim_start().starts_with('-') || text.contains('['));
    let text = if bare { format!("[{text}]") } else { text.to_owned() };
    yaml::load(&text).ok().filter(|value| matches!(value, Value::List(_)))
}

fn map(text: &str) -> Option<Value> {
    let bare = !text.trim_start().starts_with('{');
    let text = if bare { format!("{{{text}}}") } else { text.to_owned() };
    yaml::load(&text).ok().filter(|value| matches!(value, Value::Map(_)))
}

fn nested(path: &[String], value: Value) -> Value {
    path.iter().rev().fold(value, |value, key| Value::Map(vec![(Value::Text(key.clone()), value)]))
}

/// What a login may have.
pub(super) const LOGIN: &[&str] = &[
    "username",
    "password",
    "sslmode",
    "sslcert",
    "sslkey",
    "sslpassword",
    "sslrootcert",
    "sslcrl",
    "sslcrldir",
    "gssencmode",
    "channel_binding",
    "sslnegotiation",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_lie_over_the_files_at_their_keys() {
        let variables = [
            ("PATRONI_NAME", "n1"),
            ("PATRONI_SUPERUSER_PASSWORD", "0123"),
            ("PATRONI_ETCD3_HOSTS", "a:2379,b:2379"),
            ("PATRONI_ETCD3_USE_PROXIES", "yes"),
            ("PATRONI_RESTAPI_USERNAME", "u"),
            ("PATRONI_POSTGRESQL_BIN_DIR", "/bin"),
            ("PATRONI_POSTGRESQL_BIN_PG_CTL", "ctl"),
            ("PATRONI_LOG_LOGGERS", "x: DEBUG"),
            ("PATRONI_RESTAPI_ALLOWLIST", "["),
            ("PATRONI_UNKNOWN", "1"),
            ("HOME", "/"),
        ];
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let (set, unreadable) = from_environment(&variables);
        let wanted = yaml::load(
            "{name: n1, postgresql: {authentication: {superuser: {password: '0123'}}, bin_dir: /bin, \
             bin_name: {pg_ctl: ctl}}, etcd3: {hosts: ['a:2379', 'b:2379'], use_proxies: true}, \
             restapi: {authentication: {username: u}}, log: {loggers: {x: DEBUG}}}",
        );
        let json = |value: &Value| super::super::to_json(value);
        assert_eq!(json(&set), json(&wanted.unwrap()));
        assert_eq!(unreadable, ["PATRONI_RESTAPI_ALLOWLIST"]);
    }
}

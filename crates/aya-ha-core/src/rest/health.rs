//! The health checks, which load balancers ask: 200 for yes, 503 for no.

use super::{Query, Status, role_word, state_word};
use crate::view::{Store, Synchronous, View};

/// The code for a path. Patroni looks for words in it, so that `/replica/x` is `/replica`.
pub(super) fn code(status: &Status, path: &str, query: &Query) -> u16 {
    let view = &status.view;
    let path = if path.is_empty() { "/primary" } else { path };
    let leads = is_leader(view);
    let replica = is_replica(view) && within_lag(view, query) && is_wanted(view, query);
    let sync = view.settings.synchronous;
    let member = view.cluster.sync.standbys.contains(&view.me.name);
    let known = view.store == Store::Current;
    let yes = match path {
        _ if path.contains("standby_leader") || path.contains("standby-leader") => false,
        _ if path.contains("leader") => leads,
        _ if ["master", "primary", "read-write"].iter().any(|word| path.contains(word)) => leads,
        _ if path.contains("replica") => replica,
        "/read-only-sync" | "/read-only-synchronous" => {
            known && (leads || (replica && member && sync == Synchronous::Priority))
        }
        "/read-only-quorum" => {
            known && (leads || (replica && member && sync == Synchronous::Quorum))
        }
        _ if path.contains("read-only") => leads || replica,
        _ if path.contains("health") => return if_true(state_word(view) == "running"),
        "/sync" | "/synchronous" => known && replica && member && sync == Synchronous::Priority,
        "/quorum" => known && replica && member && sync == Synchronous::Quorum,
        "/async" | "/asynchronous" => known && replica && !member,
        _ => false,
    };
    if_true(yes && has_tags(view, query))
}

/// Whether reads are welcome: from a leader, and from a standby that gets its log.
pub(super) fn readiness(status: &Status) -> u16 {
    let view = &status.view;
    if_true(is_leader(view) || (view.is_standby() && view.postgres.streaming))
}

/// Whether the node leads, by its own clock: what the store said a while ago does not count.
pub(super) fn is_leader(view: &View) -> bool {
    view.has_lock() && view.lease_holds() && role_word(view) == "primary"
}

fn is_replica(view: &View) -> bool {
    let balanced = view.me.tags.as_map().get("noloadbalance").is_none();
    role_word(view) == "replica" && state_word(view) == "running" && balanced
}

fn within_lag(view: &View, query: &Query) -> bool {
    let Some(most) = query.get("lag").and_then(|lag| bytes(lag)) else { return true };
    let behind = view.cluster.optime.map_or(0, |end| end.bytes_since(view.postgres.lsn));
    behind <= most
}

fn is_wanted(view: &View, query: &Query) -> bool {
    let state = if view.postgres.streaming { "streaming" } else { "in archive recovery" };
    query.get("replication_state").is_none_or(|wanted| wanted == state)
}

/// `tag_NAME=VALUE`: a tag that is not set is false.
fn has_tags(view: &View, query: &Query) -> bool {
    let mut wanted =
        query.iter().filter_map(|(key, value)| Some((key.strip_prefix("tag_")?, value)));
    wanted.all(|(tag, value)| match view.me.tags.as_map().get(tag) {
        Some(serde_json::Value::String(text)) => text == value,
        Some(other) => other.to_string().eq_ignore_ascii_case(value),
        None => value.eq_ignore_ascii_case("false"),
    })
}

/// A size as PostgreSQL writes sizes; bare numbers are bytes.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1 << 10,
        "mb" => 1 << 20,
        "gb" => 1 << 30,
        "tb" => 1 << 40,
        _ => return None,
    };
    digits.trim().parse::<u64>().ok()?.checked_mul(factor)
}

const fn if_true(yes: bool) -> u16 {
    if yes { 200 } else { 503 }
}

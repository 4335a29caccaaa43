//! `GET /metrics`, for Prometheus: Patroni's names, and our own that begin with `aya_`.

use std::fmt::Write as _;

use super::documents::lease_left;
use super::{Status, role_word};
use crate::view::Synchronous;

/// The text.
pub(super) fn metrics(status: &Status) -> String {
    let view = &status.view;
    let labels = format!("{{scope=\"{}\",name=\"{}\"}}", status.scope, view.me.name);
    let mut text = String::new();
    let mut put = |name: &str, kind: &str, help: &str, value: f64| {
        let _infallible =
            writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name}{labels} {value}");
    };
    let flag = |yes: bool| if yes { 1.0 } else { 0.0 };
    #[expect(clippy::cast_precision_loss, reason = "Prometheus has nothing but doubles")]
    let number = |number: u64| number as f64;
    let gauge = "gauge";
    let (primary, replica) = (role_word(view) == "primary", role_word(view) == "replica");
    let member = view.cluster.sync.standbys.contains(&view.me.name) && !view.has_lock();
    let sync = view.settings.synchronous;
    put("patroni_postgres_running", gauge, "1 if PostgreSQL runs.", flag(view.is_up()));
    put("patroni_primary", gauge, "1 if this node is the leader.", flag(primary));
    put("patroni_replica", gauge, "1 if this node is a replica.", flag(replica));
    put("patroni_standby_leader", gauge, "1 if this node leads a standby cluster.", 0.0);
    let kind = |wanted| flag(member && sync == wanted);
    put("patroni_sync_standby", gauge, "1 if a synchronous standby.", kind(Synchronous::Priority));
    put("patroni_quorum_standby", gauge, "1 if a quorum standby.", kind(Synchronous::Quorum));
    if let Some(probe) = &status.probe {
        let position = |ours: bool, lsn: aya_db_core::Lsn| if ours { number(lsn.0) } else { 0.0 };
        put(
            "patroni_xlog_location",
            "counter",
            "Position of the log, 0 if not the leader.",
            position(primary, view.postgres.lsn),
        );
        put(
            "patroni_xlog_received_location",
            "counter",
            "Received position, 0 if the leader.",
            position(replica, probe.received),
        );
        put(
            "patroni_xlog_replayed_location",
            "counter",
            "Replayed position, 0 if the leader.",
            position(replica, probe.replayed),
        );
        put("patroni_xlog_paused", gauge, "1 if replay is paused.", flag(probe.replay_paused));
        put(
            "patroni_postgres_server_version",
            gauge,
            "Version of PostgreSQL.",
            f64::from(probe.version),
        );
    }
    put(
        "patroni_postgres_streaming",
        gauge,
        "1 if the log is streamed.",
        flag(view.postgres.streaming),
    );
    put(
        "patroni_cluster_unlocked",
        gauge,
        "1 if nobody holds the lock.",
        flag(view.cluster.leader.is_none()),
    );
    put(
        "patroni_postgres_timeline",
        "counter",
        "Timeline, 0 if PostgreSQL does not run.",
        if view.is_up() { f64::from(view.postgres.timeline.0) } else { 0.0 },
    );
    put(
        "patroni_dcs_last_seen",
        gauge,
        "When the store was last seen.",
        number(status.store_seen.unsigned_abs()),
    );
    put(
        "patroni_is_paused",
        gauge,
        "1 if nothing happens by itself.",
        flag(view.cluster.is_paused()),
    );
    if let Some(left) = lease_left(view) {
        put(
            "aya_lease_seconds",
            gauge,
            "For how long this leader may lead without a renewal.",
            left,
        );
    }
    text
}

//! Makes the view from what the tasks told.

use std::time::Duration;

use aya_db_core::{Lsn, Timeline};
use aya_dcs::LeaseId;
use aya_ha_core::cluster::{Cluster, Member};
use aya_ha_core::config::{Config, Dynamic};
use aya_ha_core::plan::Job;
use aya_ha_core::sync::Standbys;
use aya_ha_core::view::{
    Down, Me, Memory, Postgres, Process, Profile, Role, Settings, View, WaitsFor,
};

use super::keys::Seen;
use super::lease::Held;
use super::lookout::{Sight, Sighted};
use crate::clock;
use crate::postgres::Server;

/// What a view is made from.
pub(super) struct Parts<'a> {
    pub(super) server: &'a Server,
    pub(super) dynamic: &'a Dynamic,
    pub(super) seen: &'a Seen,
    pub(super) cluster: Cluster,
    pub(super) held: Option<Held>,
    pub(super) sight: &'a Sight,
    pub(super) working: Option<Job>,
    pub(super) memory: Memory,
    /// Where the log ended when `synchronous_standby_names` was first seen as it is.
    pub(super) waits_since: Lsn,
    pub(super) diverged: bool,
}

/// The view.
pub(super) fn view(parts: Parts<'_>) -> View {
    let config = parts.server.config();
    let settings = settings(config, parts.dynamic, &parts.cluster);
    let postgres = postgres(&parts);
    View {
        now: clock::now(),
        wall_ms: clock::wall_ms(),
        me: Me { name: config.name.clone(), tags: config.tags.clone() },
        settings,
        store: parts.seen.store,
        cluster: parts.cluster,
        lease: parts.held.map(|held| held.lease),
        lease_id: parts.held.map(|Held { id: LeaseId(id), .. }| id),
        postgres,
        working: parts.working,
        memory: parts.memory,
    }
}

/// Whose rules are followed: as the node is told, or Patroni's as soon as one of its nodes takes part.
pub(super) fn profile(config: &Config, cluster: &Cluster) -> Profile {
    let patroni = |member: &Member| member.profile.is_none() && member.name != config.name;
    match config.aya.profile {
        Some(profile) => profile,
        None if cluster.members.values().any(patroni) => Profile::Patroni,
        None => Profile::Native,
    }
}

fn settings(config: &Config, dynamic: &Dynamic, cluster: &Cluster) -> Settings {
    let profile = profile(config, cluster);
    Settings {
        profile,
        synchronous: dynamic.synchronous,
        strict: dynamic.strict,
        synchronous_nodes: dynamic.synchronous_node_count,
        maximum_lag: dynamic.maximum_lag_on_failover,
        check_timeline: dynamic.check_timeline,
        start_timeout: dynamic.primary_start_timeout,
        loop_wait: dynamic.loop_wait,
        peer_timeout: match profile {
            Profile::Native => Duration::from_millis(500),
            Profile::Patroni => Duration::from_secs(2),
        },
    }
}

fn postgres(parts: &Parts<'_>) -> Postgres {
    let sight = parts.sight;
    let probe = sight.probe.as_ref();
    let control = sight.control.as_ref();
    let down = sight.process == Sighted::Nothing;
    let role = match (down, control, probe) {
        (true, Some(control), _) => primary_if(control.state.is_primary()),
        (_, _, Some(probe)) => primary_if(!probe.in_recovery),
        // A server that starts and was never asked is a standby unless its directory says otherwise.
        _ => primary_if(!parts.server.data_dir().join("standby.signal").exists()),
    };
    let (lsn, timeline) = match (down, control, probe) {
        (true, Some(control), _) => control.end(),
        (_, _, Some(probe)) => (probe.lsn(), probe.timeline),
        _ => (Lsn(0), Timeline(1)),
    };
    let process = match sight.process {
        Sighted::Nothing => {
            Process::Down(control.map_or(Down::Crashed, |control: &_| control.state.ended()))
        }
        Sighted::Starting(since) => Process::Starting(since),
        Sighted::Answering => Process::Running,
        Sighted::Silent(since) => Process::Silent(since),
    };
    let running = probe.filter(|_| !down);
    Postgres {
        data: sight.data.clone(),
        process,
        role,
        system_identifier: control
            .map(|control| control.system_identifier.clone())
            .or_else(|| probe.map(|probe| probe.system_identifier.clone())),
        timeline,
        lsn,
        history: parts.server.history(timeline),
        follows: parts.server.follows(),
        streaming: running.is_some_and(|probe| probe.streaming),
        diverged: parts.diverged,
        awaits_checkpoint: running
            .is_some_and(|probe| !probe.in_recovery && probe.checkpoint_timeline < probe.timeline),
        waits_for: WaitsFor {
            standbys: probe.and_then(|probe| Standbys::parse(&probe.standby_names)),
            since: parts.waits_since,
        },
        receivers: running.map(|probe| probe.receivers.clone()).unwrap_or_default(),
    }
}

const fn primary_if(primary: bool) -> Role {
    if primary { Role::Primary } else { Role::Standby }
}

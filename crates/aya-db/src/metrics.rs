//! Counters and histograms for the `metrics` facade; without a recorder they cost next to nothing.
//!
//! Nothing is counted for a statement that succeeds at its first attempt.

use std::time::Duration;

use metrics::{counter, gauge, histogram};

use aya_db_core::NodeId;
use aya_db_core::failure::Classified;
use aya_db_core::pool::DiscardReason;
use aya_db_core::topology::ClusterEvent;

/// `aya_db_events_total{event}`, `aya_db_leaderless_seconds`, `aya_db_source_up{source}`.
pub(crate) fn count_event(event: &ClusterEvent) {
    let name = match event {
        ClusterEvent::LeaderChanged { duration, .. } => {
            histogram!("aya_db_leaderless_seconds").record(duration.as_secs_f64());
            "leader_changed"
        }
        ClusterEvent::LeaderRegained { duration, .. } => {
            histogram!("aya_db_leaderless_seconds").record(duration.as_secs_f64());
            "leader_regained"
        }
        ClusterEvent::LeaderLost { .. } => "leader_lost",
        ClusterEvent::LeaderClaimed { .. } => "leader_claimed",
        ClusterEvent::PrimaryRefused { .. } => "primary_refused",
        ClusterEvent::SourceLost { source, .. } => {
            gauge!("aya_db_source_up", "source" => source.to_string()).set(0.0);
            "source_lost"
        }
        ClusterEvent::SourceRecovered { source, .. } => {
            gauge!("aya_db_source_up", "source" => source.to_string()).set(1.0);
            "source_recovered"
        }
        ClusterEvent::StandbyLagging { .. } => "standby_lagging",
        ClusterEvent::NodeUp { .. } => "node_up",
        ClusterEvent::NodeDown { .. } => "node_down",
        ClusterEvent::MemberAdded { .. } => "member_added",
        ClusterEvent::MemberRemoved { .. } => "member_removed",
        ClusterEvent::SwitchoverPending { .. } => "switchover_pending",
        ClusterEvent::SwitchoverEnded { .. } => "switchover_ended",
    };
    counter!("aya_db_events_total", "event" => name).increment(1);
}

/// How a hold ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HoldEnd {
    /// The switchover is done or given up.
    Over,
    /// It took too long.
    Limit,
}

/// `aya_db_hold_seconds{end}`.
pub(crate) fn count_hold(held: Duration, end: HoldEnd) {
    let end = match end {
        HoldEnd::Over => "over",
        HoldEnd::Limit => "limit",
    };
    histogram!("aya_db_hold_seconds", "end" => end).record(held.as_secs_f64());
}

/// `aya_db_failed_attempts_total{code, fate}`.
pub(crate) fn count_failure(failure: &Classified) {
    let (code, fate) = (failure.kind.code(), failure.fate.to_string());
    counter!("aya_db_failed_attempts_total", "code" => code, "fate" => fate).increment(1);
}

/// `aya_db_errors_total{code, fate}`: what reached the application.
pub(crate) fn count_error(failure: &Classified) {
    let (code, fate) = (failure.kind.code(), failure.fate.to_string());
    counter!("aya_db_errors_total", "code" => code, "fate" => fate).increment(1);
}

/// `aya_db_connect_seconds{node}`.
pub(crate) fn count_connect(node: &NodeId, took: Duration) {
    histogram!("aya_db_connect_seconds", "node" => node.to_string()).record(took.as_secs_f64());
}

/// `aya_db_connections_closed_total{reason}`.
pub(crate) fn count_discard(reason: DiscardReason) {
    let reason = match reason {
        DiscardReason::Closed => "closed",
        DiscardReason::StaleGeneration => "stale_generation",
        DiscardReason::Busy => "busy",
        DiscardReason::OpenTransaction => "open_transaction",
        DiscardReason::TooOld => "too_old",
        DiscardReason::TooIdle => "too_idle",
    };
    counter!("aya_db_connections_closed_total", "reason" => reason).increment(1);
}

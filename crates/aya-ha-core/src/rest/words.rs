use crate::plan::Job;
use crate::view::{Data, Down, Process, Role, View};

/// What the state of a node is called, in the keys and answers of Patroni.
pub fn state_word(view: &View) -> &'static str {
    match (&view.working, &view.postgres.data, view.postgres.process) {
        (Some(Job::Bootstrap), ..) => "initializing new cluster",
        (Some(Job::Restart), ..) => "restarting",
        (Some(Job::Copy { .. } | Job::Reinitialize { .. }), ..) => "creating replica",
        (Some(Job::Stop(_)), _, Process::Running | Process::Silent(_)) => "stopping",
        (_, Data::Empty | Data::Unusable(_), _) => "uninitialized",
        (_, _, Process::Running | Process::Silent(_)) => "running",
        (_, _, Process::Starting(_)) => "starting",
        (_, _, Process::Down(Down::Crashed)) => "crashed",
        (_, _, Process::Down(Down::Clean)) => "stopped",
    }
}

/// What the role of a node is called. A primary that stops, or that does not hold the lock, must not look
/// like one: others would wait for it.
pub fn role_word(view: &View) -> &'static str {
    let stopping = matches!(view.working, Some(Job::Stop(_)));
    let outlived = view.has_lock() && !view.lease_holds() && !view.cluster.is_paused();
    match (&view.postgres.data, view.postgres.role) {
        (Data::Empty | Data::Unusable(_), _) => "uninitialized",
        (Data::Valid, Role::Standby) => "replica",
        (Data::Valid, Role::Primary) if stopping || outlived || !view.is_up() => "demoted",
        (Data::Valid, Role::Primary) => "primary",
    }
}

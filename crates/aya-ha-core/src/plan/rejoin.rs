//! How a server comes to follow the leader: copied from it, started on what it has, or rewound before.

use aya_db_core::{Lsn, Timeline};

use crate::cluster::{Initialize, Member};
use crate::view::View;

use super::Job;
use super::rules::{Doing, begin, nothing, was_primary};

/// What is known of the server that comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Own {
    /// The timeline it was on.
    pub timeline: Timeline,
    /// Up to where its log certainly goes. A primary that was stopped properly has the checkpoint here
    /// that it wrote last: whoever has the beginning of that has the whole.
    pub end: Lsn,
    /// Whether its log may go on beyond that: a primary that was killed.
    pub open_ended: bool,
}

/// What is known of the one that it is to follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its timeline.
    pub timeline: Timeline,
    /// The timelines before it, and where each ended.
    pub switches: Vec<(Timeline, Lsn)>,
}

/// What a server has to do before it can follow another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Nothing: its log is the beginning of the other's.
    Start,
    /// It has log that the other never had.
    Rewind,
}

/// Compares the two. PostgreSQL follows another timeline only from before the point at which it left ours
/// (<https://www.postgresql.org/docs/18/app-pgrewind.html>).
pub fn way_back(own: Own, source: &Source) -> Way {
    if own.timeline == source.timeline {
        return Way::Start;
    }
    let left = source.switches.iter().find(|(timeline, _)| *timeline == own.timeline);
    match left {
        Some((_, at)) if own.end <= *at && !own.open_ended => Way::Start,
        Some(_) | None => Way::Rewind,
    }
}

/// From whom a node without data is copied: a running standby that offers itself, else the leader.
pub(super) fn source_of_copy(view: &View) -> Option<String> {
    let leader = leader(view)?;
    let others = view.cluster.members.values().filter(|member| member.name != view.me.name);
    let mut offered = others.filter(|member| member.tags.clone_from() && member.is_running());
    Some(offered.next().unwrap_or(leader).name.clone())
}

/// Whether this node may make a new cluster.
pub(super) fn may_bootstrap(view: &View) -> bool {
    view.cluster.initialize == Initialize::Absent
        && view.cluster.leader.is_none()
        && !view.cluster.is_paused()
        && !view.me.tags.no_failover()
}

/// Whether there is a leader that this server can be compared with, and rewound from if need be.
pub(super) fn can_rejoin(view: &View) -> bool {
    let rewinds = was_primary(view) || view.postgres.diverged;
    leader(view).is_some_and(|leader| !(rewinds && leader.awaits_checkpoint))
}

/// A running standby's pass while somebody leads.
pub(super) fn follow(view: &View) -> Doing {
    let of = upstream(view);
    if view.postgres.follows == of {
        return nothing(of.as_deref().unwrap_or("nobody"));
    }
    let why = format!("{:?} instead of {:?}", of, view.postgres.follows);
    begin(Some(Job::Follow { of }), why)
}

/// Whom this node follows: the member that its tag names while that one runs, else the leader.
fn upstream(view: &View) -> Option<String> {
    let runs = |name: &&str| view.cluster.members.get(*name).is_some_and(Member::is_running);
    let named = view.me.tags.replicate_from().filter(|name| *name != view.me.name).filter(runs);
    named.or_else(|| view.other_leader()).map(str::to_owned)
}

/// The leader, if it is another and its server takes writes.
fn leader(view: &View) -> Option<&Member> {
    let leader = view.cluster.leading_member()?;
    let leads = leader.is_running() && matches!(leader.role.as_str(), "primary" | "master");
    (leader.name != view.me.name && leads && leader.conn_url.is_some()).then_some(leader)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_log_that_the_other_never_had_is_rewound() {
        let source = Source {
            timeline: Timeline(3),
            switches: vec![(Timeline(1), Lsn(100)), (Timeline(2), Lsn(200))],
        };
        let own = |timeline, end, open_ended| Own {
            timeline: Timeline(timeline),
            end: Lsn(end),
            open_ended,
        };
        let cases = [
            (own(3, 900, false), Way::Start, "the same timeline"),
            (own(2, 200, false), Way::Start, "up to where it was left"),
            (own(2, 201, false), Way::Rewind, "beyond where it was left"),
            (own(1, 100, false), Way::Start, "two timelines back"),
            (own(1, 150, false), Way::Rewind, "two timelines back and beyond"),
            (own(2, 100, true), Way::Rewind, "killed: nobody knows how far it went"),
            (own(4, 10, false), Way::Rewind, "a timeline that the other does not have"),
        ];
        for (own, way, what) in cases {
            assert_eq!(way_back(own, &source), way, "{what}");
        }
    }
}

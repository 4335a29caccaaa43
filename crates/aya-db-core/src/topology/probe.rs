//! How often to ask which server about itself.

use std::time::Duration;

use crate::snapshot::{ClusterSnapshot, Leadership, Node};
use crate::{Moment, NodeId};

/// How fast to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeSettings {
    /// The interval while a leader is confirmed and nothing is suspected.
    pub calm: Duration,
    /// The interval at the start of a hunt for the leader.
    pub hunt_first: Duration,
    /// The interval that a long hunt grows to.
    pub hunt_longest: Duration,
}

impl Default for ProbeSettings {
    fn default() -> Self {
        Self {
            calm: Duration::from_secs(5),
            hunt_first: Duration::from_millis(25),
            hunt_longest: Duration::from_millis(250),
        }
    }
}

/// Whom to ask how often, the most promising first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbePlan {
    /// The pace of the whole.
    pub pace: Pace,
    /// Every known server, in the order to ask them in.
    pub nodes: Vec<NodePace>,
}

/// The pace of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// A leader is confirmed. Moves on to `Hunt` when it is lost.
    Calm,
    /// Nobody is confirmed to lead. Moves on to `Calm` by a confirmation.
    Hunt,
}

/// How often to ask one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodePace {
    /// The server.
    pub node: NodeId,
    /// The time from the start of one probe to the start of the next; a probe is due at once if
    /// the last one began longer ago.
    pub every: Duration,
}

/// Plans the probes as of `now`; to be planned again after every fold and every probe.
///
/// A hunt begins at the shortest interval and slows down with its age: a tenth of the age,
/// within the bounds. A claim makes it young again for the claimed server, since a promotion is
/// near.
pub fn probe_plan(snapshot: &ClusterSnapshot, now: Moment, settings: &ProbeSettings) -> ProbePlan {
    let pace = match snapshot.leadership {
        Leadership::Confirmed { .. } => Pace::Calm,
        Leadership::Claimed { .. } | Leadership::Unknown => Pace::Hunt,
    };
    let mut ranked: Vec<(u8, NodePace)> = snapshot
        .nodes
        .iter()
        .map(|(id, node)| {
            let every = interval(snapshot, id, node, now, settings);
            (rank(snapshot, id, node), NodePace { node: id.clone(), every })
        })
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ProbePlan { pace, nodes: ranked.into_iter().map(|(_, node)| node).collect() }
}

/// The claimed or confirmed leader first, then the one that led last, then who answers.
fn rank(snapshot: &ClusterSnapshot, id: &NodeId, node: &Node) -> u8 {
    if snapshot.leadership.claimed_or_confirmed() == Some(id) {
        0
    } else if snapshot.last_leader.as_ref().is_some_and(|last| last.node == *id) {
        1
    } else if node.answered_at.is_some() {
        2
    } else {
        3
    }
}

fn interval(
    snapshot: &ClusterSnapshot,
    id: &NodeId,
    node: &Node,
    now: Moment,
    settings: &ProbeSettings,
) -> Duration {
    let hunt_since = match &snapshot.leadership {
        Leadership::Claimed { node: claimed, since, .. } if claimed == id => {
            Some((*since).max(snapshot.unconfirmed_since))
        }
        Leadership::Claimed { .. } | Leadership::Unknown => Some(snapshot.unconfirmed_since),
        Leadership::Confirmed { .. } => None,
    };
    // A server in doubt is asked soon, whoever leads; one long silent is not pressed.
    let doubt_since = node.suspected_at.filter(|since| now.since(*since) < settings.calm);
    let changing = snapshot.switchover.as_ref().is_some_and(|switchover| {
        switchover.is_under_way(now) && now.since(switchover.since) < SWITCHOVER_WATCHED
    });
    let calm = if changing { settings.calm.min(settings.hunt_longest) } else { settings.calm };
    match hunt_since.max(doubt_since) {
        Some(since) => {
            let young = now.since(since) / 10;
            young.clamp(settings.hunt_first, settings.hunt_longest.max(settings.hunt_first))
        }
        None => calm,
    }
}

/// A request that nobody acts on for this long is no reason to ask often any more.
const SWITCHOVER_WATCHED: Duration = Duration::from_secs(60);

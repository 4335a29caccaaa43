//! The fold: a snapshot and an observation in, the next snapshot and its events out.

use crate::observation::{Observation, Source};
use crate::snapshot::{ClusterSnapshot, Node, SourceState};
use crate::topology::ClusterEvent;
use crate::topology::draft::Draft;
use crate::{Moment, NodeId};

/// What an observation makes of a snapshot; its reasons are in the snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// The snapshot that replaces the one before.
    pub snapshot: ClusterSnapshot,
    /// What changed, in order.
    pub events: Vec<ClusterEvent>,
}

/// The picture before anything is observed: the configured servers, untried, and the configured
/// sources, pending.
pub fn initial(configured: &[NodeId], sources: &[Source]) -> ClusterSnapshot {
    let node = Node { configured: true, ..Node::default() };
    ClusterSnapshot {
        nodes: configured.iter().map(|id| (id.clone(), node.clone())).collect(),
        sources: sources.iter().map(|&source| (source, SourceState::Pending)).collect(),
        ..ClusterSnapshot::default()
    }
}

/// Folds one observation into the picture.
///
/// The observations of one cluster are folded in the order of their arrival; a report of a lower
/// revision and an answer of a server that is not known change nothing.
///
/// ```
/// use aya_db_core::observation::{Observation, Source, Suspicion};
/// use aya_db_core::topology::{fold, initial};
/// use aya_db_core::{Moment, NodeId};
///
/// let node = NodeId::new("db1", 5432);
/// let snapshot = initial(&[node.clone()], &[Source::Probe]);
/// let suspected = Observation::Suspected { node, sign: Suspicion::ConnectionLost };
/// let folded = fold(&snapshot, &suspected, Moment::from_millis(5));
/// assert_eq!(folded.snapshot.leadership.confirmed(), None);
/// ```
pub fn fold(snapshot: &ClusterSnapshot, observation: &Observation, now: Moment) -> Folded {
    let mut draft = Draft::new(snapshot, now);
    match observation {
        Observation::Reported { source, report } => draft.reported(*source, report),
        Observation::SourceLost { source, reason } => draft.source_lost(*source, reason),
        Observation::Answered { node, answer } => draft.answered(node, answer),
        Observation::Unanswered { node, cause, detail } => draft.unanswered(node, *cause, detail),
        Observation::Suspected { node, sign } => draft.suspected(node, *sign),
    }
    draft.finish()
}

//! What is known of the cluster, as far as it bears on a commit in doubt.

use super::commit::{CommitMark, Evidence, Restarted, Server, XidStatus};
use crate::snapshot::ClusterSnapshot;
use crate::{Lsn, NodeId, ServerIncarnation, Timeline};

/// What a leader answered when it was asked for a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaderWord {
    /// The leader.
    pub node: NodeId,
    /// Its timeline.
    pub timeline: Timeline,
    /// Its run.
    pub incarnation: ServerIncarnation,
    /// Where its replay of the log ended; see [`Evidence::replayed_to`].
    pub replayed_to: Option<Lsn>,
    /// Its answer about the transaction number.
    pub status: XidStatus,
}

impl Evidence {
    /// The leader's word, together with what the snapshot knows of it and of `old`, on which the mark
    /// was taken.
    pub fn of(
        word: &LeaderWord,
        mark: &CommitMark,
        old: &NodeId,
        snapshot: &ClusterSnapshot,
    ) -> Self {
        let was_standby = snapshot
            .nodes
            .get(&word.node)
            .is_some_and(|leader| leader.standby_run == Some(word.incarnation));
        // One that came back as a standby has written nothing on its own, unless it was seen as a primary
        // before that.
        let restarted =
            snapshot.nodes.get(old).and_then(|old| old.primary_run).is_some_and(
                |(timeline, run)| timeline == mark.timeline && run != mark.incarnation,
            );
        Self {
            timeline: word.timeline,
            incarnation: word.incarnation,
            server: if word.node == *old { Server::Same } else { Server::Another },
            replayed_to: word.replayed_to,
            promoted_at: word.replayed_to.filter(|_| was_standby),
            history: snapshot.history.clone(),
            restarted: if restarted { Restarted::Seen } else { Restarted::Unseen },
            status: word.status,
        }
    }
}

//! Whether a server that answers "primary" is believed; the table of [`crate::topology`].

use crate::observation::{ServerAnswer, Source};
use crate::snapshot::{Claim, ClusterSnapshot, Health, Leadership, Node, NodeRole};
use crate::topology::StalePrimaryReason;
use crate::topology::draft::authority;
use crate::{NodeId, Timeline};

/// What becomes of a server that says it is the primary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It leads, for this reason.
    Confirm(String),
    /// It is not believed, for this reason.
    Refuse(StalePrimaryReason),
}

/// Judges the answer "primary" of `id`. `snapshot` already holds the node as it answered; `was`
/// is the node as it was before.
pub(super) fn judge(
    snapshot: &ClusterSnapshot,
    id: &NodeId,
    answer: &ServerAnswer,
    was: &Node,
) -> Judgement {
    if let Some(reason) = stale(snapshot, answer) {
        return Judgement::Refuse(reason);
    }
    if snapshot.leadership.confirmed().is_some_and(|leader| is_same(snapshot, leader, id)) {
        return Judgement::Confirm("it is the primary still".into());
    }
    if let (Some(timeline), Some(highest)) = (answer.timeline, snapshot.highest_timeline)
        && timeline > highest
    {
        return Judgement::Confirm(format!("no server was seen beyond timeline {highest}"));
    }
    match authority(snapshot) {
        Some((source, claim)) if claim.leader.is_some() => {
            judge_by_claim(snapshot, id, answer, was, source, claim)
        }
        Some((source, _)) => {
            judge_without_claim(snapshot, id, answer, was, &format!("and {source} names no leader"))
        }
        None => judge_without_claim(snapshot, id, answer, was, "and no source contradicts it"),
    }
}

/// Why the answer alone rules the server out.
fn stale(snapshot: &ClusterSnapshot, answer: &ServerAnswer) -> Option<StalePrimaryReason> {
    if let (Some(its), Some(ours)) = (answer.system_identifier, snapshot.system_identifier)
        && its != ours
    {
        return Some(StalePrimaryReason::OtherCluster { its, ours });
    }
    let highest = highest_of_its_cluster(snapshot, answer);
    match (answer.timeline, highest) {
        (Some(timeline), Some(highest)) if timeline < highest => {
            Some(StalePrimaryReason::OldTimeline { timeline, highest })
        }
        _ => None,
    }
}

/// The highest timeline that counts for this server: before our database cluster is fixed, that
/// of every server which names the same one.
fn highest_of_its_cluster(snapshot: &ClusterSnapshot, answer: &ServerAnswer) -> Option<Timeline> {
    let of_its_own = snapshot
        .nodes
        .values()
        .filter(|node| {
            node.system_identifier.is_some() && node.system_identifier == answer.system_identifier
        })
        .filter_map(|node| node.timeline)
        .max();
    snapshot.highest_timeline.max(of_its_own)
}

/// A live source names a leader: does it mean this server?
fn judge_by_claim(
    snapshot: &ClusterSnapshot,
    id: &NodeId,
    answer: &ServerAnswer,
    was: &Node,
    source: Source,
    claim: &Claim,
) -> Judgement {
    if names(snapshot, claim, id) {
        return Judgement::Confirm(format!("it is the primary and {source} names it"));
    }
    let named = claim.node.as_ref().and_then(|node| snapshot.nodes.get(node));
    if named.is_some_and(|named| named.answered_role == NodeRole::StalePrimary) {
        let because = format!("and the one that {source} names is a stale primary");
        return judge_without_claim(snapshot, id, answer, was, &because);
    }
    let may_be_it = !snapshot.nodes[id].reported_by.contains(&source)
        && named.is_none_or(|named| {
            named.answered_at.is_none() && matches!(named.health, Health::Down(_))
        });
    if may_be_it {
        let because = format!(
            "and the one that {source} names was never reached: it may be this one under an \
             address of its own"
        );
        return judge_without_claim(snapshot, id, answer, was, &because);
    }
    let leader = match (&claim.node, &claim.leader) {
        (Some(node), _) => node.to_string(),
        (None, Some(member)) => member.to_string(),
        (None, None) => String::new(),
    };
    Judgement::Refuse(StalePrimaryReason::OtherLeader { leader, by: Some(source) })
}

/// Whether the claim means this server.
pub(crate) fn names(snapshot: &ClusterSnapshot, claim: &Claim, id: &NodeId) -> bool {
    match (&claim.node, &claim.leader) {
        (Some(named), Some(_)) => is_same(snapshot, named, id),
        (None, Some(leader)) => {
            snapshot.nodes.get(id).is_some_and(|node| node.member.as_ref() == Some(leader))
        }
        (_, None) => false,
    }
}

/// No source helps: the confirmed leader stays, and the one just suspected has its say first.
fn judge_without_claim(
    snapshot: &ClusterSnapshot,
    id: &NodeId,
    answer: &ServerAnswer,
    was: &Node,
    because: &str,
) -> Judgement {
    if let Leadership::Confirmed { node, .. } = &snapshot.leadership {
        let leader = node.to_string();
        return Judgement::Refuse(StalePrimaryReason::OtherLeader { leader, by: None });
    }
    if let Some(last) = &snapshot.last_leader {
        let in_doubt = snapshot
            .nodes
            .get(&last.node)
            .is_some_and(|node| node.health == Health::Suspect && node.role != NodeRole::Unknown);
        let promoted = was.answered_role == NodeRole::Standby
            || matches!((last.timeline, answer.timeline), (Some(a), Some(b)) if b > a);
        if in_doubt && !promoted && !is_same(snapshot, &last.node, id) {
            return Judgement::Refuse(StalePrimaryReason::LeaderInDoubt {
                leader: last.node.clone(),
            });
        }
    }
    Judgement::Confirm(format!("it is the primary {because}"))
}

/// Whether both addresses lead to the same server, as far as is known.
pub(super) fn is_same(snapshot: &ClusterSnapshot, one: &NodeId, other: &NodeId) -> bool {
    one == other
        || match (snapshot.nodes.get(one), snapshot.nodes.get(other)) {
            (Some(one), Some(other)) => one.is_same_server(other),
            _ => false,
        }
}

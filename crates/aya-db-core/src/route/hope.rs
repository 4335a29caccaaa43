//! Whether it is worth waiting for a server at all.

use std::collections::BTreeMap;

use crate::failure::{FailureKind, Persistence};
use crate::snapshot::{ClusterSnapshot, Leadership};
use crate::{Generation, NodeId};

/// The server whose answer makes waiting useless, while nobody has ever led. `answers` holds how
/// the servers failed that were asked last in vain.
///
/// A refused user, an unknown database and a missing privilege settle the matter wherever they
/// come from: the next server would only count another failed login. Other lasting failures (a
/// bad certificate, a foreign protocol) do so once every server has one. Where a source names the
/// leader, only that one's answer counts: a standby may not have replayed the database yet.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use aya_db_core::NodeId;
/// use aya_db_core::failure::FailureKind;
/// use aya_db_core::route::hopeless;
/// use aya_db_core::topology::initial;
///
/// let (web, db) = (NodeId::new("web", 80), NodeId::new("db", 5432));
/// let snapshot = initial(&[web.clone(), db.clone()], &[]);
/// let mut answers = BTreeMap::from([(web, FailureKind::NotPostgres)]);
/// assert_eq!(hopeless(&snapshot, &answers), None);
/// answers.insert(db.clone(), FailureKind::UnknownDatabase);
/// assert_eq!(hopeless(&snapshot, &answers), Some(db));
/// ```
pub fn hopeless(
    snapshot: &ClusterSnapshot,
    answers: &BTreeMap<NodeId, FailureKind>,
) -> Option<NodeId> {
    if snapshot.generation != Generation::default() {
        return None;
    }
    if let Leadership::Claimed { node, .. } = &snapshot.leadership {
        return answers.get(node).is_some_and(lasts).then(|| node.clone());
    }
    let settled = answers.iter().find(|(_, kind)| settles(kind)).map(|(node, _)| node.clone());
    let all = !snapshot.nodes.is_empty()
        && snapshot.nodes.keys().all(|node| answers.get(node).is_some_and(lasts));
    settled.or_else(|| snapshot.nodes.keys().next().filter(|_| all).cloned())
}

fn settles(kind: &FailureKind) -> bool {
    matches!(
        kind,
        FailureKind::AuthenticationFailed
            | FailureKind::UnknownDatabase
            | FailureKind::ConnectForbidden
    )
}

fn lasts(kind: &FailureKind) -> bool {
    kind.persistence() == Persistence::Permanent
}

//! How long ago somebody last vouched for the leader.

use std::time::Duration;

use crate::Moment;
use crate::observation::Source;
use crate::snapshot::{ClusterSnapshot, Leadership, SourceState};
use crate::topology::names;

/// How long ago the confirmed leader was last vouched for; `None` if nobody does.
///
/// A leader that is cut off from the store and from its standbys goes on answering that it leads,
/// until Patroni takes it down. So where etcd or Patroni is a source, one of them must have named
/// the leader as well, and the older of the two words counts. Without such a source there is only
/// the word of the server itself.
///
/// ```
/// use std::time::Duration;
///
/// use aya_db_core::route::confirmation_age;
/// use aya_db_core::topology::initial;
/// use aya_db_core::{Moment, NodeId};
///
/// let snapshot = initial(&[NodeId::new("db", 5432)], &[]);
/// assert_eq!(confirmation_age(&snapshot, Moment::default()), None);
/// ```
pub fn confirmation_age(snapshot: &ClusterSnapshot, now: Moment) -> Option<Duration> {
    let Leadership::Confirmed { node, confirmed_at, .. } = &snapshot.leadership else {
        return None;
    };
    let own = now.since(*confirmed_at);
    if !snapshot.sources.keys().any(|source| *source != Source::Probe) {
        return Some(own);
    }
    let heard = snapshot.sources.iter().filter_map(|(source, state)| match state {
        SourceState::Live { heard_at, .. } if *source != Source::Probe => {
            let claim = snapshot.claims.get(source)?;
            names(snapshot, claim, node).then_some(*heard_at)
        }
        SourceState::Live { .. } | SourceState::Pending | SourceState::Lost { .. } => None,
    });
    heard.max().map(|heard_at| own.max(now.since(heard_at)))
}

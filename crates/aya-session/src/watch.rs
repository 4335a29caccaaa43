//! Somebody who watches the cluster for the session.

use std::fmt;
use std::sync::Arc;

use aya_db_core::NodeId;
use aya_db_core::observation::Suspicion;
use aya_db_core::snapshot::ClusterSnapshot;

/// Watches the cluster, and knows more of it than a session learns by asking servers itself.
///
/// With a watch, a session that needs the leader goes to the one that the watch has confirmed, and waits
/// while it has confirmed none; the leader's own word is asked for all the same.
pub trait Watch: fmt::Debug + Send {
    /// The picture at this moment; `None` if nobody watches any more, so that the session asks the servers
    /// itself.
    fn snapshot(&mut self) -> Option<Arc<ClusterSnapshot>>;

    /// Tells of a sign of trouble with a server.
    fn suspect(&mut self, node: &NodeId, sign: Suspicion);
}

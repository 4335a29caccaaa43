//! Why each server did not answer when it was last asked, for the errors of those who wait.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aya_db_core::NodeId;
use aya_db_core::failure::{FailureKind, classify};

use crate::connect::ConnectFailure;

/// The last failure of each node's probe.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<BTreeMap<NodeId, Arc<ConnectFailure>>>);

/// What is known of one host, for people.
#[derive(Debug, Clone)]
pub(crate) struct HostReport {
    pub(crate) node: NodeId,
    pub(crate) failure: Option<Arc<ConnectFailure>>,
    /// What the snapshot says, where no probe failed.
    pub(crate) state: String,
}

impl Failures {
    pub(super) fn keep(&self, failure: ConnectFailure) {
        let node = failure.node.clone();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(node, Arc::new(failure));
    }

    pub(super) fn forget(&self, node: &NodeId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(node);
    }

    /// The kind of each.
    pub(super) fn kinds(&self) -> BTreeMap<NodeId, FailureKind> {
        let failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failures.iter().map(|(node, failure)| (node.clone(), kind_of(failure))).collect()
    }

    pub(super) fn of(&self, node: &NodeId) -> Option<Arc<ConnectFailure>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(node).cloned()
    }
}

/// The kind of a failed probe.
fn kind_of(failure: &ConnectFailure) -> FailureKind {
    classify(&failure.facts()).kind
}

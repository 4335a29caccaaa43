//! What the session itself has learnt of the cluster.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aya_db_core::conninfo::ConnInfo;
use aya_db_core::failure::{Cause, FailureKind};
use aya_db_core::observation::{Observation, ServerAnswer, Source, Suspicion, Unreachable};
use aya_db_core::route::hopeless;
use aya_db_core::snapshot::ClusterSnapshot;
use aya_db_core::topology::{fold, initial};
use aya_db_core::{Lsn, Moment, NodeId, ServerIncarnation, SystemIdentifier, Timeline};

use crate::link::Texts;

/// The picture that the answers of servers make, which `aya-db-core` draws.
#[derive(Debug)]
pub(crate) struct Picture {
    snapshot: Arc<ClusterSnapshot>,
    began: Instant,
    failures: BTreeMap<NodeId, FailureKind>,
}

impl Picture {
    pub(crate) fn of(info: &ConnInfo) -> Self {
        let nodes: Vec<_> = info.hosts().iter().map(|host| host.node_id()).collect();
        Self {
            snapshot: Arc::new(initial(&nodes, &[Source::Probe])),
            began: Instant::now(),
            failures: BTreeMap::new(),
        }
    }

    pub(crate) fn answered(&mut self, node: &NodeId, answer: ServerAnswer) {
        self.failures.remove(node);
        self.observe(&Observation::Answered { node: node.clone(), answer });
    }

    pub(crate) fn unanswered(&mut self, node: &NodeId, cause: &Cause, kind: FailureKind) {
        self.failures.insert(node.clone(), kind);
        let (cause, detail) = (Unreachable::of(cause), String::new());
        self.observe(&Observation::Unanswered { node: node.clone(), cause, detail });
    }

    pub(crate) fn suspected(&mut self, node: &NodeId, sign: Suspicion) {
        self.observe(&Observation::Suspected { node: node.clone(), sign });
    }

    pub(crate) fn snapshot(&self) -> &Arc<ClusterSnapshot> {
        &self.snapshot
    }

    /// Whether no server will ever serve.
    pub(crate) fn is_hopeless(&self) -> bool {
        hopeless(&self.snapshot, &self.failures).is_some()
    }

    fn observe(&mut self, observation: &Observation) {
        let now = Moment(self.began.elapsed());
        self.snapshot = Arc::new(fold(&self.snapshot, observation, now).snapshot);
    }
}

/// What the answer to [`PROBE`](aya_db_core::server_sql::PROBE) tells; `None` if it has another shape.
pub(crate) fn answer_of(rows: &Texts, round_trip: Duration) -> Option<ServerAnswer> {
    let row = rows.first()?;
    let text = |column: usize| row.get(column).and_then(Option::as_deref);
    let lag = text(5).and_then(|lag| lag.parse().ok());
    Some(ServerAnswer {
        in_recovery: text(0)? == "t",
        default_read_only: text(1)? == "t",
        system_identifier: text(2).and_then(|it| it.parse().ok()).map(SystemIdentifier),
        timeline: text(3).and_then(|it| it.parse().ok()).map(Timeline),
        lsn: text(4).and_then(|it| it.parse::<Lsn>().ok()),
        replay_lag: lag.map(Duration::from_millis),
        recovered_to: text(7).and_then(|it| it.parse::<Lsn>().ok()),
        incarnation: text(6).and_then(|it| it.parse().ok()).map(ServerIncarnation),
        round_trip,
    })
}

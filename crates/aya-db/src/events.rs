//! What happens to the cluster, for whoever subscribes; and for `tracing`.

use tokio::sync::broadcast::{self, error::RecvError};
use tracing::{debug, info, warn};

use aya_db_core::topology::ClusterEvent;

use crate::metrics;

/// A subscription to the changes of one cluster, from the moment it was made.
///
/// ```no_run
/// # async fn example(cluster: &aya_db::Cluster) {
/// let mut events = cluster.events();
/// while let Some(event) = events.recv().await {
///     println!("{event}");
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Events {
    receiver: broadcast::Receiver<ClusterEvent>,
    missed: u64,
}

impl Events {
    /// The next event; `None` once the cluster is no longer watched by anybody.
    ///
    /// Dropped midway, no event is lost. A subscriber that falls more than 256 events behind
    /// loses the oldest ones, see [`Events::missed`].
    pub async fn recv(&mut self) -> Option<ClusterEvent> {
        loop {
            match self.receiver.recv().await {
                Ok(event) => return Some(event),
                Err(RecvError::Lagged(missed)) => self.missed = self.missed.saturating_add(missed),
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// How many events this subscriber was too slow for.
    pub const fn missed(&self) -> u64 {
        self.missed
    }
}

/// The sending end, in the hands of the monitor.
#[derive(Debug, Clone)]
pub(crate) struct Announcer(broadcast::Sender<ClusterEvent>);

impl Announcer {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(KEPT))
    }

    pub(crate) fn subscribe(&self) -> Events {
        Events { receiver: self.0.subscribe(), missed: 0 }
    }

    /// Tells everybody, the log and the metrics included.
    pub(crate) fn announce(&self, event: &ClusterEvent) {
        log(event);
        metrics::count_event(event);
        // Nobody may be listening.
        let _ = self.0.send(event.clone());
    }
}

/// A leader change is one line; what an operator may have to act on is a warning.
fn log(event: &ClusterEvent) {
    match event {
        ClusterEvent::LeaderChanged { old, new, timeline, duration } => info!(
            old = old.as_ref().map(tracing::field::display),
            %new,
            timeline = timeline.map(|timeline| timeline.0),
            duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            "leader changed"
        ),
        ClusterEvent::LeaderLost { node, reason } => warn!(%node, reason, "leader lost"),
        ClusterEvent::PrimaryRefused { node, reason } => {
            warn!(%node, %reason, "primary refused");
        }
        ClusterEvent::SourceLost { source, reason } => warn!(%source, reason, "source lost"),
        ClusterEvent::StandbyLagging { .. } => warn!("{event}"),
        ClusterEvent::LeaderRegained { .. }
        | ClusterEvent::SourceRecovered { .. }
        | ClusterEvent::NodeDown { .. }
        | ClusterEvent::MemberAdded { .. }
        | ClusterEvent::MemberRemoved { .. }
        | ClusterEvent::SwitchoverPending { .. }
        | ClusterEvent::SwitchoverEnded { .. } => info!("{event}"),
        ClusterEvent::LeaderClaimed { .. } | ClusterEvent::NodeUp { .. } => debug!("{event}"),
    }
}

/// How many events a slow subscriber may be behind.
const KEPT: usize = 256;

//! Notifications, on a connection of their own that follows the leader.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_postgres::Notification;

use aya_db_core::failure::Safety;
use aya_db_core::observation::Suspicion;
use aya_db_core::route::Intent;

use crate::core::Core;
use crate::error::Error;
use crate::execute::{Attempting, Work, execute};
use crate::failed::Failed;
use crate::link::Link;
use crate::options::CallOptions;
use crate::pool::{Fleet, Pooled};
use crate::sql::quoted;
use crate::talk::Talk;

/// Listens to channels of the leader. After a failover it subscribes again by itself and says
/// that there was a gap.
///
/// ```no_run
/// # async fn example(cluster: &aya_db::Cluster) -> Result<(), aya_db::Error> {
/// use aya_db::Signal;
///
/// let mut listener = cluster.listen(&["orders"]).await?;
/// loop {
///     match listener.recv().await? {
///         Signal::Notification(it) => println!("{}: {}", it.channel(), it.payload()),
///         Signal::Gap => println!("look at the table: something may have been missed"),
///     }
/// }
/// # }
/// ```
pub struct Listener {
    core: Arc<Core>,
    channels: Vec<String>,
    current: Option<Subscription>,
    /// Whether notifications may have been missed that nobody has been told of.
    gap: bool,
}

/// What a listener hears.
#[derive(Debug, Clone)]
pub enum Signal {
    /// A notification.
    Notification(Notification),
    /// The connection had to be made anew; what was sent meanwhile is lost.
    Gap,
}

struct Subscription {
    link: Link,
    notifications: mpsc::Receiver<Notification>,
    fleets: watch::Receiver<Arc<Fleet>>,
}

impl Listener {
    pub(crate) async fn start(core: Arc<Core>, channels: Vec<String>) -> Result<Self, Error> {
        let mut listener = Self { core, channels, current: None, gap: false };
        listener.subscribe().await?;
        Ok(listener)
    }

    /// The next notification or gap. Dropped midway, none is lost.
    ///
    /// # Errors
    /// When no leader can be had within `failover_timeout`, or refuses to let us listen. The next
    /// call tries again.
    pub async fn recv(&mut self) -> Result<Signal, Error> {
        loop {
            if self.current.is_none() {
                self.subscribe().await?;
            }
            if std::mem::take(&mut self.gap) {
                return Ok(Signal::Gap);
            }
            let Some(current) = &mut self.current else { continue };
            let (node, generation) = (current.link.node(), current.link.facts().generation);
            let heard = tokio::select! {
                biased;
                heard = current.notifications.recv() => heard,
                () = dethroned(&mut current.fleets, &current.link) => None,
            };
            if let Some(notification) = heard {
                return Ok(Signal::Notification(notification));
            }
            if current.link.state().end().is_some() {
                let sign = Suspicion::ConnectionLost;
                drop(self.core.monitor.suspect(node, Some(generation), sign));
            }
            self.gap = true;
            self.current = None;
        }
    }

    async fn subscribe(&mut self) -> Result<(), Error> {
        let options = CallOptions::new().intent(Intent::Primary);
        let mut work = ListenWork { core: &self.core, channels: &self.channels };
        self.current = Some(execute(&self.core, &options, &mut work).await?);
        Ok(())
    }
}

/// Resolves when the connection's server is known not to lead any more, or runs anew, or when the
/// handle was closed.
async fn dethroned(fleets: &mut watch::Receiver<Arc<Fleet>>, link: &Link) {
    let over = |fleet: &Arc<Fleet>| {
        let snapshot = &fleet.snapshot;
        let leader = snapshot.leadership.confirmed();
        leader.is_some_and(|leader| leader != link.node())
            || snapshot
                .nodes
                .get(link.node())
                .is_none_or(|node| node.generation != link.facts().generation)
    };
    // Nobody follows the cluster any more once its handle was closed.
    drop(fleets.wait_for(over).await);
}

/// Opens a connection of its own to the server that the pool led to.
struct ListenWork<'a> {
    core: &'a Arc<Core>,
    channels: &'a [String],
}

impl Work for ListenWork<'_> {
    type Output = Subscription;

    async fn run(&mut self, link: Pooled, _: &Attempting<'_>) -> Result<Subscription, Failed> {
        let (node, generation) = (link.node().clone(), link.facts().generation);
        drop(link);
        let session = &self.core.session;
        let (sender, notifications) = mpsc::channel(BACKLOG);
        let fleets = self.core.keeper.subscribe();
        let deadline = Instant::now() + session.info().failover_timeout();
        let safety = Safety::Idempotent;
        let opening = self.core.dialling.open(&node, generation, Some(sender), deadline);
        let link =
            opening.await.map_err(|failure| Failed::from_connect(Arc::new(failure), safety))?;
        let talk = Talk::alone(&link, session, safety, None);
        let listen: Vec<String> =
            self.channels.iter().map(|channel| format!("listen {}", quoted(channel))).collect();
        talk.batch(&listen.join(";")).await?;
        Ok(Subscription { link, notifications, fleets })
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("channels", &self.channels)
            .field("node", &self.current.as_ref().map(|current| current.link.node()))
            .finish_non_exhaustive()
    }
}

/// How many notifications a slow listener may be behind before its connection is held up.
const BACKLOG: usize = 1024;

//! The session that a lost connection has left behind.

use tokio::time::Instant;

use aya_db_core::NodeId;
use aya_db_core::server_sql::{END_ANY, END_IDLE};

use crate::failed::Failed;
use crate::link::Link;
use crate::talk::Talk;

/// What is known of a session whose connection was lost. Where only the network failed, its server
/// has not noticed: the session holds its locks, and its transaction stays in progress, until TCP
/// gives up, which may take hours.
#[derive(Debug, Clone)]
pub(crate) struct Left {
    pub(super) node: NodeId,
    pid: i32,
    /// When it was last heard: whoever has its process number and began later is another.
    heard_at: Instant,
}

impl Left {
    pub(crate) fn of(link: &Link) -> Self {
        let (age, idle) = link.state().age_and_idle();
        let now = Instant::now();
        let heard_at = now.checked_sub(idle.min(age)).unwrap_or(now);
        Self { node: link.node().clone(), pid: link.state().pid(), heard_at }
    }

    /// The server.
    pub(crate) const fn node(&self) -> &NodeId {
        &self.node
    }

    /// Ends it where it sits in its transaction and waits for a client that is gone. One that commits is
    /// left alone: ended, it would give up waiting for its standby, and stand.
    pub(crate) async fn end_idle(&self, talk: &Talk<'_>) -> Result<(), Failed> {
        self.end(talk, END_IDLE).await
    }

    /// Ends it whatever it does: no COMMIT was sent to it.
    pub(crate) async fn end_any(&self, talk: &Talk<'_>) -> Result<(), Failed> {
        self.end(talk, END_ANY).await
    }

    async fn end(&self, talk: &Talk<'_>, sql: &str) -> Result<(), Failed> {
        if talk.link.node() != &self.node || self.pid == 0 {
            return Ok(());
        }
        let silent_for = self.heard_at.elapsed().as_secs_f64();
        talk.query(sql, &[&self.pid, &silent_for]).await.map(drop)
    }
}

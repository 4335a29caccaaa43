//! The monitor of a cluster, for those who make connections of their own.

use std::fmt;
use std::mem;
use std::sync::Arc;

use aya_db_core::NodeId;
use aya_db_core::conninfo::{ConnInfo, HostSpec};
use aya_db_core::observation::Suspicion;
use aya_db_core::snapshot::ClusterSnapshot;

use crate::builder::configuration;
use crate::connect::Session;
use crate::error::Error;
use crate::monitor::{Monitor, monitor_of};

/// Watches a cluster, for those who make connections of their own: the same monitor that every handle to
/// this cluster has in this process, and no pool.
///
/// A process that was forked off has none of its parent's threads: there the next call starts a monitor
/// anew.
///
/// ```no_run
/// # fn example(info: aya_db_core::conninfo::ConnInfo) -> Result<(), aya_db::Error> {
/// let mut watch = aya_db::ClusterWatch::start(info)?;
/// if let Some(leader) = watch.snapshot()?.leadership.confirmed() {
///     println!("{leader} leads");
/// }
/// # Ok(()) }
/// ```
pub struct ClusterWatch {
    session: Arc<Session>,
    monitor: Arc<Monitor>,
    process: u32,
}

impl ClusterWatch {
    /// Starts to watch, unless this process does already. It reads the files that the connection string
    /// names, and waits for nobody.
    ///
    /// # Errors
    /// If a file cannot be used, or the system refuses a thread.
    pub fn start(info: ConnInfo) -> Result<Self, Error> {
        let session = Arc::new(Session::new(info).map_err(configuration)?);
        let monitor = monitor_of(&session).map_err(configuration)?;
        Ok(Self { session, monitor, process: std::process::id() })
    }

    /// The picture at this moment. Until the servers have answered for the first time, it knows no more
    /// than their names.
    ///
    /// # Errors
    /// If the system refuses a thread to a process that was forked off.
    pub fn snapshot(&mut self) -> Result<Arc<ClusterSnapshot>, Error> {
        Ok(self.monitor()?.snapshot())
    }

    /// Tells of a sign of trouble with a server, which is then asked at once.
    ///
    /// # Errors
    /// As of [`snapshot`](Self::snapshot).
    pub fn suspect(&mut self, node: &NodeId, sign: Suspicion) -> Result<(), Error> {
        // Nobody waits for the picture that knows of it.
        drop(self.monitor()?.suspect(node, None, sign));
        Ok(())
    }

    /// Every server that is known, as one dials it.
    ///
    /// # Errors
    /// As of [`snapshot`](Self::snapshot).
    pub fn addresses(&mut self) -> Result<Vec<HostSpec>, Error> {
        let snapshot = self.snapshot()?;
        Ok(snapshot.nodes.keys().map(|node| self.session.info().host_of(node)).collect())
    }

    fn monitor(&mut self) -> Result<&Monitor, Error> {
        let process = std::process::id();
        if process != self.process {
            let own = monitor_of(&self.session).map_err(configuration)?;
            self.leave_to_the_parent();
            self.monitor = own;
            self.process = process;
        }
        Ok(&self.monitor)
    }

    /// What the parent's threads share may be locked for ever in its child, and is not to be ended there:
    /// one more owner keeps it from being dropped.
    fn leave_to_the_parent(&self) {
        mem::forget(Arc::clone(&self.monitor));
    }
}

impl Drop for ClusterWatch {
    fn drop(&mut self) {
        if std::process::id() != self.process {
            self.leave_to_the_parent();
        }
    }
}

impl fmt::Debug for ClusterWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterWatch").finish_non_exhaustive()
    }
}

//! Cancelling what a call runs, from elsewhere.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_postgres::CancelToken;

use aya_db_core::NodeId;
use aya_db_core::failure::{ConnectStage, Safety};

use crate::connect::{ConnectFailure, Dialled, Session, cancel};
use crate::error::Error;
use crate::failed::Failed;
use crate::link::Link;

/// Cancels the statement that a call is running at this moment, wherever that is.
///
/// A COMMIT that waits for its standby must not be cancelled: the server would give up the wait
/// and keep the commit, and the call fails with code AYA-3010.
///
/// ```no_run
/// # async fn example(cluster: aya_db::Cluster) -> Result<(), aya_db::Error> {
/// use aya_db::{CallOptions, Canceller};
///
/// let canceller = Canceller::new();
/// let options = CallOptions::new().canceller(&canceller);
/// let report = tokio::spawn(async move {
///     cluster.with(options).query("select slow_report()", &[]).await
/// });
/// canceller.cancel().await?;
/// # drop(report); Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct Canceller(Arc<Mutex<Option<Running>>>);

#[derive(Clone)]
struct Running {
    session: Arc<Session>,
    dialled: Dialled,
    token: CancelToken,
    node: NodeId,
}

impl Canceller {
    /// A canceller for the calls that are given it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the server to cancel what the call runs now; nothing happens if it runs nothing.
    ///
    /// The server does not say whether it did: the call itself ends, with
    /// [`FailureKind::QueryCancelled`](aya_db_core::failure::FailureKind::QueryCancelled), or
    /// with its result if that was quicker.
    ///
    /// # Errors
    /// When the request cannot be delivered within 2 s.
    pub async fn cancel(&self) -> Result<(), Error> {
        let running = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(Running { session, dialled, token, node }) = running else { return Ok(()) };
        let began = tokio::time::Instant::now();
        cancel(&session, &dialled, &token).await.map_err(|cause| {
            let stage = ConnectStage::Tcp;
            let elapsed = began.elapsed();
            let failure = ConnectFailure { node, stage, cause, elapsed };
            Error::from_failed(&Failed::from_connect(Arc::new(failure), Safety::Unmarked), None)
        })
    }

    pub(crate) fn begin(&self, session: &Arc<Session>, link: &Link) {
        let running = Running {
            session: Arc::clone(session),
            dialled: link.dialled().clone(),
            token: link.client().cancel_token(),
            node: link.node().clone(),
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
    }

    pub(crate) fn end(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let node = running.as_ref().map(|running| &running.node);
        f.debug_struct("Canceller").field("running_on", &node).finish()
    }
}

//! The task that moves a connection's bytes and records its notices and its end.

use std::future::poll_fn;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_postgres::{AsyncMessage, Connection, Notification};

use super::state::{End, LinkState};

/// Runs `connection` in a task of its own until either side ends it.
///
/// Notifications go to `notifications`, where somebody listens; a listener that has gone away or
/// fallen behind loses them.
pub(crate) fn drive<S, T>(
    mut connection: Connection<S, T>,
    state: Arc<LinkState>,
    notifications: Option<mpsc::Sender<Notification>>,
) -> AbortHandle
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let end = EndOnDrop(state.clone());
    let task = tokio::spawn(async move {
        // Recorded before `connection` is dropped, since its drop is what wakes the callers.
        let end = end;
        loop {
            match poll_fn(|cx| connection.poll_message(cx)).await {
                Some(Ok(AsyncMessage::Notice(notice))) => state.push_notice(notice),
                Some(Ok(AsyncMessage::Notification(notification))) => {
                    if let Some(listener) = &notifications {
                        let _ = listener.send(notification).await;
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    end.0.set_end(End::Lost(Arc::new(error)));
                    break;
                }
                None => {
                    end.0.set_end(End::Closed);
                    break;
                }
            }
        }
    });
    task.abort_handle()
}

/// Records the end of a task that was aborted; the connection's fields drop after it.
struct EndOnDrop(Arc<LinkState>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.set_end(End::Closed);
    }
}

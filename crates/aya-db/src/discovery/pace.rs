use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

/// How urgently the monitor wants news.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Pace {
    /// There is a confirmed leader.
    #[default]
    Calm,
    /// There is none: statements wait.
    Hunt,
}

/// Waits `calm`, or only `hunt` if the pace is or becomes [`Pace::Hunt`].
pub(super) async fn pause(calm: Duration, hunt: Duration, pace: &mut watch::Receiver<Pace>) {
    let hunting = async {
        if pace.wait_for(|pace| *pace == Pace::Hunt).await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = sleep(calm) => {}
        () = async { tokio::join!(hunting, sleep(hunt)); } => {}
    }
}

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
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

/// Waits between attempts to reach a source: longer by each failure, short in a hunt.
pub(super) struct Backoff {
    calm: ExponentialBackoff,
}

impl Backoff {
    pub(super) fn new() -> Self {
        let calm = ExponentialBuilder::default()
            .with_min_delay(SHORTEST)
            .with_max_delay(LONGEST)
            .without_max_times()
            .with_jitter();
        Self { calm: calm.build() }
    }

    /// Waits, and less if a hunt begins meanwhile.
    pub(super) async fn wait(&mut self, pace: &mut watch::Receiver<Pace>) {
        let calm = self.calm.next().unwrap_or(LONGEST);
        pause(calm, calm.min(IN_A_HUNT), pace).await;
    }
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

const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);
const IN_A_HUNT: Duration = Duration::from_millis(200);

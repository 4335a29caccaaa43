use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::sync::watch;

use super::pace::{Pace, pause};

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

const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);
const IN_A_HUNT: Duration = Duration::from_millis(200);

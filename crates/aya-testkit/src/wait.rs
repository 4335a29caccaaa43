//! Waiting for a state with a deadline: the only sleep in the kit.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Polls `state` every 10 ms until it answers something, and returns that.
///
/// `what` finishes the sentence "timed out waiting for ...". Dropping the future stops polling.
///
/// # Errors
/// When `within` has passed, or as soon as `state` itself fails.
pub async fn until<T, F>(what: &str, within: Duration, mut state: F) -> Result<T>
where
    F: AsyncFnMut() -> Result<Option<T>>,
{
    let deadline = Instant::now() + within;
    loop {
        if let Some(answer) = state().await? {
            return Ok(answer);
        }
        if Instant::now() >= deadline {
            bail!("timed out after {within:?} waiting for {what}");
        }
        tokio::time::sleep(POLL).await;
    }
}

const POLL: Duration = Duration::from_millis(10);

//! The signals that ask the demo to end.

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Takes the signals over, and then waits for the first of them; returns its number.
///
/// # Errors
/// When they cannot be taken over.
pub(crate) fn first() -> Result<impl Future<Output = u8>> {
    let mut interrupt = take(SignalKind::interrupt())?;
    let mut terminate = take(SignalKind::terminate())?;
    let mut hangup = take(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => INTERRUPT,
            _ = terminate.recv() => TERMINATE,
            _ = hangup.recv() => HANGUP,
        }
    })
}

fn take(kind: SignalKind) -> Result<Signal> {
    signal(kind).context("take over a signal")
}

const HANGUP: u8 = 1;
const INTERRUPT: u8 = 2;
const TERMINATE: u8 = 15;

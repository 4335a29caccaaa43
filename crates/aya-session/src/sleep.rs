//! Pauses, spent in the caller's own way to wait.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use aya_pgwire::{Interest, Readiness, Wait};

use crate::error::Pause;

/// Waits for a time: for a socket on which nothing ever comes.
pub(crate) fn sleep(time: Duration, wait: &mut dyn Wait) -> Result<(), Pause> {
    let Ok((quiet, _other)) = UnixStream::pair().map_err(|_: io::Error| ()) else {
        // Without file descriptors there is nobody to ask meanwhile.
        std::thread::sleep(time);
        return Ok(());
    };
    let end = Instant::now() + time;
    while Instant::now() < end {
        match wait.wait(quiet.as_fd(), Interest::Read, Some(end)) {
            Ok(Readiness::Ready) => {}
            Ok(Readiness::TimedOut) if Instant::now() < end => return Err(Pause::TimedOut),
            Ok(Readiness::TimedOut) => break,
            Err(_) => return Err(Pause::Interrupted),
        }
    }
    Ok(())
}

//! Waiting with `poll(2)`.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::wait::{Interest, Interrupted, Readiness, Wait};

/// Waits with `poll(2)`, and asks its caller whether to go on: when a signal ends a wait, and now
/// and then while data comes so fast that no wait lasts.
///
/// A signal that arrives just before a wait begins does not end it; who cannot live with that
/// gives a file descriptor that becomes readable with each signal (in Python, that of
/// `signal.set_wakeup_fd`).
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use aya_pgwire::{Interrupted, Poller};
///
/// let mut ask = || if std::env::var_os("STOP").is_some() { Err(Interrupted) } else { Ok(()) };
/// let wait = Poller::new().until(Instant::now() + Duration::from_secs(5)).asking(&mut ask);
/// ```
#[derive(Default)]
pub struct Poller<'a> {
    deadline: Option<Instant>,
    wake: Option<BorrowedFd<'a>>,
    ask: Option<&'a mut dyn FnMut() -> Result<(), Interrupted>>,
    asked_at: Option<Instant>,
}

impl<'a> Poller<'a> {
    /// Waits for as long as it takes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits no longer than this.
    #[must_use]
    pub fn until(self, deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// Asks `ask` whether to go on.
    #[must_use]
    pub fn asking(self, ask: &'a mut dyn FnMut() -> Result<(), Interrupted>) -> Self {
        Self { ask: Some(ask), ..self }
    }

    /// Also asks when this becomes readable. `ask` has to empty it.
    #[must_use]
    pub fn waking_by(self, wake: BorrowedFd<'a>) -> Self {
        Self { wake: Some(wake), ..self }
    }

    fn ask(&mut self) -> Result<(), Interrupted> {
        let Some(ask) = &mut self.ask else { return Ok(()) };
        self.asked_at = Some(Instant::now());
        ask()
    }

    /// Asks if it was long ago.
    fn ask_at_times(&mut self) -> Result<(), Interrupted> {
        if self.ask.is_none() {
            return Ok(());
        }
        match self.asked_at {
            Some(then) if then.elapsed() < AT_TIMES => Ok(()),
            Some(_) => self.ask(),
            None => {
                self.asked_at = Some(Instant::now());
                Ok(())
            }
        }
    }
}

impl Wait for Poller<'_> {
    fn wait(
        &mut self,
        socket: BorrowedFd<'_>,
        interest: Interest,
        deadline: Option<Instant>,
    ) -> Result<Readiness, Interrupted> {
        let flags = match interest {
            Interest::Read => PollFlags::POLLIN,
            Interest::Write => PollFlags::POLLOUT,
            Interest::ReadOrWrite => PollFlags::POLLIN | PollFlags::POLLOUT,
        };
        let deadline = [deadline, self.deadline].into_iter().flatten().min();
        self.ask_at_times()?;
        loop {
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(Readiness::TimedOut);
            }
            let wake = self.wake.unwrap_or(socket);
            let mut fds =
                [PollFd::new(socket, flags), PollFd::new(wake.as_fd(), PollFlags::POLLIN)];
            let watched = if self.wake.is_some() { &mut fds[..] } else { &mut fds[..1] };
            match poll(watched, timeout(deadline)) {
                Ok(0) => {}
                Err(Errno::EINTR) => self.ask()?,
                // What is wrong with the socket, its next read will tell.
                Err(_) => return Ok(Readiness::Ready),
                Ok(_) => {
                    let is_ready = |fd: &PollFd<'_>| fd.any().unwrap_or(true);
                    let (socket, woken) =
                        (is_ready(&watched[0]), watched.get(1).is_some_and(is_ready));
                    if woken {
                        self.ask()?;
                    }
                    if socket {
                        return Ok(Readiness::Ready);
                    }
                }
            }
        }
    }
}

impl fmt::Debug for Poller<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

/// Rounded up, so that a deadline has passed when the time is up.
fn timeout(deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else { return PollTimeout::NONE };
    let left = deadline.saturating_duration_since(Instant::now());
    let millis = (left + Duration::from_micros(999)).as_millis();
    PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)
}

/// Often enough for a person who presses Ctrl-C.
const AT_TIMES: Duration = Duration::from_millis(100);

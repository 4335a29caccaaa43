//! Waiting for a server while Python's signals are heeded.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use aya_pgwire::{Canceller, Interest, Interrupted, Poller, Readiness, Wait};
use pyo3::prelude::*;

/// Waits for as long as it takes. When a signal handler of Python raises, as for Ctrl-C, the
/// running statement is cancelled and its end still waited for, so that the session stays in a
/// state that is known; when one raises again, the wait is given up.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    canceller: Option<Canceller>,
    raised: Option<PyErr>,
    looked: Option<Instant>,
}

impl Patience {
    /// Cancels by this.
    pub(crate) fn new(canceller: Option<Canceller>) -> Self {
        Self { canceller, ..Self::default() }
    }

    /// What a signal handler raised.
    pub(crate) fn raised(self) -> Option<PyErr> {
        self.raised
    }

    fn look(&mut self) -> Result<(), Interrupted> {
        self.looked = Some(Instant::now());
        let Err(raised) = Python::attach(|py| py.check_signals()) else { return Ok(()) };
        let again = self.raised.replace(raised).is_some();
        match self.canceller.take() {
            Some(canceller) if !again => {
                let mut wait = Poller::new().until(Instant::now() + CANCEL_TIME);
                // If the request does not get through, the statement's own end is waited for, or
                // the next signal.
                let _ = canceller.cancel(&mut wait);
                Ok(())
            }
            _ => Err(Interrupted),
        }
    }

    fn is_due(&self) -> bool {
        self.looked.is_some_and(|then| then.elapsed() > BETWEEN_LOOKS)
    }
}

impl Wait for Patience {
    fn wait(
        &mut self,
        socket: BorrowedFd<'_>,
        interest: Interest,
        deadline: Option<Instant>,
    ) -> Result<Readiness, Interrupted> {
        if self.looked.is_none() {
            self.looked = Some(Instant::now());
        } else if self.is_due() {
            self.look()?;
        }
        loop {
            let slice = Instant::now() + BETWEEN_LOOKS;
            let mut signalled = false;
            let mut ask = || {
                signalled = true;
                Err(Interrupted)
            };
            let until = deadline.map_or(slice, |deadline| deadline.min(slice));
            let waited = Poller::new().asking(&mut ask).wait(socket, interest, Some(until));
            match waited {
                Ok(Readiness::Ready) => return Ok(Readiness::Ready),
                Ok(Readiness::TimedOut)
                    if deadline.is_some_and(|deadline| deadline <= Instant::now()) =>
                {
                    return Ok(Readiness::TimedOut);
                }
                // A signal that came just before the wait began did not end it.
                Ok(Readiness::TimedOut) | Err(Interrupted) => self.look()?,
            }
        }
    }
}

/// Often enough for a person who presses Ctrl-C.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

const CANCEL_TIME: Duration = Duration::from_secs(2);

//! A session that a COPY has taken out of its connection.

use aya_pgwire::{Canceller, Connection, CopyData, Event, Wait};
use aya_session::Survivor;

use super::exchange::{Aside, Exchange};
use super::line::{Fault, drive};
use super::loss::Loss;
use super::surviving;

/// A session that a COPY has taken out of its connection.
#[derive(Debug)]
pub(crate) enum Lent {
    /// One that ends with its server.
    Plain(Box<Connection>),
    /// One that does not.
    Surviving(Box<Survivor>),
}

/// How the user has ended the COPY.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Finish<'a> {
    /// All data was sent, or taken.
    Done,
    /// It was given up, because of this.
    Failed(&'a [u8]),
}

impl Lent {
    /// What cancels the COPY.
    pub(crate) fn canceller(&self) -> Option<Canceller> {
        match self {
            Self::Plain(connection) => connection.canceller(),
            // It cancels by itself when a wait is given up.
            Self::Surviving(_) => None,
        }
    }

    /// Sends data. `false` if the server takes no more: its error is among the answers.
    pub(crate) fn send(
        &mut self,
        data: &[u8],
        aside: &mut Aside,
        wait: &mut dyn Wait,
    ) -> Result<bool, Fault> {
        match self {
            Self::Plain(connection) => match connection.copy_data(data, wait) {
                Ok(taken) => Ok(taken.is_ok()),
                Err(error) => Err(Fault::Lost(Box::new(Loss::idle(error, aside)))),
            },
            Self::Surviving(survivor) => {
                survivor.copy_data(data, wait)?;
                Ok(true)
            }
        }
    }

    /// The next data; `None` once there is no more.
    pub(crate) fn next(
        &mut self,
        exchange: &mut Exchange,
        aside: &mut Aside,
        wait: &mut dyn Wait,
    ) -> Result<Option<CopyData>, Fault> {
        let connection = match self {
            Self::Plain(connection) => connection,
            Self::Surviving(survivor) => return surviving::copy_next(survivor, wait),
        };
        loop {
            match connection.next_event(wait) {
                Ok(Event::CopyData(data)) => return Ok(Some(data)),
                Ok(Event::CopyDone) => return Ok(None),
                Ok(event) => {
                    let failed = matches!(event, Event::Answer(_));
                    exchange.take(event, aside);
                    if failed {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(Fault::Lost(Box::new(Loss::idle(error, aside)))),
            }
        }
    }

    /// Ends the COPY, and waits for the answers.
    pub(crate) fn finish(
        &mut self,
        finish: Finish<'_>,
        sends: bool,
        exchange: &mut Exchange,
        aside: &mut Aside,
        wait: &mut dyn Wait,
    ) -> Result<(), Fault> {
        match self {
            Self::Plain(connection) => {
                let session = connection.session_mut();
                if session.takes_copy_data() {
                    match finish {
                        Finish::Done => session.copy_done()?,
                        Finish::Failed(reason) => session.copy_fail(reason)?,
                    }
                }
                let answer = exchange.answer().cloned();
                drive(connection, exchange, aside, wait)
                    .map_err(|error| Fault::Lost(Box::new(Loss::during(error, answer, aside))))
            }
            Self::Surviving(survivor) => {
                let generation = survivor.generation();
                let asked = match (sends, finish) {
                    (true, Finish::Done) => survivor.copy_done(wait),
                    (true, Finish::Failed(reason)) => survivor.copy_fail(reason, wait),
                    (false, _) => {
                        while surviving::copy_next(survivor, wait)?.is_some() {}
                        survivor.resume(wait)
                    }
                };
                let reply = surviving::patiently(survivor, asked, wait)?;
                surviving::tell(exchange, reply.events, aside);
                surviving::take_aside(survivor, generation, aside);
                Ok(())
            }
        }
    }
}

//! COPY, while its data is the caller's business.

use aya_pgwire::{Answer, CopyData, Event, Wait};

use crate::copy::{Copy, Finish};
use crate::error::{Broken, Loss, SurvivorError};
use crate::failure::{Ended, Fault, Halt};
use crate::flight::{End, Flight, Next, Reply, Stage};
use crate::kind::Kind;
use crate::round::{Heard, Role, copy_of};
use crate::survivor::{Standing, Survivor};
use crate::transaction::{Opening, Sight};

impl Survivor {
    /// Sends data of COPY FROM STDIN. It is taken also where the wait is given up: it must not be sent
    /// again.
    ///
    /// # Errors
    /// What could not be continued. What the server has against the data, the end tells.
    pub fn copy_data(&mut self, data: &[u8], wait: &mut dyn Wait) -> Result<(), SurvivorError> {
        self.check_process();
        let Some(mut flight) = self.flight.take() else { return Err(not_copying()) };
        let sent = self.send_data(&mut flight, data, wait);
        self.land(flight, sent)
    }

    /// Says that the data of COPY FROM STDIN is complete, and takes the answers.
    ///
    /// # Errors
    /// As of [`run`](Self::run).
    pub fn copy_done(&mut self, wait: &mut dyn Wait) -> Result<Reply, SurvivorError> {
        self.end_data(Finish::Done, wait)
    }

    /// Gives COPY FROM STDIN up: its answer is an error that quotes `reason`.
    ///
    /// # Errors
    /// As of [`run`](Self::run).
    pub fn copy_fail(
        &mut self,
        reason: &[u8],
        wait: &mut dyn Wait,
    ) -> Result<Reply, SurvivorError> {
        let reason: Vec<u8> = reason.iter().copied().filter(|byte| *byte != 0).collect();
        self.end_data(Finish::Failed(reason.into()), wait)
    }

    /// The next data of COPY TO STDOUT; `None` at its end, and [`resume`](Self::resume) takes its answer.
    ///
    /// # Errors
    /// What could not be continued.
    pub fn copy_next(&mut self, wait: &mut dyn Wait) -> Result<Option<CopyData>, SurvivorError> {
        self.check_process();
        let Some(mut flight) = self.flight.take() else { return Err(not_copying()) };
        let came = self.take_data(&mut flight, wait);
        self.land(flight, came)
    }

    /// A COPY has begun: the first time, it is the caller's business; later it goes on by itself up to where
    /// it was.
    pub(crate) fn begin_copy(
        &mut self,
        flight: &mut Flight,
        wait: &mut dyn Wait,
    ) -> Result<Next, Halt> {
        let limit = self.limits().bytes;
        let Some(step) = &mut flight.step else { return Ok(Next::Again) };
        let events = std::mem::take(&mut step.events);
        let Some(end) = copy_of(&events) else { return Ok(Next::Again) };
        let answered = events.iter().filter(|event| matches!(event, Event::Ready(_))).count();
        let heard = Heard::of(&step.round, events);
        step.round.drain(..answered);
        if let Standing::Open(open) = &mut self.standing {
            open.opening = Opening::Done;
        }
        let own = heard.to(Role::Own).unwrap_or_default();
        match &step.copy {
            None => {
                step.copy = Some(Copy::new(end, own, limit));
                step.stage = if end == End::CopyBoth { Stage::Asked } else { Stage::Copying };
                flight.reply.extend(heard.told());
                Ok(Next::Copy(end))
            }
            Some(copy) if copy.before != Sight::of(own).seen() || copy.end != end => {
                let index = match &self.standing {
                    Standing::Open(open) => open.tape.len(),
                    Standing::Idle | Standing::Lost(_) => 0,
                };
                let (before, now) = (copy.before, Sight::of(own).seen());
                let view = step.view.clone();
                Err(Halt::over(self.diverged(index, &view, before, now)))
            }
            Some(_) => self.copy_again(flight, wait),
        }
    }

    /// Sends everything again that was sent.
    fn copy_again(&mut self, flight: &mut Flight, wait: &mut dyn Wait) -> Result<Next, Halt> {
        let (Some(step), Some(link)) = (&mut flight.step, &mut self.link) else {
            return Ok(Next::Again);
        };
        let Some(copy) = &step.copy else { return Ok(Next::Again) };
        let mut sent = Ok(());
        for piece in &copy.pieces {
            sent = link.copy_data(piece, wait);
            if sent.is_err() {
                break;
            }
        }
        step.stage = Stage::Copying;
        match sent {
            Ok(()) => {}
            // Half of it is sent: from the beginning, then.
            Err(Fault::Pause(pause)) => {
                let left = link.left();
                self.link = None;
                self.left = Some(left);
                step.again();
                if matches!(step.kind, Kind::Inside(_)) {
                    step.stage = Stage::Curing;
                }
                return Err(pause.into());
            }
            Err(Fault::Lost(ended)) => return self.lost_in(flight, *ended, wait),
        }
        if let Some(finish) = copy.finish.clone() {
            step.mark = link.mark();
            link.end_copy(finish.reason());
            step.stage = Stage::Asked;
        }
        Ok(Next::Again)
    }

    fn send_data(
        &mut self,
        flight: &mut Flight,
        data: &[u8],
        wait: &mut dyn Wait,
    ) -> Result<(), Halt> {
        let Some(step) = &mut flight.step else { return Ok(()) };
        let Some(copy) = step.copy.as_mut().filter(|copy| copy.end == End::CopyIn) else {
            return Err(Halt::over(not_copying()));
        };
        copy.keep(data);
        if step.stage == Stage::Copying
            && let Some(link) = &mut self.link
        {
            match link.copy_data(data, wait) {
                Ok(()) => return Ok(()),
                Err(Fault::Pause(pause)) => return Err(pause.into()),
                Err(Fault::Lost(ended)) => self.lost_copying(flight, *ended, wait)?,
            }
        }
        self.reach_copy(flight, wait)
    }

    fn take_data(
        &mut self,
        flight: &mut Flight,
        wait: &mut dyn Wait,
    ) -> Result<Option<CopyData>, Halt> {
        loop {
            self.reach_copy(flight, wait)?;
            let (Some(step), Some(link)) = (&mut flight.step, &mut self.link) else {
                return Ok(None);
            };
            let Some(copy) = step.copy.as_mut().filter(|copy| copy.end == End::CopyOut) else {
                return Err(Halt::over(not_copying()));
            };
            if step.stage != Stage::Copying {
                return Ok(None);
            }
            match link.next(&mut step.events, wait) {
                Ok(Event::CopyData(data)) => {
                    copy.seen = true;
                    let event = Event::CopyData(data);
                    copy.sight.see(&event);
                    let Event::CopyData(data) = event else { return Ok(None) };
                    return Ok(Some(data));
                }
                Ok(Event::CopyDone) => step.stage = Stage::Asked,
                Ok(event) => {
                    if matches!(event, Event::Answer(Answer::Error(_))) {
                        step.stage = Stage::Asked;
                    }
                    step.events.push(event);
                }
                Err(Fault::Pause(pause)) => return Err(pause.into()),
                Err(Fault::Lost(ended)) => self.lost_copying(flight, *ended, wait)?,
            }
            if flight.step.as_ref().is_none_or(|step| step.stage == Stage::Asked) {
                return Ok(None);
            }
        }
    }

    fn end_data(&mut self, finish: Finish, wait: &mut dyn Wait) -> Result<Reply, SurvivorError> {
        self.check_process();
        let Some(mut flight) = self.flight.take() else { return Err(not_copying()) };
        let ended = self.finish_data(&mut flight, finish, wait);
        self.land(flight, ended)?;
        self.go_on(wait)
    }

    fn finish_data(
        &mut self,
        flight: &mut Flight,
        finish: Finish,
        wait: &mut dyn Wait,
    ) -> Result<(), Halt> {
        let Some(step) = &mut flight.step else { return Ok(()) };
        let Some(copy) = step.copy.as_mut().filter(|copy| copy.end == End::CopyIn) else {
            return Err(Halt::over(not_copying()));
        };
        if copy.finish.is_some() {
            return Ok(());
        }
        let (Stage::Copying, Some(link)) = (step.stage, &mut self.link) else {
            copy.finish = Some(finish);
            return Ok(());
        };
        // Of a connection that has ended already, all is known: the data was never complete.
        match link.glance(&mut step.events) {
            Ok(()) => {
                step.mark = link.mark();
                link.end_copy(finish.reason());
                step.stage = Stage::Asked;
                copy.finish = Some(finish);
                Ok(())
            }
            Err(ended) => {
                self.lost_copying(flight, *ended, wait)?;
                if let Some(copy) = flight.step.as_mut().and_then(|step| step.copy.as_mut()) {
                    copy.finish = Some(finish);
                }
                Ok(())
            }
        }
    }

    /// The connection was lost while data was on its way.
    fn lost_copying(
        &mut self,
        flight: &mut Flight,
        ended: Ended,
        wait: &mut dyn Wait,
    ) -> Result<(), Halt> {
        match self.lost_in(flight, ended, wait) {
            Ok(_) => Ok(()),
            Err(Halt::Failed(failure)) => self.after(flight, *failure),
            Err(halt) => Err(halt),
        }
    }

    /// Goes on with the exchange up to where the COPY is the caller's business, or is over.
    fn reach_copy(&mut self, flight: &mut Flight, wait: &mut dyn Wait) -> Result<(), Halt> {
        while let Some(step) = &flight.step {
            let asks = step.copy.as_ref().is_some_and(|copy| copy.finish.is_some());
            if step.stage == Stage::Copying || (step.stage == Stage::Asked && asks) {
                return Ok(());
            }
            if step.stage == Stage::Asked && step.copy.as_ref().is_some_and(|copy| copy.seen) {
                return Ok(());
            }
            match self.advance(flight, wait) {
                Ok(Next::Done | Next::Copy(_)) => return Ok(()),
                Ok(Next::Again) => {}
                Err(Halt::Failed(failure)) => self.after(flight, *failure)?,
                Err(halt) => return Err(halt),
            }
        }
        Ok(())
    }

    /// Keeps the exchange for the next call, unless it is over.
    fn land<T>(&mut self, flight: Flight, done: Result<T, Halt>) -> Result<T, SurvivorError> {
        match done {
            Ok(done) => {
                self.flight = Some(flight);
                Ok(done)
            }
            Err(Halt::Pause(pause)) => {
                self.flight = Some(flight);
                Err(pause.into())
            }
            Err(Halt::Failed(failure)) => Err(Broken::new(Loss::Connection, &failure).into()),
            Err(Halt::Over(error)) => {
                if matches!(*error, SurvivorError::OutOfTurn(_)) {
                    self.flight = Some(flight);
                }
                Err(*error)
            }
        }
    }
}

fn not_copying() -> SurvivorError {
    SurvivorError::OutOfTurn("no COPY of that direction is under way")
}

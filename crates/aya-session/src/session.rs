//! The session behind the connections: how it is made anew, what it holds, and how it is lost.

use std::time::Instant;

use aya_db_core::continuity::Refusal;
use aya_db_core::failure::{Cause, InTransaction};
use aya_db_core::route::Intent;
use aya_db_core::server_sql::{END_ANY, END_IDLE};
use aya_pgwire::{Event, Wait};

use crate::error::{Broken, Loss, SurvivorError};
use crate::failure::{Ended, Failure, Fault, Halt, Left};
use crate::link::Texts;
use crate::literal::with_literals;
use crate::options::Survival;
use crate::state::{Changed, State};
use crate::survivor::{Standing, Survivor};
use crate::transaction::Did;

impl Survivor {
    /// Takes what has come without being asked for, and makes the session anew where it listens and was
    /// lost: notifications are then still to come.
    ///
    /// # Errors
    /// If it cannot be made anew, or `wait` gave up.
    pub fn poll(&mut self, wait: &mut dyn Wait) -> Result<Vec<Event>, SurvivorError> {
        self.check_process();
        if self.flight.is_some() {
            return Ok(self.take_aside());
        }
        self.look();
        let idle = matches!(self.standing, Standing::Idle);
        if self.link.is_none() && idle && self.state.listens() && self.survival == Survival::On {
            match self.ready_link(None, wait) {
                Ok(()) => {}
                Err(Halt::Pause(pause)) => return Err(pause.into()),
                Err(Halt::Failed(failure)) => {
                    return Err(Broken::new(Loss::Connection, &failure).into());
                }
                Err(Halt::Over(error)) => return Err(*error),
            }
        }
        Ok(self.take_aside())
    }

    /// Looks whether the connection has ended. What the end means is for the next query to find out.
    fn look(&mut self) {
        let asides = &mut self.asides;
        if let Some(link) = &mut self.link
            && link.connection().session().pending() == 0
            && let Err(ended) = link.look(asides)
        {
            let open = matches!(self.standing, Standing::Open(_));
            self.lost(&ended);
            if !open {
                self.left = None;
            }
        }
    }

    /// A connection on which the session is as it was; for queries outside of transactions.
    pub(crate) fn ready_link(
        &mut self,
        deadline: Option<Instant>,
        wait: &mut dyn Wait,
    ) -> Result<(), Halt> {
        if let Some(link) = &mut self.link {
            let drained = link.drain(&mut self.asides, wait);
            drained.map_err(|fault| self.ahead(fault))?;
            self.look();
        }
        if self.link.is_some() {
            self.refresh(wait)?;
        }
        if self.link.is_none() {
            if self.survival == Survival::Off {
                let failure = Failure::ahead(Cause::ConnectionLost, self.last_words.clone());
                return Err(Halt::over(Broken::new(Loss::Connection, &failure)));
            }
            self.repeat_changed();
            let deadline = deadline.unwrap_or_else(|| self.failover_ends());
            let link = self.find(self.wanted(), Some(deadline), wait)?;
            self.take(link);
        }
        if self.link.as_ref().is_some_and(|link| !link.restored) {
            self.restore(wait)?;
        }
        Ok(())
    }

    /// What is wanted of the next server: a session that any will do for follows the leader once it was
    /// with one, and what may have written goes on there alone.
    fn wanted(&self) -> Intent {
        let wrote = matches!(&self.standing, Standing::Open(open) if open.did == Did::Write);
        match self.intent {
            Intent::Any | Intent::PreferPrimary if self.led => Intent::Primary,
            intent if wrote => intent.without_standbys(),
            intent => intent,
        }
    }

    /// A connection to the leader, whatever the session is otherwise for; it need not be as the session was.
    pub(crate) fn leader_link(
        &mut self,
        deadline: Instant,
        wait: &mut dyn Wait,
    ) -> Result<(), Halt> {
        self.look();
        if self.link.as_ref().is_some_and(|link| link.in_recovery) {
            self.link = None;
        }
        if self.link.is_none() {
            let link = self.find(Intent::Primary, Some(deadline), wait)?;
            self.take(link);
        }
        Ok(())
    }

    /// Makes the session on a new connection like the one before it.
    fn restore(&mut self, wait: &mut dyn Wait) -> Result<(), Halt> {
        self.end_left(END_ANY, wait)?;
        let statements = if self.state.is_plain() { Vec::new() } else { self.state.restoring() };
        for statement in statements {
            let Err(message) = self.ask(&statement, wait)? else { continue };
            let why = self.link.as_ref().map(|link| State::refused(link, &message));
            self.state = State::default();
            self.state.lose_all(why.unwrap_or_default());
            break;
        }
        if let Some(sql) = self.state.again() {
            match self.ask(&sql, wait)? {
                Ok(_) => {
                    self.changed = Some(Changed { sql, repeats: true });
                    self.refresh(wait)?;
                }
                Err(_) => self.state.lose_again(),
            }
        }
        if let Some(link) = &mut self.link {
            link.restored = true;
        }
        match self.state.take_bound() {
            Some(lost) => Err(Halt::over(self.lose_state(&lost))),
            None => Ok(()),
        }
    }

    /// Ends the session that the connection before this one has left behind, if it was with this server.
    pub(crate) fn end_left(&mut self, sql: &str, wait: &mut dyn Wait) -> Result<(), Halt> {
        let Some(left) = self.left.clone() else { return Ok(()) };
        if self.link.as_ref().is_some_and(|link| link.node() == &left.node) && left.pid != 0 {
            self.ask(&ending(sql, &left), wait)?.ok();
        }
        if sql != END_IDLE {
            self.left = None;
        }
        Ok(())
    }

    /// After a statement that may have changed what the session holds: asks how it stands.
    pub(crate) fn refresh(&mut self, wait: &mut dyn Wait) -> Result<(), Halt> {
        if self.changed.is_none() || self.survival == Survival::Off {
            return Ok(());
        }
        let answer = self.ask(&self.state.question(), wait)?;
        match answer {
            Ok(rows) => {
                self.changed = None;
                self.state.take(&rows);
            }
            Err(_) => self.lose_changed(),
        }
        Ok(())
    }

    /// What a statement has set was not asked for, and cannot be any more.
    pub(crate) fn lose_changed(&mut self) {
        if let Some(changed) = self.changed.take() {
            self.state.lose(&changed.sql);
        }
    }

    /// What a statement has set was not asked for, and the connection is lost: it runs again on the next
    /// one, where that comes to the same.
    pub(crate) fn repeat_changed(&mut self) {
        match self.changed.take() {
            Some(Changed { sql, repeats: true }) => self.state.repeat(sql),
            Some(Changed { sql, repeats: false }) => self.state.lose(&sql),
            None => {}
        }
    }

    /// Asks a question of our own.
    pub(crate) fn ask(
        &mut self,
        sql: &str,
        wait: &mut dyn Wait,
    ) -> Result<Result<Texts, aya_pgwire::ServerMessage>, Halt> {
        let Some(link) = &mut self.link else {
            return Err(Failure::ahead(Cause::ConnectionLost, self.last_words.clone()).into());
        };
        link.ask(sql, &mut self.asides, wait).map_err(|fault| self.ahead(fault))
    }

    /// What it means that something failed that was asked ahead of the work.
    pub(crate) fn ahead(&mut self, fault: Fault) -> Halt {
        if let Fault::Lost(ended) = &fault {
            self.lost(ended);
        }
        fault.ahead()
    }

    /// The connection has ended.
    pub(crate) fn lost(&mut self, ended: &Ended) {
        if let Some(link) = self.link.take() {
            self.encoding = link.encoding().into();
        }
        self.last_words.clone_from(&ended.text);
        // What an earlier one has left behind is still to be seen to.
        self.left.get_or_insert_with(|| ended.left.clone());
        let failure = Failure::ahead(ended.cause.clone(), String::new());
        let Some(sign) = failure.classify().suspicion else { return };
        self.picture.suspected(&ended.left.node, sign);
        if let Some(watch) = &mut self.watch {
            watch.suspect(&ended.left.node, sign);
        }
    }

    /// The open transaction is lost for good.
    pub(crate) fn lose_transaction(
        &mut self,
        failure: &Failure,
        refusal: &Refusal,
    ) -> SurvivorError {
        let broken = Broken::new(Loss::Transaction, failure);
        let broken = match refusal {
            // Who wants no replay is told of the loss itself.
            Refusal::SwitchedOff => broken,
            refusal => broken.by(Cause::NotReplayed, InTransaction::Yes).because(refusal),
        };
        self.lose(broken)
    }

    /// Something that the session held is lost, and with it an open transaction.
    fn lose_state(&mut self, lost: &str) -> SurvivorError {
        let failure = Failure::ahead(Cause::SessionState, String::new());
        let broken = Broken::new(Loss::SessionState, &failure).because(lost);
        match self.standing {
            Standing::Open(_) => self.lose(broken.by(Cause::SessionState, InTransaction::Yes)),
            _ => broken.by(Cause::SessionState, InTransaction::No).into(),
        }
    }

    /// The transaction is over, and until it is rolled back every query says so.
    pub(crate) fn lose(&mut self, broken: Broken) -> SurvivorError {
        self.standing = Standing::Lost(Box::new(broken.clone()));
        // What it has set is lost with it.
        self.changed = None;
        broken.into()
    }

    /// The parent's transaction, or a session that does not survive, is none of this process.
    pub(crate) fn lose_inherited(&mut self) {
        let failure = Failure::inside(Cause::ConnectionLost, String::new());
        let broken = Broken::new(Loss::Transaction, &failure)
            .by(Cause::NotReplayed, InTransaction::Yes)
            .because("it belongs to the parent of this process");
        self.standing = Standing::Lost(Box::new(broken));
    }
}

fn ending(sql: &str, left: &Left) -> String {
    let silent_for = left.heard_at.elapsed().as_secs_f64();
    with_literals(sql, &[&left.pid.to_string(), &silent_for.to_string()])
}

//! The session as its user holds it.

use std::os::fd::RawFd;
use std::sync::Arc;

use aya_db_core::NodeId;
use aya_db_core::conninfo::ConnInfo;
use aya_db_core::continuity::{RecordLimits, Resolution};
use aya_db_core::liveness::LivenessPolicy;
use aya_db_core::retry::Policy;
use aya_db_core::route::{CausalToken, Intent};
use aya_pgwire::{Canceller, Connection, Event, Target, TransactionStatus, Wait};

use crate::error::{Broken, SurvivorError};
use crate::failure::{Halt, Left};
use crate::flight::Flight;
use crate::link::Link;
use crate::options::{Options, Patience, Survival};
use crate::picture::Picture;
use crate::state::{Changed, State};
use crate::transaction::Open;
use crate::watch::Watch;

/// A session that survives the loss of its server. See the [crate's documentation](crate).
///
/// Dropping it sends nothing, so that a child process may drop what it has inherited;
/// [`close`](Self::close) says goodbye. A child process that uses it gets a connection of its own; a
/// transaction that was open is its parent's, and lost to the child.
#[derive(Debug)]
pub struct Survivor {
    pub(crate) target: Arc<Target>,
    pub(crate) intent: Intent,
    pub(crate) policy: Policy,
    pub(crate) liveness: LivenessPolicy,
    pub(crate) resolution: Resolution,
    pub(crate) survival: Survival,
    pub(crate) watch: Option<Box<dyn Watch>>,
    pub(crate) picture: Picture,
    pub(crate) link: Option<Link>,
    /// What the connection before this one has left behind, until that was seen to.
    pub(crate) left: Option<Left>,
    /// How that one ended, in libpq's words.
    pub(crate) last_words: String,
    pub(crate) state: State,
    pub(crate) standing: Standing,
    pub(crate) flight: Option<Flight>,
    /// What came without being asked for.
    pub(crate) asides: Vec<Event>,
    pub(crate) generation: u64,
    /// Whether the connection is, or was, with a primary.
    pub(crate) led: bool,
    /// The client's encoding, as it was last known.
    pub(crate) encoding: Box<[u8]>,
    /// The process that it belongs to.
    pid: u32,
    /// What the next read on a standby must see.
    pub(crate) goal: Option<CausalToken>,
    /// A statement that may have changed what the session holds, about which the server was not asked yet.
    pub(crate) changed: Option<Changed>,
}

/// How the session stands to transactions.
#[derive(Debug)]
pub(crate) enum Standing {
    /// None is open.
    Idle,
    /// One is open.
    Open(Box<Open>),
    /// One was lost, and the caller has not rolled it back yet.
    Lost(Box<Broken>),
}

impl Survivor {
    /// Connects to a server that is what `target_session_attrs` asks for.
    ///
    /// # Errors
    /// If there is none in time, or `wait` gave up.
    pub fn open(
        target: Arc<Target>,
        options: Options,
        wait: &mut dyn Wait,
    ) -> Result<Self, SurvivorError> {
        let info = target.info();
        let mut survivor = Self {
            intent: info.target_session_attrs().into(),
            policy: Policy::default(),
            liveness: LivenessPolicy::of(info.silence_timeout()),
            resolution: match options.survival {
                Survival::On => Resolution::of(info),
                Survival::Off => Resolution::Off,
            },
            survival: options.survival,
            watch: options.watch,
            picture: Picture::of(info),
            link: None,
            left: None,
            last_words: String::new(),
            state: State::default(),
            standing: Standing::Idle,
            flight: None,
            asides: Vec::new(),
            generation: 0,
            led: false,
            encoding: (*b"UTF8").into(),
            pid: std::process::id(),
            goal: None,
            changed: None,
            target,
        };
        let deadline = match options.patience {
            Patience::OneRound => None,
            Patience::Failover => Some(survivor.failover_ends()),
        };
        match survivor.find(survivor.intent, deadline, wait) {
            Ok(mut link) => {
                link.restored = true;
                survivor.take(link);
                Ok(survivor)
            }
            Err(Halt::Pause(pause)) => Err(pause.into()),
            Err(Halt::Failed(failure)) => {
                Err(crate::error::NoServer { classified: failure.classify(), text: failure.text }
                    .into())
            }
            Err(Halt::Over(error)) => Err(*error),
        }
    }

    /// Says goodbye.
    pub fn close(mut self) {
        if let Some(link) = self.link.take()
            && self.pid == std::process::id()
        {
            link.close();
        }
    }

    /// Marks the session as one that belongs to a parent process, as if the process number had told.
    /// Nothing is sent on its connection; the next call makes another one.
    pub fn inherit(&mut self) {
        self.pid = std::process::id();
        self.link = None;
        self.left = None;
        self.flight = None;
        if self.survival == Survival::Off || matches!(self.standing, Standing::Open(_)) {
            self.lose_inherited();
        }
    }

    /// Takes what came outside of exchanges: notices, notifications, new values of server variables.
    pub fn take_aside(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.asides)
    }

    /// The next query on a standby waits until that has replayed what the token stands for.
    pub fn stand_behind(&mut self, token: CausalToken) {
        self.goal = Some(self.goal.map_or(token, |goal| goal.later(token)));
    }

    /// How the session stands to transactions. One that was lost is failed: only ROLLBACK will do.
    pub fn status(&self) -> TransactionStatus {
        match &self.standing {
            Standing::Idle => TransactionStatus::Idle,
            Standing::Open(open) => open.status,
            Standing::Lost(_) => TransactionStatus::Failed,
        }
    }

    /// The connection, for what is read off it: server variables, TLS, the server. `None` after a loss,
    /// until the next call.
    pub fn connection(&self) -> Option<&Connection> {
        self.link.as_ref().map(Link::connection)
    }

    /// The connection, for replication: what is sent on it by hand does not survive its loss.
    pub fn connection_mut(&mut self) -> Option<&mut Connection> {
        self.link.as_mut().map(Link::connection_mut)
    }

    /// The socket; `None` after a loss, until the next call.
    pub fn fd(&self) -> Option<RawFd> {
        self.link.as_ref().map(Link::fd)
    }

    /// Rises with each new connection: the socket is another one, and notifications may have been missed in
    /// between.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// What another thread can cancel the statement by that runs here.
    pub fn canceller(&self) -> Option<Canceller> {
        self.link.as_ref().and_then(Link::canceller)
    }

    /// The server; `None` after a loss, until the next call.
    pub fn node(&self) -> Option<&NodeId> {
        self.link.as_ref().map(Link::node)
    }

    /// The connection string.
    pub fn info(&self) -> &ConnInfo {
        self.target.info()
    }

    /// Whether an exchange is under way that a call has given up waiting for.
    pub const fn is_busy(&self) -> bool {
        self.flight.is_some()
    }

    /// A process that was forked off sees to it that it is no longer its parent's session.
    pub(crate) fn check_process(&mut self) {
        if self.pid != std::process::id() {
            self.inherit();
        }
    }

    pub(crate) fn take(&mut self, link: Link) {
        self.generation += 1;
        self.led = !link.in_recovery;
        self.link = Some(link);
    }

    pub(crate) fn limits(&self) -> RecordLimits {
        self.target.info().replay().limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_may_go_to_another_thread() {
        fn goes<T: Send>() {}
        goes::<Survivor>();
    }
}

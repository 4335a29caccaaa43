//! All hosts, addresses and ways of a connection string, one after the other.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Instant;

use aya_db_core::conninfo::{HostSpec, LoadBalanceHosts};
use aya_db_core::failure::ConnectStage;
use aya_db_core::route::Intent;
use aya_tls::{TlsAttempt, attempts};
use rand::seq::SliceRandom;

use super::address::Address;
use super::attempt::{Attempt, Tried};
use super::error::{AttemptCause, AttemptFailure, ConnectEnd, ConnectError};
use super::opening::Failed;
use super::server::Server;
use super::target::Target;
use crate::transport::{Connection, Interest};

/// A connection that is being made, without waiting for it.
///
/// Call [`poll`](Self::poll), wait until [`fd`](Self::fd) is ready for what it says, or until
/// [`deadline`](Self::deadline) and then call [`time_out`](Self::time_out); and again. The file
/// descriptor changes from one attempt to the next.
#[derive(Debug)]
pub struct Connecting {
    target: Arc<Target>,
    hosts: Vec<HostSpec>,
    /// What is wanted in this and in the passes over the hosts that follow.
    intents: VecDeque<Intent>,
    /// The hosts of this pass that have not been tried.
    left: VecDeque<HostSpec>,
    /// The addresses of the present host that have not been tried.
    addresses: VecDeque<(HostSpec, Address)>,
    /// The ways of the present address that have not been tried.
    ways: VecDeque<Server>,
    attempt: Option<Attempt>,
    deadline: Option<Instant>,
    failures: Vec<AttemptFailure>,
}

/// What [`Connecting::poll`] comes to.
#[derive(Debug)]
pub enum Progress {
    /// It goes on when [`Connecting::fd`] is ready for this.
    Wait(Interest),
    /// A session that is what was wanted.
    Done(Box<Connection>),
}

impl Connecting {
    /// A connection to one of the hosts that the connection string names, in its order or in a
    /// random one, as it says; one that serves its `target_session_attrs`.
    pub fn new(target: Arc<Target>) -> Self {
        let wanted = Intent::from(target.info().target_session_attrs());
        let mut hosts = target.info().hosts().to_vec();
        if target.info().load_balance_hosts() == LoadBalanceHosts::Random {
            hosts.shuffle(&mut rand::rng());
        }
        Self::to_hosts(target, hosts, wanted)
    }

    /// A connection to one of these hosts, in this order, that serves `wanted`.
    pub fn to_hosts(target: Arc<Target>, hosts: Vec<HostSpec>, wanted: Intent) -> Self {
        Self {
            target,
            intents: wanted.passes().collect(),
            left: hosts.iter().cloned().collect(),
            hosts,
            addresses: VecDeque::new(),
            ways: VecDeque::new(),
            attempt: None,
            deadline: None,
            failures: Vec::new(),
        }
    }

    /// Goes as far as it can without waiting.
    ///
    /// # Errors
    /// If no host is left to try.
    pub fn poll(&mut self) -> Result<Progress, ConnectError> {
        loop {
            let Some(attempt) = &mut self.attempt else {
                if !self.begin_next() {
                    return Err(self.give_up(ConnectEnd::Exhausted));
                }
                continue;
            };
            match attempt.poll() {
                Ok(Tried::Wait(interest)) => return Ok(Progress::Wait(interest)),
                Ok(Tried::Done(connection)) => return Ok(Progress::Done(connection)),
                Err(failed) => {
                    let server = attempt.server().clone();
                    self.failed(Some(server), failed);
                }
            }
        }
    }

    /// The socket of the present attempt.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.attempt.as_ref().and_then(Attempt::fd)
    }

    /// When the present address has had its time.
    pub const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The present address has had its time: goes on to the next one.
    pub fn time_out(&mut self) {
        if let Some(attempt) = self.attempt.take() {
            let failed = (attempt.stage(), AttemptCause::TimedOut);
            self.failed(Some(attempt.server().clone()), failed);
        }
    }

    /// Ends it here, with what has failed so far.
    pub fn give_up(&mut self, end: ConnectEnd) -> ConnectError {
        self.attempt = None;
        ConnectError::new(std::mem::take(&mut self.failures), end)
    }

    /// `false` if nothing is left to begin.
    fn begin_next(&mut self) -> bool {
        if let Some(server) = self.ways.pop_front() {
            let intent = self.intents.front().copied().unwrap_or_default();
            match Attempt::new(&server, intent) {
                Ok(attempt) => self.attempt = Some(attempt),
                Err(failed) => self.failed(Some(server), failed),
            }
        } else if let Some((host, address)) = self.addresses.pop_front() {
            self.deadline = self.target.time_per_address().map(|time| Instant::now() + time);
            let ways = match address.is_tcp() {
                true => attempts(self.target.tls().mode()),
                false => &[TlsAttempt::Plain],
            };
            let server = |way: &TlsAttempt| Server {
                target: Arc::clone(&self.target),
                host: host.clone(),
                address: address.clone(),
                way: *way,
            };
            self.ways = ways.iter().map(server).collect();
        } else if let Some(host) = self.left.pop_front() {
            self.resolve(host);
        } else {
            self.intents.pop_front();
            if self.intents.is_empty() {
                return false;
            }
            self.left = self.hosts.iter().cloned().collect();
        }
        true
    }

    fn resolve(&mut self, host: HostSpec) {
        match Address::resolve(&host) {
            Ok(mut addresses) => {
                if self.target.info().load_balance_hosts() == LoadBalanceHosts::Random {
                    addresses.shuffle(&mut rand::rng());
                }
                let with_host = |address| (host.clone(), address);
                self.addresses = addresses.into_iter().map(with_host).collect();
            }
            Err(error) => {
                let cause = AttemptCause::Resolve(host.host().to_owned(), error);
                self.failed(None, (ConnectStage::Resolve, cause));
            }
        }
    }

    /// Decides what comes after a failure.
    fn failed(&mut self, server: Option<Server>, (stage, cause): Failed) {
        self.attempt = None;
        if !cause.another_way_may_help(stage) {
            self.ways.clear();
        }
        if cause.is_of_the_host() {
            self.addresses.clear();
        }
        if cause.is_final() && self.ways.is_empty() {
            self.addresses.clear();
            self.left.clear();
            self.intents.clear();
        }
        self.failures.push(AttemptFailure::new(server, stage, cause));
    }
}

//! Waiting for a server, and asking it beside the session whether it lives when nothing is heard.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use aya_db_core::Moment;
use aya_db_core::liveness::{LivenessPolicy, Verdict, Watch};
use aya_pgwire::{Address, Interest, Interrupted, Readiness, Wait};

use crate::ping::{Ping, Pong};

/// A wait that ends when the server has fallen silent. A server that is only slow answers the pings.
pub(crate) struct Vigil<'a> {
    wait: &'a mut dyn Wait,
    address: &'a Address,
    policy: LivenessPolicy,
    watch: Option<Watching>,
    silent: bool,
}

struct Watching {
    began: Instant,
    ticks: u32,
    watch: Watch,
    pings: Vec<Ping>,
}

impl<'a> Vigil<'a> {
    pub(crate) fn new(
        wait: &'a mut dyn Wait,
        policy: LivenessPolicy,
        address: &'a Address,
    ) -> Self {
        Self { wait, address, policy, watch: None, silent: false }
    }

    /// Whether it was the silence that ended the wait.
    pub(crate) const fn fell_silent(&self) -> bool {
        self.silent
    }
}

impl Wait for Vigil<'_> {
    fn wait(
        &mut self,
        socket: BorrowedFd<'_>,
        interest: Interest,
        deadline: Option<Instant>,
    ) -> Result<Readiness, Interrupted> {
        let policy = self.policy;
        let watching = self.watch.get_or_insert_with(|| Watching::begin(policy));
        loop {
            let tick = watching.began + policy.tick * (watching.ticks + 1);
            let until = deadline.map_or(tick, |deadline| deadline.min(tick));
            let readiness = self.wait.wait(socket, interest, Some(until))?;
            let now = Instant::now();
            match readiness {
                Readiness::Ready => {
                    if interest == Interest::Read {
                        watching.watch.heard(watching.moment(now));
                    }
                    return Ok(Readiness::Ready);
                }
                // The deadline is this call's, or one of the caller's own.
                Readiness::TimedOut
                    if now + EARLY < tick || deadline.is_some_and(|end| end <= now) =>
                {
                    return Ok(Readiness::TimedOut);
                }
                Readiness::TimedOut => {}
            }
            if watching.tick(now, policy, self.address) {
                self.silent = true;
                return Err(Interrupted);
            }
        }
    }
}

impl Watching {
    fn begin(policy: LivenessPolicy) -> Self {
        let watch = Watch::new(policy, Moment::default());
        Self { began: Instant::now(), ticks: 0, watch, pings: Vec::new() }
    }

    fn moment(&self, now: Instant) -> Moment {
        Moment(now.saturating_duration_since(self.began))
    }

    /// Whether the server is silent.
    fn tick(&mut self, now: Instant, policy: LivenessPolicy, address: &Address) -> bool {
        let moment = self.moment(now);
        let passed = moment.0.as_nanos() / policy.tick.as_nanos().max(1);
        self.ticks = u32::try_from(passed).unwrap_or(u32::MAX - 1);
        let watch = &mut self.watch;
        self.pings.retain_mut(|ping| match ping.poll() {
            Pong::Pending => true,
            Pong::Answered => {
                watch.ping_answered(moment);
                false
            }
            Pong::Refused => {
                watch.ping_refused();
                false
            }
            Pong::Nothing => false,
        });
        match watch.tick(moment) {
            Verdict::Alive => false,
            Verdict::Ask | Verdict::Gone => {
                if self.pings.len() >= MOST_PINGS {
                    self.pings.remove(0);
                }
                if let Ok(ping) = Ping::begin(address) {
                    watch.ping_sent(moment);
                    self.pings.push(ping);
                }
                false
            }
            Verdict::Silent { .. } => true,
        }
    }
}

/// More of them at a time say nothing new.
const MOST_PINGS: usize = 8;

/// By how much a wait may end before its time.
const EARLY: Duration = Duration::from_millis(2);

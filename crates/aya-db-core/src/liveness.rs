//! Whether the server of a statement in flight still lives.
//!
//! A statement may be slow, and a COMMIT may wait for its standby for hours; neither is a reason
//! to end it. So while a request is outstanding the shell asks the same server beside it: it opens
//! a TCP connection and sends SSLRequest, which a live server answers with one byte before it asks
//! for any password, even when all its slots are taken. [`Watch`] judges from what was heard.
//!
//! ```text
//! request outstanding --tick--> nothing heard lately? -> Ask -> ping -> answered  -> Alive
//!                                                               ping -> refused   -> Gone
//!                                                               ping -> no answer -> Silent
//! ```
//!
//! - Any byte on the link, and any answered ping, is a sign of life: a link whose pings are
//!   answered is never ended, however slow it is.
//! - `Silent` takes both time (`silence_timeout` since the last sign of life) and evidence
//!   (`pings` of them in a row unanswered), so one lost packet ends nothing.
//! - `Gone` is a suspicion only. A refusal proves that the machine lives, so its kernel will close
//!   the link as soon as the backend exits; and a backend outlives its postmaster until its next
//!   wait (`WL_EXIT_ON_PM_DEATH` in `src/backend/storage/ipc/waiteventset.c`), may still finish,
//!   and may still answer. Reported at once, it starts the search for a new leader; the link
//!   itself ends with `Silent` if no life shows before the timeout.
//! - When our own ticks come late, this process was stopped or starved, and what it failed to hear
//!   says nothing: the clock starts again.

use std::time::Duration;

use crate::Moment;

/// The numbers of a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LivenessPolicy {
    /// How often the shell ticks while a request is outstanding.
    pub tick: Duration,
    /// How long nothing is heard on the link before the server is asked.
    pub quiet: Duration,
    /// How long no sign of life may come. It must exceed two round trips to the server.
    pub silence_timeout: Duration,
    /// How many pings in a row must be unanswered, each for at least a tick.
    pub pings: u32,
    /// How many refusals in a row make the postmaster gone.
    pub refusals: u32,
    /// How late a tick may be before the clock starts again.
    pub stall: Duration,
}

impl LivenessPolicy {
    /// A watch ticks eight times within `silence_timeout`, so that silence is noticed within a quarter
    /// of it after it has lasted that long.
    pub fn of(silence_timeout: Duration) -> Self {
        let tick = silence_timeout / 8;
        Self { tick, quiet: tick, silence_timeout, stall: silence_timeout / 3, ..Self::default() }
    }
}

impl Default for LivenessPolicy {
    /// Ticks of 250 ms, silence after 1500 ms and 4 pings: noticed within 2 s.
    fn default() -> Self {
        Self {
            tick: Duration::from_millis(250),
            quiet: Duration::from_millis(250),
            silence_timeout: Duration::from_millis(1500),
            pings: 4,
            refusals: 2,
            stall: Duration::from_millis(500),
        }
    }
}

/// What to do about a statement in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Nothing.
    Alive,
    /// Send a ping.
    Ask,
    /// Report the suspicion and send another ping; the statement goes on.
    Gone,
    /// End the link.
    Silent {
        /// How long no sign of life came.
        since_life: Duration,
    },
}

/// The watch over one link while a request is outstanding on it.
#[derive(Debug, Clone)]
pub struct Watch {
    policy: LivenessPolicy,
    life_at: Moment,
    ticked_at: Moment,
    /// When the oldest pings in a row without an answer were sent; no more than `pings` of them.
    unanswered: Vec<Moment>,
    refusals: u32,
}

impl Watch {
    /// A watch over a request that is sent now.
    pub fn new(policy: LivenessPolicy, now: Moment) -> Self {
        Self { policy, life_at: now, ticked_at: now, unanswered: Vec::new(), refusals: 0 }
    }

    /// Bytes came on the link.
    pub fn heard(&mut self, now: Moment) {
        self.life(now);
    }

    /// A ping was sent. One that fails for a reason of our own (no file descriptor) is not told.
    pub fn ping_sent(&mut self, now: Moment) {
        if self.unanswered.len() < usize::try_from(self.policy.pings).unwrap_or(usize::MAX) {
            self.unanswered.push(now);
        }
    }

    /// A ping was answered, be it an old one.
    pub fn ping_answered(&mut self, now: Moment) {
        self.life(now);
    }

    /// A ping was refused or reset. It stays unanswered.
    pub fn ping_refused(&mut self) {
        self.refusals = self.refusals.saturating_add(1);
    }

    /// Judges. Called every `tick`.
    pub fn tick(&mut self, now: Moment) -> Verdict {
        let late = now.since(self.ticked_at);
        self.ticked_at = now;
        if late > self.policy.tick.saturating_add(self.policy.stall) {
            self.life(now);
            return Verdict::Ask;
        }
        let since_life = now.since(self.life_at);
        let ripe = |sent: &&Moment| now.since(**sent) >= self.policy.tick;
        let ripe = self.unanswered.iter().filter(ripe).count();
        let evidence = u32::try_from(ripe).unwrap_or(u32::MAX) >= self.policy.pings;
        if evidence && since_life >= self.policy.silence_timeout {
            Verdict::Silent { since_life }
        } else if self.refusals >= self.policy.refusals {
            Verdict::Gone
        } else if since_life >= self.policy.quiet {
            Verdict::Ask
        } else {
            Verdict::Alive
        }
    }

    fn life(&mut self, now: Moment) {
        self.life_at = now.max(self.life_at);
        self.unanswered.clear();
        self.refusals = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a watch whose server dies at `death` (in ms) and answers every ping before; gives the
    /// moment of `Silent`, within `until`.
    fn silent_at(death: u64, until: u64) -> Option<u64> {
        let mut watch = Watch::new(LivenessPolicy::default(), Moment::default());
        for now in (250..=until).step_by(250) {
            match watch.tick(Moment::from_millis(now)) {
                Verdict::Silent { .. } => return Some(now),
                Verdict::Ask | Verdict::Gone => {
                    watch.ping_sent(Moment::from_millis(now));
                    if now < death {
                        watch.ping_answered(Moment::from_millis(now));
                    }
                }
                Verdict::Alive => {}
            }
        }
        None
    }

    #[test]
    fn a_dead_server_is_noticed_within_two_seconds_at_any_age() {
        for death in 0..3000 {
            let noticed = silent_at(death, 10_000).unwrap();
            assert!(noticed - death <= 2000, "died at {death}, noticed at {noticed}");
        }
    }

    #[test]
    fn a_link_whose_pings_are_answered_is_never_ended() {
        assert_eq!(silent_at(u64::MAX, 3_600_000), None);
    }

    #[test]
    fn a_suspended_process_judges_nobody_by_what_it_missed() {
        let mut watch = Watch::new(LivenessPolicy::default(), Moment::default());
        for now in (250..=1250).step_by(250) {
            watch.tick(Moment::from_millis(now));
            watch.ping_sent(Moment::from_millis(now));
        }
        assert_eq!(watch.tick(Moment::from_millis(60_000)), Verdict::Ask);
        assert_eq!(watch.tick(Moment::from_millis(60_250)), Verdict::Ask);
    }

    #[test]
    fn refusals_raise_a_suspicion_before_they_end_the_link() {
        let mut watch = Watch::new(LivenessPolicy::default(), Moment::default());
        let mut verdicts = Vec::new();
        for now in (250..=1500).step_by(250) {
            verdicts.push(watch.tick(Moment::from_millis(now)));
            watch.ping_sent(Moment::from_millis(now));
            watch.ping_refused();
        }
        assert_eq!(verdicts[..3], [Verdict::Ask, Verdict::Ask, Verdict::Gone]);
        let since_life = Duration::from_millis(1500);
        assert_eq!(verdicts[5], Verdict::Silent { since_life });
    }
}

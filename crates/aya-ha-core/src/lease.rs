//! The leader's lease, as its holder has to see it.
//!
//! etcd counts a lease from the moment at which a renewal reaches it, which lies between the sending of the
//! request and the arrival of its answer. Whoever leads must stop before the lease can have ended, so it
//! counts from the sending of the last renewal that was acknowledged, on a clock that goes on while the
//! machine sleeps (`CLOCK_BOOTTIME`, `mach_continuous_time`), and ends early by what it takes to stop and by
//! what the two clocks may differ. A renewal that was sent and not answered counts for nothing. (C. Gray and
//! D. Cheriton, "Leases", 1989.)
//!
//! ```text
//!  sent      reaches etcd     answered               fenced      ends here, at the earliest
//!   |------------|----------------|--------------------|------------|
//!   |<------------------------- ttl ------------------------------->|
//! ```

use std::time::Duration;

use aya_db_core::Moment;

/// How long a lease is, and when what is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    ttl: Duration,
    renewal: Duration,
    margin: Duration,
}

/// Why a lease cannot have this length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a lease of {} s cannot be: it lasts from 2 to 30 s", .0.as_secs_f64())]
pub struct BadTtl(Duration);

impl Timing {
    /// For leases of this length, between 2 s, below which etcd does not go, and 30 s. They are renewed
    /// three times within it, at least once a second.
    ///
    /// # Errors
    /// If it is none of these.
    pub fn new(ttl: Duration) -> Result<Self, BadTtl> {
        if !(SHORTEST..=LONGEST).contains(&ttl) {
            return Err(BadTtl(ttl));
        }
        let margin = STOPPING + ttl.mul_f64(2.0 * DRIFT);
        Ok(Self { ttl, renewal: (ttl / 3).min(MOST_BETWEEN), margin })
    }

    /// The length.
    pub const fn ttl(&self) -> Duration {
        self.ttl
    }
}

/// A lease that this server holds, or held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    timing: Timing,
    /// When the last acknowledged request was sent.
    counted_from: Moment,
    /// When the last request was sent.
    asked: Moment,
}

impl Lease {
    /// A lease that was granted to a request sent at this moment.
    pub const fn granted(timing: Timing, sent: Moment) -> Self {
        Self { timing, counted_from: sent, asked: sent }
    }

    /// A renewal is sent.
    pub fn ask(&mut self, now: Moment) {
        self.asked = self.asked.max(now);
    }

    /// The renewal that was sent at this moment is acknowledged. Answers may overtake each other.
    pub fn acknowledged(&mut self, sent: Moment) {
        self.counted_from = self.counted_from.max(sent);
    }

    /// When the server must have been told to stop, unless another renewal is acknowledged by then.
    pub fn deadline(&self) -> Moment {
        self.counted_from.after(self.timing.ttl.saturating_sub(self.timing.margin))
    }

    /// Whether the holder may lead at this moment.
    pub fn holds(&self, now: Moment) -> bool {
        now < self.deadline()
    }

    /// When the next renewal is to be sent.
    pub fn next_renewal(&self) -> Moment {
        self.asked.after(self.timing.renewal)
    }
}

const SHORTEST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(30);
const MOST_BETWEEN: Duration = Duration::from_secs(1);

/// What it may take from the decision to stop until the last process of the server has ended, by SIGKILL.
const STOPPING: Duration = Duration::from_millis(500);

/// How much faster or slower than real time a clock may go; that of a machine is an order of magnitude better.
const DRIFT: f64 = 0.001;

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    fn lease(ttl_s: u64) -> Lease {
        Lease::granted(Timing::new(Duration::from_secs(ttl_s)).unwrap(), ms(0))
    }

    #[test]
    fn it_ends_early_by_the_time_to_stop_and_the_drift_of_two_clocks() {
        let lease = lease(3);
        assert_eq!(lease.deadline(), ms(2_494));
        assert!(lease.holds(ms(2_493)));
        assert!(!lease.holds(ms(2_494)));
    }

    #[test]
    fn a_renewal_counts_from_its_sending_and_only_once_it_is_acknowledged() {
        let mut lease = lease(3);
        lease.ask(ms(1_000));
        assert_eq!(lease.deadline(), ms(2_494));
        lease.acknowledged(ms(1_000));
        assert_eq!(lease.deadline(), ms(3_494));
        // An answer that comes late takes nothing away.
        lease.acknowledged(ms(500));
        assert_eq!(lease.deadline(), ms(3_494));
    }

    #[test]
    fn it_is_renewed_while_answers_are_missing() {
        let mut lease = lease(30);
        assert_eq!(lease.next_renewal(), ms(1_000));
        lease.ask(ms(1_200));
        assert_eq!(lease.next_renewal(), ms(2_200));
        assert_eq!(self::lease(2).next_renewal(), Moment(Duration::from_secs(2) / 3));
    }

    #[test]
    fn a_length_that_cannot_be_is_refused() {
        for seconds in [0, 1, 31] {
            let error = Timing::new(Duration::from_secs(seconds)).unwrap_err();
            assert!(error.to_string().contains(&format!("{seconds} s")), "{error}");
        }
    }

    /// etcd's clock and the holder's each go wrong by as much as they may, in the worst direction.
    #[test]
    fn no_holder_outlives_its_lease() {
        for ttl in [2, 3, 10, 30] {
            let lease = lease(ttl);
            // The request reached etcd at once, whose clock is fast; the holder's is slow.
            let ends = ttl as f64 * (1.0 - DRIFT);
            let fenced = lease.deadline().0.as_secs_f64() * (1.0 + DRIFT);
            assert!(fenced + STOPPING.as_secs_f64() <= ends, "{ttl}: {fenced} {ends}");
        }
    }
}

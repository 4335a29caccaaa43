//! What a caller may say of one call.

use std::time::Duration;

use aya_db_core::conninfo::{LagLimits, Replay};
use aya_db_core::failure::Safety;
use aya_db_core::route::{CausalToken, Fallback, Hint, Intent, StandbyPolicy};

use crate::canceller::Canceller;

/// What is said of the calls made through [`Cluster::with`](crate::Cluster::with).
///
/// ```no_run
/// # async fn example(cluster: &aya_db::Cluster) -> Result<(), aya_db::Error> {
/// use aya_db::{CallOptions, Intent};
///
/// let reads = CallOptions::new().read_only().intent(Intent::PreferStandby);
/// let rows = cluster.with(reads).query("select name from items", &[]).await?;
/// # drop(rows); Ok(()) }
/// ```
#[derive(Debug, Clone, Default)]
pub struct CallOptions {
    pub(crate) safety: Safety,
    pub(crate) timeout: Option<Duration>,
    pub(crate) intent: Option<Intent>,
    pub(crate) transaction: TransactionOptions,
    pub(crate) canceller: Option<Canceller>,
    /// On the heap, since most calls say nothing of it.
    pub(crate) reads: Option<Box<ReadOptions>>,
    pub(crate) chosen: Chosen,
}

/// By whom the servers were chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Chosen {
    /// By the application.
    #[default]
    Said,
    /// By the driver, from the statement's text.
    ByText,
}

/// What is said of how a read chooses its server. What is not said is as the connection string says.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ReadOptions {
    pub(crate) policy: Option<StandbyPolicy>,
    pub(crate) fallback: Option<Fallback>,
    pub(crate) limits: Option<LagLimits>,
    pub(crate) after: Option<CausalToken>,
    pub(crate) freshness: Option<Duration>,
    pub(crate) causal_wait: Option<Duration>,
}

impl CallOptions {
    /// Nothing is said: the connection string decides.
    pub fn new() -> Self {
        Self::default()
    }

    /// Running the work twice does the same as running it once: it is run again even when
    /// nobody knows what became of it.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.safety = Safety::Idempotent;
        self
    }

    /// The work writes nothing. The server holds it to that: it runs in a READ ONLY transaction.
    /// It is run again whatever became of it.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.safety = Safety::ReadOnly;
        self.transaction = self.transaction.read_only();
        self
    }

    /// For reads: read-only, on a standby where one may serve, else as
    /// [`fallback`](Self::fallback) says.
    pub fn reading() -> Self {
        Self::new().read_only().intent(Intent::PreferStandby)
    }

    /// For writes: on the leader, whatever `target_session_attrs` says.
    pub fn writing() -> Self {
        Self::new().intent(Intent::ReadWrite)
    }

    /// Which of several standbys gets the read, in place of `read_policy`.
    #[must_use]
    pub fn policy(mut self, policy: StandbyPolicy) -> Self {
        self.reads().policy = Some(policy);
        self
    }

    /// What becomes of a read that no standby may serve, in place of `read_fallback`.
    #[must_use]
    pub fn fallback(mut self, fallback: Fallback) -> Self {
        self.reads().fallback = Some(fallback);
        self
    }

    /// How far a standby may lag and still get the read, in place of `max_lag_bytes` and
    /// `max_lag_ms`.
    #[must_use]
    pub fn max_lag(mut self, limits: LagLimits) -> Self {
        self.reads().limits = Some(limits);
        self
    }

    /// What was committed before the token was taken is seen. A standby that has not replayed it yet is
    /// waited for as long as [`causal_wait`](Self::causal_wait) says; then another server serves.
    #[must_use]
    pub fn after(mut self, token: &CausalToken) -> Self {
        let reads = self.reads();
        reads.after = Some(reads.after.map_or(*token, |earlier| earlier.later(*token)));
        self
    }

    /// How long a read after a token waits for a standby, in place of `causal_wait`.
    #[must_use]
    pub fn causal_wait(mut self, wait: Duration) -> Self {
        self.reads().causal_wait = Some(wait);
        self
    }

    /// What is seen is not older than this: the leader must have been vouched for that recently,
    /// by etcd or Patroni where the connection string names one, and a standby must have replayed
    /// what the leader had written then.
    #[must_use]
    pub fn freshness(mut self, age: Duration) -> Self {
        self.reads().freshness = Some(age);
        self
    }

    /// The same where a hint in front of the statement says where to go.
    pub(crate) fn hinted(&self, hint: Hint) -> Self {
        match hint {
            Hint::Standby => self.clone().read_only().intent(Intent::PreferStandby),
            Hint::Primary => self.clone().intent(Intent::Primary),
        }
    }

    /// The same for a statement that seems to write nothing, which is no promise of the application's:
    /// where it may have been done, it is not run again.
    #[cfg(feature = "sql-parser")]
    pub(crate) fn moved_to_standbys(&self) -> Self {
        let moved = self.clone().intent(Intent::PreferStandby);
        Self { chosen: Chosen::ByText, ..moved }
    }

    fn reads(&mut self) -> &mut ReadOptions {
        self.reads.get_or_insert_default()
    }

    /// Ends the call after this time, whatever it is doing; a statement under way is then of
    /// unknown fate. Without it `failover_timeout` limits the waiting, and a statement may run
    /// for as long as its server lives.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Which servers will do, in place of `target_session_attrs`.
    #[must_use]
    pub fn intent(mut self, intent: Intent) -> Self {
        self.intent = Some(intent);
        self
    }

    /// How a transaction begins.
    #[must_use]
    pub fn transaction(mut self, transaction: TransactionOptions) -> Self {
        if transaction.access == Access::ReadOnly && self.safety == Safety::Unmarked {
            self.safety = Safety::ReadOnly;
        }
        self.transaction = transaction;
        self
    }

    /// Lets `canceller` cancel what the call runs.
    #[must_use]
    pub fn canceller(mut self, canceller: &Canceller) -> Self {
        self.canceller = Some(canceller.clone());
        self
    }
}

/// How a transaction begins. What is not said is left to the session's defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TransactionOptions {
    isolation: Option<IsolationLevel>,
    access: Access,
    deferrable: bool,
    replay: Option<Replay>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Access {
    #[default]
    Default,
    ReadOnly,
}

/// How far a transaction is kept apart from others (PostgreSQL documentation, "Transaction
/// Isolation").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IsolationLevel {
    /// Each statement sees what was committed before it began.
    ReadCommitted,
    /// The transaction sees what was committed before its first statement.
    RepeatableRead,
    /// As if transactions ran one after the other; some fail with 40001 and are run again.
    Serializable,
}

impl TransactionOptions {
    /// The session's defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the isolation level.
    #[must_use]
    pub fn isolation_level(mut self, level: IsolationLevel) -> Self {
        self.isolation = Some(level);
        self
    }

    /// The transaction writes nothing.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.access = Access::ReadOnly;
        self
    }

    /// A serializable, read-only transaction waits for a moment from which it cannot fail.
    #[must_use]
    pub fn deferrable(mut self) -> Self {
        self.deferrable = true;
        self
    }

    /// Whether it is replayed when its connection is lost, in place of `transaction_replay`.
    #[must_use]
    pub fn replay(mut self, replay: Replay) -> Self {
        self.replay = Some(replay);
        self
    }

    pub(crate) fn replay_or(self, otherwise: Replay) -> Replay {
        self.replay.unwrap_or(otherwise)
    }

    /// The statement that begins it.
    pub(crate) fn begin(self) -> String {
        let mut sql = "begin".to_owned();
        match self.isolation {
            Some(IsolationLevel::ReadCommitted) => sql.push_str(" isolation level read committed"),
            Some(IsolationLevel::RepeatableRead) => {
                sql.push_str(" isolation level repeatable read");
            }
            Some(IsolationLevel::Serializable) => sql.push_str(" isolation level serializable"),
            None => {}
        }
        if self.access == Access::ReadOnly {
            sql.push_str(" read only");
        }
        if self.deferrable {
            sql.push_str(" deferrable");
        }
        sql
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begin_says_what_was_asked_for() {
        assert_eq!(TransactionOptions::new().begin(), "begin");
        let all = TransactionOptions::new()
            .isolation_level(IsolationLevel::Serializable)
            .read_only()
            .deferrable();
        assert_eq!(all.begin(), "begin isolation level serializable read only deferrable");
    }

    #[test]
    fn a_read_only_transaction_may_be_run_again() {
        let options = CallOptions::new().transaction(TransactionOptions::new().read_only());
        assert_eq!(options.safety, Safety::ReadOnly);
    }
}

//! The agents of a soak. Each does one thing over and over, catches nothing, and writes down what it
//! asked for and what came back.
//!
//! ```text
//!   transfer   two balances and a row in one transaction, by hand or as a closure
//!   append     the next number of the agent's own list, in autocommit
//!   register   the agent's own register, then the same read on a standby; at times the sum
//! ```

mod append;
mod register;
mod transfer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use aya_db::{Cluster, Error};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use self::transfer::Style;
use super::dice::Dice;
use super::history::{History, Outcome, What, Work};
use crate::agent::{label, left, message};

/// All agents, at work until they are told to end.
pub(super) struct Agents {
    tasks: JoinSet<Result<()>>,
    ending: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
}

impl Agents {
    /// Sets agents number 1 to `count` to work.
    pub(super) fn start(cluster: &Cluster, history: &Arc<History>, count: i32, seed: u64) -> Self {
        let (ending, answered) = (Arc::default(), Arc::default());
        let mut tasks = JoinSet::new();
        for number in 1..=count {
            let agent = Agent {
                cluster: cluster.clone(),
                history: Arc::clone(history),
                number,
                next: i64::from(number) * OPS_PER_AGENT,
                dice: Dice::new(seed, number.unsigned_abs().into()),
                ending: Arc::clone(&ending),
                answered: Arc::clone(&answered),
            };
            match number % 4 {
                0 => tasks.spawn(transfer::work(agent, Style::ByHand)),
                1 => tasks.spawn(append::work(agent)),
                2 => tasks.spawn(register::work(agent)),
                _ => tasks.spawn(transfer::work(agent, Style::Closure)),
            };
        }
        Self { tasks, ending, answered }
    }

    /// How many answers there were, counted as they come.
    pub(super) fn answered(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.answered)
    }

    /// Fails if an agent has ended by itself, as it does when the history cannot be written.
    pub(super) fn check(&mut self) -> Result<()> {
        self.tasks.try_join_next().map_or(Ok(()), |ended| ended.context("an agent died")?)
    }

    /// Lets each agent finish what it is doing. Whoever does not in time is cut off, and what it
    /// asked for stays unanswered.
    pub(super) async fn end(mut self) -> Result<()> {
        self.ending.store(true, Ordering::Release);
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                ended.context("an agent died")??;
            }
            Ok(())
        };
        timeout(PATIENCE, all).await.unwrap_or(Ok(()))
    }
}

/// What every agent has.
struct Agent {
    cluster: Cluster,
    history: Arc<History>,
    number: i32,
    next: i64,
    dice: Dice,
    ending: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
}

impl Agent {
    /// Waits a little. False when it is time to end.
    async fn goes_on(&mut self) -> bool {
        sleep(self.dice.time(LEAST_PAUSE, MOST_PAUSE)).await;
        !self.ending.load(Ordering::Acquire)
    }

    /// The number of the next operation.
    const fn op(&mut self) -> i64 {
        self.next += 1;
        self.next
    }

    /// Does `run`, with what came before and after it in the history. True if it went well.
    async fn note(
        &self,
        op: i64,
        work: Work,
        run: impl Future<Output = Result<i64, Error>>,
    ) -> Result<bool> {
        let agent = self.number;
        self.history.add(What::Invoked { agent, op, work })?;
        let outcome = match run.await {
            Ok(seen) => Outcome::Done { seen },
            Err(error) => Outcome::Failed {
                label: label(&error),
                message: message(&error),
                left: left(error.fate()),
            },
        };
        let well = matches!(outcome, Outcome::Done { .. });
        self.history.add(What::Answered { agent, op, outcome })?;
        self.answered.fetch_add(1, Ordering::Relaxed);
        Ok(well)
    }
}

const LEAST_PAUSE: Duration = Duration::from_millis(10);
const MOST_PAUSE: Duration = Duration::from_millis(90);
/// Longer than any call may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// More than any agent does.
const OPS_PER_AGENT: i64 = 1_000_000_000;

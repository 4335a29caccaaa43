//! All agents of a run.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

use super::driver::{Driver, Outcome, Writer};
use super::log::{Ack, Failure, Left, Log};
use crate::clock::Clock;

/// The agents. They write from the start until the crew is dropped.
pub(crate) struct Crew {
    logs: Vec<Arc<Mutex<Log>>>,
    written: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Crew {
    /// Sets `agents` of them to work, each with a `pause` between two writes.
    pub(crate) fn start(driver: &Driver, agents: usize, pause: Duration, clock: Clock) -> Self {
        let written = Arc::new(AtomicU64::new(0));
        let mut logs = Vec::new();
        let mut tasks = JoinSet::new();
        for number in (1..).take(agents) {
            let log = Arc::new(Mutex::new(Log::default()));
            logs.push(Arc::clone(&log));
            let agent = Agent {
                number,
                next_id: i64::from(number) * IDS_PER_AGENT,
                log,
                written: Arc::clone(&written),
                clock,
            };
            tasks.spawn(agent.work(driver.writer(number), pause));
        }
        Self { logs, written, _tasks: tasks }
    }

    /// What each agent has seen so far.
    pub(crate) fn logs(&self) -> Vec<Log> {
        self.logs.iter().map(|log| lock(log).clone()).collect()
    }

    /// How many agents have had no unit acknowledged at `moment` or later.
    pub(crate) fn silent_since(&self, moment: Duration) -> usize {
        let silent =
            |log: &&Arc<Mutex<Log>>| lock(log).acks.last().is_none_or(|last| last.at < moment);
        self.logs.iter().filter(silent).count()
    }

    /// How many units were acknowledged, counted as they come.
    pub(crate) fn written(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.written)
    }
}

struct Agent {
    number: i32,
    next_id: i64,
    /// The agent's own: others look into it between faults only.
    log: Arc<Mutex<Log>>,
    written: Arc<AtomicU64>,
    clock: Clock,
}

impl Agent {
    async fn work(mut self, mut writer: Writer, pause: Duration) {
        loop {
            let id = self.next_id;
            let outcome = writer.write(id).await;
            let at = self.clock.now();
            let again = matches!(outcome, Outcome::Failed { left: Left::Untold, .. });
            match outcome {
                Outcome::Written => {
                    self.written.fetch_add(1, Ordering::Relaxed);
                    lock(&self.log).acks.push(Ack { id, at });
                }
                Outcome::Failed { label, message, left } => {
                    let failure = Failure { id, at, label, message, left };
                    lock(&self.log).failures.push(failure);
                }
            }
            if !again {
                self.next_id += 1;
            }
            debug_assert!(self.next_id / IDS_PER_AGENT == i64::from(self.number));
            tokio::time::sleep(pause).await;
        }
    }
}

fn lock(log: &Mutex<Log>) -> std::sync::MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

/// More than any agent writes.
const IDS_PER_AGENT: i64 = 1_000_000_000;

//! All agents of a run.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::process::Child;
use tokio::task::JoinSet;

use super::driver::{Driver, Outcome, Writer};
use super::log::{Ack, Failure, Left, Log};
use super::python::{Told, listen};
use crate::clock::Clock;

/// The agents. They write from the start until the crew is dropped.
pub(crate) struct Crew {
    logs: Vec<SharedLog>,
    written: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

/// The agent's own: others look into it between faults only.
type SharedLog = Arc<Mutex<Log>>;

impl Crew {
    /// Sets `agents` of them to work, each with a `pause` between two writes.
    ///
    /// # Errors
    /// When the processes of agents in Python cannot be started.
    pub(crate) async fn start(
        driver: &Driver,
        agents: usize,
        pause: Duration,
        clock: Clock,
    ) -> Result<Self> {
        let logs: Vec<SharedLog> = (0..agents).map(|_| SharedLog::default()).collect();
        let written = Arc::new(AtomicU64::new(0));
        let mut tasks = JoinSet::new();
        let mut employ = |number, writer: Writer| {
            let agent = Agent {
                number,
                next_id: i64::from(number) * IDS_PER_AGENT,
                log: Arc::clone(&logs[index(number)]),
                written: Arc::clone(&written),
                clock,
            };
            tasks.spawn(agent.work(writer, pause));
        };
        match driver {
            Driver::Aya(aya) => {
                (1..)
                    .take(agents)
                    .for_each(|number| employ(number, Writer::Aya(aya.writer(number))));
            }
            Driver::Plain(plain) => (1..)
                .take(agents)
                .for_each(|number| employ(number, Writer::Plain(plain.writer(number)))),
            Driver::Python(python) => {
                for child in python.start(agents, pause).await? {
                    let (logs, written) = (logs.clone(), Arc::clone(&written));
                    tasks.spawn(listen_to(child, logs, written, clock));
                }
            }
        }
        Ok(Self { logs, written, _tasks: tasks })
    }

    /// What each agent has seen so far.
    pub(crate) fn logs(&self) -> Vec<Log> {
        self.logs.iter().map(|log| lock(log).clone()).collect()
    }

    /// How many agents have had no unit acknowledged at `moment` or later.
    pub(crate) fn silent_since(&self, moment: Duration) -> usize {
        let silent = |log: &&SharedLog| lock(log).acks.last().is_none_or(|last| last.at < moment);
        self.logs.iter().filter(silent).count()
    }

    /// How many units were acknowledged, counted as they come.
    pub(crate) fn written(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.written)
    }
}

/// Keeps the logs of the agents that live in a process of their own.
async fn listen_to(child: Child, logs: Vec<SharedLog>, written: Arc<AtomicU64>, clock: Clock) {
    let heard = |number, told| {
        let mut log = lock(&logs[index(number)]);
        match told {
            Told::Written(ack) => {
                written.fetch_add(1, Ordering::Relaxed);
                log.acks.push(ack);
            }
            Told::Failed(failure) => log.failures.push(failure),
        }
    };
    if let Err(error) = listen(child, clock, heard).await {
        // Its agents are found to hang.
        eprintln!("{error:#}");
    }
}

/// Agents are counted from 1.
fn index(number: i32) -> usize {
    usize::try_from(number - 1).unwrap_or_default()
}

struct Agent {
    number: i32,
    next_id: i64,
    log: SharedLog,
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

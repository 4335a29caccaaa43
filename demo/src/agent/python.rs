//! Agents in Python, in processes of their own: the scripts in `demo/python`.
//!
//! A process takes its order as one line of JSON, and tells of each unit in a line: the word, the
//! agent, the unit, the moment by `CLOCK_MONOTONIC` in nanoseconds, and of a failure what it says of
//! the unit, its label, and its text as JSON.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use aya_testkit::PatroniCluster;
use clap::ValueEnum;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use super::habits::{Habits, Task, Work};
use super::log::{Ack, Failure, Left};
use crate::clock::Clock;

/// What agents in Python write through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Library {
    AyaDb,
    SqlAlchemy,
    Django,
    Psycopg2,
}

impl Library {
    /// The name as the arguments, the report and the scripts have it.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::AyaDb => "python",
            Self::SqlAlchemy => "sqlalchemy",
            Self::Django => "django",
            Self::Psycopg2 => "psycopg2",
        }
    }
}

/// Where the agents live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Living {
    /// All in one process, each on a thread.
    #[default]
    Threads,
    /// Each in a process of its own.
    Processes,
}

/// What is known of a unit by one line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    Written(Ack),
    Failed(Failure),
}

/// The interpreter, and what all of its processes are told.
pub(crate) struct Python {
    interpreter: PathBuf,
    library: Library,
    living: Living,
    habits: Habits,
    parameters: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
struct Order<'a> {
    library: &'static str,
    parameters: &'a BTreeMap<&'static str, String>,
    pause_s: f64,
    agents: Vec<Worker>,
}

#[derive(Serialize)]
struct Worker {
    number: i32,
    task: Task,
}

impl Python {
    /// Takes the addresses and the account of `cluster`.
    ///
    /// # Errors
    /// When there is no interpreter, and when the library knows nothing of these `habits`.
    pub(super) fn new(
        library: Library,
        living: Living,
        cluster: &PatroniCluster,
        habits: Habits,
    ) -> Result<Self> {
        let careful = Habits { work: Work::default(), ..habits } == Habits::default();
        ensure!(
            library != Library::Psycopg2 || careful,
            "psycopg2 is compared with careful agents"
        );
        let interpreter = std::env::var_os(INTERPRETER).with_context(|| {
            format!("{INTERPRETER} names no interpreter; `cargo xtask demo` sets it")
        })?;
        let parameters = parameters(library, cluster, habits);
        Ok(Self { interpreter: interpreter.into(), library, living, habits, parameters })
    }

    /// Starts the processes in which agents 1 to `agents` live.
    pub(super) async fn start(&self, agents: usize, pause: Duration) -> Result<Vec<Child>> {
        let numbers: Vec<i32> = (1..).take(agents).collect();
        let in_one = match self.living {
            Living::Threads => agents,
            Living::Processes => 1,
        };
        let mut children = Vec::new();
        for numbers in numbers.chunks(in_one) {
            children.push(self.process(numbers, pause).await?);
        }
        Ok(children)
    }

    async fn process(&self, numbers: &[i32], pause: Duration) -> Result<Child> {
        let workers =
            numbers.iter().map(|&number| Worker { number, task: self.habits.task(number) });
        let order = Order {
            library: self.library.text(),
            parameters: &self.parameters,
            pause_s: pause.as_secs_f64(),
            agents: workers.collect(),
        };
        let mut command = Command::new(&self.interpreter);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/python"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("start an agent in Python")?;
        let mut order = serde_json::to_vec(&order)?;
        order.push(b'\n');
        // It stays open for as long as the child is to live.
        let input = child.stdin.as_mut().context("the agent's input")?;
        input.write_all(&order).await.context("give an agent in Python its order")?;
        Ok(child)
    }
}

/// Hears what a process tells, until it ends, which none should.
///
/// # Errors
/// When the process ends, or tells something else.
pub(super) async fn listen(
    mut child: Child,
    clock: Clock,
    mut heard: impl FnMut(i32, Told),
) -> Result<()> {
    let output = child.stdout.take().context("the agent's output")?;
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next_line().await? {
        let (number, told) = read(&line, clock).with_context(|| format!("the line {line:?}"))?;
        heard(number, told);
    }
    bail!("an agent in Python has ended: {}", child.wait().await?)
}

fn read(line: &str, clock: Clock) -> Result<(i32, Told)> {
    let words: Vec<&str> = line.split('\t').collect();
    let [word, number, unit, moment, more @ ..] = &words[..] else { bail!("too short") };
    let (number, id) = (number.parse()?, unit.parse()?);
    let at = clock.at_monotonic(Duration::from_nanos(moment.parse()?));
    let told = match (*word, more) {
        ("written", []) => Told::Written(Ack { id, at }),
        ("failed", [left, label, message]) => {
            let left: Left = serde_json::from_value((*left).into())?;
            let message = serde_json::from_str(message)?;
            Told::Failed(Failure { id, at, label: (*label).to_owned(), message, left })
        }
        _ => bail!("neither written nor failed"),
    };
    Ok((number, told))
}

/// What the library is given to connect with: everything that it knows of.
fn parameters(
    library: Library,
    cluster: &PatroniCluster,
    habits: Habits,
) -> BTreeMap<&'static str, String> {
    let account = cluster.account();
    let list = |addresses: &[SocketAddr], part: fn(&SocketAddr) -> String| {
        addresses.iter().map(part).collect::<Vec<_>>().join(",")
    };
    let servers = cluster.client_addresses();
    let mut parameters = BTreeMap::from([
        ("host", list(&servers, |address| address.ip().to_string())),
        ("port", list(&servers, |address| address.port().to_string())),
        ("user", account.name.clone()),
        ("password", account.password.clone()),
        ("dbname", account.name.clone()),
        ("target_session_attrs", "read-write".to_owned()),
    ]);
    let more = match library {
        Library::Psycopg2 => vec![
            ("connect_timeout", "2".to_owned()),
            ("keepalives_idle", "10".to_owned()),
            ("tcp_user_timeout", "10000".to_owned()),
            // In a fixed order, a frozen first host would keep everybody from the second.
            ("load_balance_hosts", "random".to_owned()),
        ],
        Library::AyaDb | Library::SqlAlchemy | Library::Django => vec![
            ("cluster_scope", cluster.scope().to_owned()),
            ("etcd_endpoints", list(&cluster.etcd_endpoints(), |it| format!("http://{it}"))),
            ("patroni_endpoints", list(&cluster.patroni_endpoints(), |it| format!("http://{it}"))),
        ],
    };
    parameters.extend(more);
    if let Some(resolution) = habits.resolution {
        parameters.insert("commit_resolution", resolution.text().to_owned());
    }
    parameters
}

/// The variable that names the interpreter.
const INTERPRETER: &str = "AYA_DEMO_PYTHON";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_became_of_a_unit() -> Result<()> {
        let clock = Clock::start();
        let now = clock.monotonic_start();
        let moment = (now + Duration::from_millis(5)).as_nanos();
        let at = Duration::from_millis(5);
        let (number, told) = read(&format!("written\t7\t7000000001\t{moment}"), clock)?;
        assert_eq!((number, told), (7, Told::Written(Ack { id: 7_000_000_001, at })));
        let line =
            format!("failed\t7\t7000000002\t{moment}\tone-copy\tOperationalError 08006\t\"a\\tb\"");
        let failure = Failure {
            id: 7_000_000_002,
            at,
            label: "OperationalError 08006".to_owned(),
            message: "a\tb".to_owned(),
            left: Left::OneCopy,
        };
        assert_eq!(read(&line, clock)?, (7, Told::Failed(failure)));
        Ok(())
    }

    #[test]
    fn a_line_of_another_form_is_no_news() {
        let clock = Clock::start();
        for line in ["", "written\t1\t2", "written\t1\t2\tx", "failed\t1\t2\t3", "lost\t1\t2\t3"] {
            assert!(read(line, clock).is_err(), "{line}");
        }
        assert!(read("failed\t1\t2\t3\tsomething\tlabel\t\"\"", clock).is_err());
    }
}

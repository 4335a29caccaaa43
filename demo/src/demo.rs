//! The command `demo`: some runs, one report.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aya_testkit::PatroniTimings;
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::agent::{DriverName, Habits, Library, Living, Manner, Resolution, Work};
use crate::clock::Clock;
use crate::fault::Fault;
use crate::machine::Machine;
use crate::plot::Plot;
use crate::report::{Report, medians};
use crate::run::{Plan, run};
use crate::{table, target};

/// Starts 3 etcd members and 2 PostgreSQL servers under Patroni with synchronous replication, lets
/// agents write, breaks the leader, and counts what reached the agents
///
/// Fails if a unit of work is lost, doubled or torn, or if an agent hangs.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What the agents are written in, and for Python what they write through
    #[arg(long, value_enum, default_value = "rust")]
    agents: AgentKind,
    /// What agents in Rust write through
    #[arg(long, value_enum, default_value = "aya-db")]
    driver: DriverName,
    /// Give each agent in Python a process of its own, not a thread
    #[arg(long)]
    processes: bool,
    /// The agents know nothing of failovers; an error that reaches one fails the run
    #[arg(long)]
    naive: bool,
    /// What is done to the leader, one after the other [default: host-crash,switchover; all of them
    /// with --naive]
    #[arg(long, value_enum, value_delimiter = ',')]
    faults: Vec<Fault>,
    /// What a unit of work is [default: autocommit; both with --naive]
    #[arg(long, value_enum)]
    work: Option<Work>,
    /// How commits in doubt are resolved, `commit_resolution` [default: the driver's own choice]
    #[arg(long, value_enum)]
    resolution: Option<Resolution>,
    /// How many agents write
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..=80))]
    count: u16,
    /// Seconds of steady writing before each fault
    #[arg(long, default_value_t = 3)]
    steady: u64,
    /// What runs the servers and fails over
    #[arg(long, value_enum, default_value = "patroni")]
    ha: Ha,
    /// Milliseconds between two units of an agent
    #[arg(long, default_value_t = 5)]
    pause: u64,
    /// How often the whole is done, on a fresh cluster each time; the medians are reported
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Print one JSON object on the standard output instead of the table
    #[arg(long)]
    json: bool,
}

/// What agents are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AgentKind {
    /// Rust
    Rust,
    /// Python, through `aya_db`
    Python,
    /// Python, through SQLAlchemy's ORM on `aya_db`
    Sqlalchemy,
    /// Python, through Django's ORM on `aya_db`
    Django,
    /// Python, through psycopg2 with a reconnect loop, for comparison
    Psycopg2,
}

/// What runs the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ha {
    /// Patroni, with the shortest times that it allows but for one
    Patroni,
    /// Our own daemon
    AyaHa,
}

impl Ha {
    /// The program that runs a server instead of Patroni.
    fn daemon(self) -> Result<Option<PathBuf>> {
        match self {
            Self::Patroni => Ok(None),
            Self::AyaHa => {
                let program = std::env::var_os("AYA_DEMO_HA");
                Ok(Some(
                    program.context("AYA_DEMO_HA names no program: use cargo xtask demo")?.into(),
                ))
            }
        }
    }
}

impl Arguments {
    fn driver(&self) -> Result<DriverName> {
        let library = match self.agents {
            AgentKind::Rust => {
                ensure!(!self.processes, "--processes is for agents in Python");
                return Ok(self.driver);
            }
            AgentKind::Python => Library::AyaDb,
            AgentKind::Sqlalchemy => Library::SqlAlchemy,
            AgentKind::Django => Library::Django,
            AgentKind::Psycopg2 => Library::Psycopg2,
        };
        ensure!(self.driver == DriverName::AyaDb, "--driver is for agents in Rust");
        let living = if self.processes { Living::Processes } else { Living::Threads };
        Ok(DriverName::Python(library, living))
    }

    fn habits(&self) -> Habits {
        let (manner, work) = match self.naive {
            true => (Manner::Naive, Work::Both),
            false => (Manner::Careful, Work::Autocommit),
        };
        Habits { manner, work: self.work.unwrap_or(work), resolution: self.resolution }
    }

    fn faults(&self) -> Vec<Fault> {
        match (&self.faults[..], self.naive) {
            ([], true) => Fault::value_variants().to_vec(),
            ([], false) => vec![Fault::HostCrash, Fault::Switchover],
            (faults, _) => faults.to_vec(),
        }
    }
}

/// Does every run, puts the findings together, tells them, and judges them.
///
/// # Errors
/// When a run cannot be done.
pub(crate) async fn run_all(arguments: &Arguments) -> Result<ExitCode> {
    let plan = Plan {
        driver: arguments.driver()?,
        habits: arguments.habits(),
        agents: arguments.count.into(),
        faults: arguments.faults(),
        steady: Duration::from_secs(arguments.steady),
        pause: Duration::from_millis(arguments.pause),
        timings: PatroniTimings::default(),
        daemon: arguments.ha.daemon()?,
    };
    let name = plan.driver.text();
    let mut each_run = Vec::new();
    for number in 1..=arguments.runs {
        let findings = run(&plan, Clock::start()).await?;
        let plot = Plot {
            title: format!("{} agents write through {name}", plan.agents),
            acks: findings.acks,
            marks: findings.marks,
        };
        let file = if arguments.runs == 1 { name.to_owned() } else { format!("{name}-{number}") };
        for path in plot.save(&target().join("demo"), &file)? {
            eprintln!("plot: {}", path.display());
        }
        each_run.push(findings.outcomes);
    }
    let report = Report {
        driver: name,
        machine: Machine::here(),
        agents: plan.agents,
        manner: plan.habits.manner,
        work: plan.habits.work,
        resolution: plan.habits.resolution,
        ha: arguments.ha,
        patroni: plan.timings.into(),
        runs: each_run.len(),
        faults: medians(&each_run),
        each_run,
    };
    tell(arguments, &report)
}

fn tell(arguments: &Arguments, report: &Report) -> Result<ExitCode> {
    if arguments.json {
        eprint!("{}", table::render(report));
        println!("{}", serde_json::to_string(report)?);
    } else {
        print!("{}", table::render(report));
    }
    let violations = report.violations();
    for violation in &violations {
        eprintln!("failed: {violation}");
    }
    Ok(if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

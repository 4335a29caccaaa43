//! What the agents write through.

use std::error::Error as StdError;
use std::time::Duration;

use anyhow::{Result, ensure};
use aya_testkit::PatroniCluster;
use clap::ValueEnum;

use super::aya::{Aya, AyaWriter};
use super::habits::Habits;
use super::log::Left;
use super::plain::{Plain, PlainWriter};
use super::python::{Library, Living, Python};
use crate::clock::Clock;

/// The driver under test, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DriverName {
    /// This project's driver
    AyaDb,
    /// tokio-postgres with a reconnect loop, for comparison
    TokioPostgres,
    /// A library of Python, in other processes
    #[value(skip)]
    Python(Library, Living),
}

impl DriverName {
    /// The name as the arguments and the report have it.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::AyaDb => "aya-db",
            Self::TokioPostgres => "tokio-postgres",
            Self::Python(library, _) => library.text(),
        }
    }
}

/// The driver under test, set up for one cluster.
pub(crate) enum Driver {
    Aya(Aya),
    Plain(Plain),
    Python(Python),
}

impl Driver {
    /// Sets the driver up for `agents` writers.
    ///
    /// # Errors
    /// When it cannot connect, and when the driver knows nothing of these `habits`.
    pub(crate) async fn connect(
        name: DriverName,
        cluster: &PatroniCluster,
        agents: usize,
        habits: Habits,
        clock: Clock,
    ) -> Result<Self> {
        match name {
            DriverName::AyaDb => Ok(Self::Aya(Aya::connect(cluster, agents, habits, clock).await?)),
            DriverName::TokioPostgres => {
                let plain = habits == Habits::default();
                ensure!(plain, "tokio-postgres is compared by single statements alone");
                Ok(Self::Plain(Plain::new(cluster)?))
            }
            DriverName::Python(library, living) => {
                Ok(Self::Python(Python::new(library, living, cluster, habits)?))
            }
        }
    }

    /// When the driver first said, at `moment` or later, that the leader is lost; `None` also for
    /// a driver that says no such thing.
    pub(crate) fn noticed_since(&self, moment: Duration) -> Option<Duration> {
        match self {
            Self::Aya(aya) => aya.noticed_since(moment),
            Self::Plain(_) | Self::Python(_) => None,
        }
    }
}

/// One agent's way to the table.
pub(crate) enum Writer {
    Aya(AyaWriter),
    Plain(PlainWriter),
}

impl Writer {
    /// Writes unit `id` and says how it ended. A write dropped midway may leave the unit or not.
    pub(crate) async fn write(&mut self, id: i64) -> Outcome {
        match self {
            Self::Aya(writer) => writer.write(id).await,
            Self::Plain(writer) => writer.write(id).await,
        }
    }
}

/// How a write ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The server acknowledged the unit.
    Written,
    /// The application got an error.
    Failed {
        /// The error in a few words.
        label: String,
        /// All that it says.
        message: String,
        /// What it says of the unit.
        left: Left,
    },
}

/// All that an error and its causes say.
pub(crate) fn message(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        // Some layers repeat what lies beneath them.
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}

/// The one statement of an agent that writes in autocommit.
pub(super) const INSERT: &str = "insert into ledger (id, agent) values ($1, $2)";

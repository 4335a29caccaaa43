use std::collections::BTreeMap;

use aya_db_core::{Lsn, Timeline};

use crate::view::Down;

/// What `pg_controldata` prints, with `LC_ALL=C`
/// (<https://www.postgresql.org/docs/18/app-pgcontroldata.html>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlData {
    /// The identifier that a cluster's data directories share.
    pub system_identifier: String,
    /// How the server ended, or that it runs.
    pub state: State,
    /// The timeline of the last checkpoint.
    pub timeline: Timeline,
    /// Where the last checkpoint's record begins.
    pub checkpoint: Lsn,
    /// Up to where a standby's data need the log, and the timeline of that.
    pub consistent_from: (Lsn, Timeline),
}

/// The "Database cluster state".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A primary that was stopped.
    ShutDown,
    /// A standby that was stopped.
    ShutDownInRecovery,
    /// A primary that runs, or died.
    InProduction,
    /// A standby that runs, or died.
    InArchiveRecovery,
    /// Anything between these.
    Between,
}

impl State {
    /// Whether the server was a primary.
    pub const fn is_primary(self) -> bool {
        matches!(self, Self::ShutDown | Self::InProduction | Self::Between)
    }

    /// How it ended, if it does not run.
    pub const fn ended(self) -> Down {
        match self {
            Self::ShutDown | Self::ShutDownInRecovery => Down::Clean,
            Self::InProduction | Self::InArchiveRecovery | Self::Between => Down::Crashed,
        }
    }
}

impl ControlData {
    /// Reads the output.
    ///
    /// # Errors
    /// The name of the first line that is missing or cannot be read.
    pub fn parse(output: &str) -> Result<Self, &'static str> {
        let lines: BTreeMap<_, _> = output
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim(), value.trim()))
            .collect();
        let line = |name: &'static str| lines.get(name).copied().ok_or(name);
        let lsn = |name: &'static str| line(name)?.parse::<Lsn>().map_err(|_| name);
        let timeline = |name: &'static str| line(name)?.parse().map(Timeline).map_err(|_| name);
        Ok(Self {
            system_identifier: line("Database system identifier")?.to_owned(),
            state: state(line("Database cluster state")?),
            timeline: timeline("Latest checkpoint's TimeLineID")?,
            checkpoint: lsn("Latest checkpoint location")?,
            consistent_from: (
                lsn("Minimum recovery ending location")?,
                timeline("Min recovery ending loc's timeline")?,
            ),
        })
    }

    /// How far the log of a stopped server goes at least, and on which timeline.
    pub fn end(&self) -> (Lsn, Timeline) {
        let (lsn, timeline) = self.consistent_from;
        if lsn > self.checkpoint { (lsn, timeline) } else { (self.checkpoint, self.timeline) }
    }
}

fn state(text: &str) -> State {
    match text {
        "shut down" => State::ShutDown,
        "shut down in recovery" => State::ShutDownInRecovery,
        "in production" => State::InProduction,
        "in archive recovery" => State::InArchiveRecovery,
        _ => State::Between,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_of_the_program_is_read() {
        let output = "\
pg_control version number:            1800
Database system identifier:           7577000000000000001
Database cluster state:               shut down
Latest checkpoint location:           0/B000028
Latest checkpoint's TimeLineID:       3
Minimum recovery ending location:     0/0
Min recovery ending loc's timeline:   0
";
        let control = ControlData::parse(output).unwrap();
        assert_eq!(control.system_identifier, "7577000000000000001");
        assert!(control.state.is_primary() && control.state.ended() == Down::Clean);
        assert_eq!(control.end(), ("0/B000028".parse().unwrap(), Timeline(3)));
        let damaged = output.replace("0/B000028", "x");
        assert_eq!(ControlData::parse(&damaged), Err("Latest checkpoint location"));
        assert_eq!(ControlData::parse(""), Err("Database system identifier"));
    }
}

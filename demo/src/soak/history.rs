//! The history of a soak: one JSON object a line, in the order in which things happened.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::agent::Left;
use crate::clock::Clock;
use crate::fault::Fault;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Microseconds since the soak began.
    pub(super) at_us: u64,
    #[serde(flatten)]
    pub(super) what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub(super) enum What {
    /// An agent asked for something.
    Invoked { agent: i32, op: i64, work: Work },
    /// It was answered.
    Answered { agent: i32, op: i64, outcome: Outcome },
    /// A fault went a step further.
    Fault { fault: Fault, stage: Stage },
}

/// What an agent asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Work {
    /// Moves an amount from one account to another.
    Transfer { from: i64, to: i64, amount: i64 },
    /// Adds the next number to the agent's own list.
    Append { seq: i64 },
    /// Sets the agent's own register.
    Write { version: i64 },
    /// Reads the agent's own register on a standby, after a token for all that was written.
    ReadBack,
    /// Adds up all accounts on a standby.
    ReadSum,
}

/// How it ended for the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// Well. A read has seen this; a write has touched so many rows.
    Done { seen: i64 },
    /// With an error, of this label, which says this of the work.
    Failed {
        label: String,
        /// All that it says.
        #[serde(default)]
        message: String,
        left: Left,
    },
}

/// How far a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Stage {
    /// It has begun.
    Struck,
    /// A server takes writes again.
    Accepted,
    /// Nothing is broken any more.
    Whole,
}

/// The file, while it is written.
#[derive(Debug)]
pub(super) struct History {
    file: Mutex<BufWriter<File>>,
    clock: Clock,
}

impl History {
    /// Begins an empty one.
    pub(super) fn create(path: &Path, clock: Clock) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
        Ok(Self { file: Mutex::new(BufWriter::new(file)), clock })
    }

    /// Adds a line.
    pub(super) fn add(&self, what: What) -> Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock, so that the lines are in the order of their times.
        let record = Record { at_us: self.clock.now().as_micros() as u64, what };
        serde_json::to_writer(&mut *file, &record).context("write the history")?;
        file.write_all(b"\n").context("write the history")
    }

    /// Makes sure that every line is in the file.
    pub(super) fn flush(&self) -> Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.flush().context("write the history")
    }
}

/// Reads a file back, line by line.
pub(super) fn read(path: &Path) -> Result<impl Iterator<Item = Result<Record>>> {
    let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    Ok(BufReader::new(file).lines().zip(1..).map(|(line, number)| {
        let line = line.context("read the history")?;
        serde_json::from_str(&line).with_context(|| format!("line {number} of the history"))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_when_who_what_and_how_it_ended() -> Result<()> {
        let invoked = What::Invoked { agent: 3, op: 9, work: Work::Append { seq: 2 } };
        let outcome = Outcome::Failed {
            label: "AYA-3001".to_owned(),
            message: "gone".to_owned(),
            left: Left::Perhaps,
        };
        let answered = What::Answered { agent: 3, op: 9, outcome };
        let struck = What::Fault { fault: Fault::HostCrash, stage: Stage::Struck };
        let cases = [
            (
                invoked,
                r#"{"at_us":5,"what":"invoked","agent":3,"op":9,"work":{"append":{"seq":2}}}"#,
            ),
            (
                answered,
                r#"{"at_us":5,"what":"answered","agent":3,"op":9,"outcome":{"failed":{"label":"AYA-3001","message":"gone","left":"perhaps"}}}"#,
            ),
            (struck, r#"{"at_us":5,"what":"fault","fault":"host-crash","stage":"struck"}"#),
        ];
        for (what, line) in cases {
            let record = Record { at_us: 5, what };
            assert_eq!(serde_json::to_string(&record)?, line);
            assert_eq!(serde_json::from_str::<Record>(line)?, record);
        }
        Ok(())
    }
}

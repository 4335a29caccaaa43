//! One stage: a command whose output goes to a log, timed, with one line to say how it went.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::count::{Count, count};

/// Runs stages one after the other and remembers how they went.
pub(crate) struct Stages {
    logs: PathBuf,
    count: Count,
    failed: Vec<String>,
    began: Instant,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Passed,
    Failed,
    TimedOut,
}

impl Stages {
    /// Stages that write their logs below `logs`.
    pub(crate) fn new(logs: PathBuf) -> Result<Self> {
        fs::create_dir_all(&logs).with_context(|| format!("create {}", logs.display()))?;
        Ok(Self { logs, count: Count::default(), failed: Vec::new(), began: Instant::now() })
    }

    /// A stage made of commands; all of them run, and one that fails shows the end of its log.
    pub(crate) fn commands(&mut self, name: &str, commands: Vec<Command>) {
        let began = Instant::now();
        let mut count_here = Count::default();
        let mut broken = Vec::new();
        for (index, mut command) in commands.into_iter().enumerate() {
            let (end, output) = match self.logged(&format!("{name}-{index}"), &mut command, HOURS) {
                Ok(result) => result,
                Err(error) => (End::Failed, format!("{error:#}")),
            };
            count_here += count(&output);
            if end != End::Passed {
                broken.push((describe(&command), tail(&output)));
            }
        }
        self.close(name, began, count_here, &broken);
    }

    /// A stage that runs inside this process.
    pub(crate) fn step(&mut self, name: &str, step: impl FnOnce() -> Result<()>) {
        let began = Instant::now();
        let broken = match step() {
            Ok(()) => Vec::new(),
            Err(error) => vec![(name.to_owned(), format!("{error:#}"))],
        };
        self.close(name, began, Count::default(), &broken);
    }

    /// Says that a stage does not run, and why.
    pub(crate) fn skip(&self, name: &str, reason: &str) {
        println!("{name:<12} skipped: {reason}");
    }

    /// Runs `command` into a log of its own and returns what it printed.
    pub(crate) fn logged(
        &self,
        log: &str,
        command: &mut Command,
        limit: Duration,
    ) -> Result<(End, String)> {
        let path = self.logs.join(format!("{log}.log"));
        let file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("start {}", describe(command)))?;
        let deadline = Instant::now() + limit;
        let end = loop {
            if let Some(status) = child.try_wait()? {
                break if status.success() { End::Passed } else { End::Failed };
            }
            if Instant::now() >= deadline {
                child.kill()?;
                child.wait()?;
                break End::TimedOut;
            }
            thread::sleep(Duration::from_millis(20));
        };
        Ok((end, String::from_utf8_lossy(&fs::read(&path)?).into_owned()))
    }

    /// Prints the closing lines; whether everything passed.
    pub(crate) fn finish(self) -> bool {
        println!(
            "\nall stages took {:.0} s; logs in {}",
            self.began.elapsed().as_secs_f64(),
            self.logs.display()
        );
        if !self.failed.is_empty() {
            println!("failed stages: {}", self.failed.join(", "));
        }
        println!("{} passed, {} failed", self.count.passed, self.count.failed);
        self.failed.is_empty() && self.count.failed == 0
    }

    fn close(&mut self, name: &str, began: Instant, mut count: Count, broken: &[(String, String)]) {
        let seconds = began.elapsed().as_secs_f64();
        let verdict = if broken.is_empty() { "ok" } else { "FAILED" };
        let tests = match count {
            Count { passed: 0, failed: 0 } => String::new(),
            Count { passed, failed } => format!("  {passed} passed, {failed} failed"),
        };
        println!("{name:<12} {verdict:<6} {seconds:>7.1} s{tests}");
        for (what, why) in broken {
            println!("--- {what}\n{why}\n---");
        }
        if !broken.is_empty() {
            self.failed.push(name.to_owned());
            // A stage that broke before it could count a failure is one failure in the sum.
            count.failed = count.failed.max(1);
        }
        self.count += count;
        // A closed pipe must not end the run: the exit code still speaks.
        let _ = std::io::stdout().flush();
    }
}

fn describe(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn tail(output: &str) -> String {
    let lines: Vec<&str> = output.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

const TAIL_LINES: usize = 80;
const HOURS: Duration = Duration::from_secs(2 * 3600);

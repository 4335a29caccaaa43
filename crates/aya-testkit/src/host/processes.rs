//! The processes that work inside a folder, found and signalled together.
//!
//! A PostgreSQL backend starts a session of its own (`setsid` in `InitPostmasterChild`) and writes
//! its title over its environment, so neither process groups nor environment marks find it. Its
//! working directory does: every server process keeps the data folder.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// Every living process whose working directory lies in one folder.
#[derive(Clone, Debug)]
pub struct Processes {
    folder: PathBuf,
}

impl Processes {
    /// Those inside `folder`, at any depth.
    #[must_use]
    pub fn within(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The process ids, as of now.
    #[must_use]
    pub fn ids(&self) -> BTreeSet<i32> {
        let mut ids = list(&self.folder);
        ids.remove(&Pid::this().as_raw());
        ids
    }

    /// `SIGKILL` to all of them, again and again until none is left.
    ///
    /// # Errors
    /// When some live on after 10 s.
    pub fn kill(&self) -> Result<()> {
        self.settle(Signal::SIGKILL, BTreeSet::is_empty)
    }

    /// `SIGKILL` to those there are, until each of them is gone. New ones may appear meanwhile.
    ///
    /// # Errors
    /// When some of them live on after 10 s.
    pub fn kill_once(&self) -> Result<()> {
        let doomed = self.ids();
        let deadline = Instant::now() + LIMIT;
        loop {
            let left: BTreeSet<i32> = self.ids().intersection(&doomed).copied().collect();
            if left.is_empty() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("SIGKILL did not end {left:?} in {}", self.folder.display());
            }
            signal_all(&left, Signal::SIGKILL);
            thread::sleep(PAUSE);
        }
    }

    /// `SIGSTOP` to all of them, until no new one appears.
    ///
    /// # Errors
    /// When new ones keep appearing for 10 s.
    pub fn freeze(&self) -> Result<()> {
        let mut before = BTreeSet::new();
        self.settle(Signal::SIGSTOP, |now| {
            let steady = *now == before;
            before.clone_from(now);
            steady
        })
    }

    /// `SIGCONT` to all of them.
    pub fn thaw(&self) {
        signal_all(&self.ids(), Signal::SIGCONT);
    }

    fn settle(&self, signal: Signal, mut done: impl FnMut(&BTreeSet<i32>) -> bool) -> Result<()> {
        let deadline = Instant::now() + LIMIT;
        let mut quiet = 0;
        loop {
            let ids = self.ids();
            quiet = if done(&ids) { quiet + 1 } else { 0 };
            if quiet == 2 {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("{signal} did not settle in {}: {ids:?}", self.folder.display());
            }
            signal_all(&ids, signal);
            // A process between fork and its change of folder shows up a moment later.
            thread::sleep(PAUSE);
        }
    }
}

/// A process that ended meanwhile is no failure.
fn signal_all(ids: &BTreeSet<i32>, signal: Signal) {
    for id in ids {
        _ = kill(Pid::from_raw(*id), signal);
    }
}

#[cfg(target_os = "linux")]
fn list(folder: &Path) -> BTreeSet<i32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return BTreeSet::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|id| {
            std::fs::read_link(format!("/proc/{id}/cwd")).is_ok_and(|cwd| {
                let cwd = cwd.to_string_lossy().into_owned();
                Path::new(cwd.trim_end_matches(" (deleted)")).starts_with(folder)
            })
        })
        .collect()
}

/// Without `/proc` a process belongs to the folder when its command line names it, or its
/// parent does belong.
#[cfg(not(target_os = "linux"))]
fn list(folder: &Path) -> BTreeSet<i32> {
    let table = std::process::Command::new("ps").args(["-axo", "pid=,ppid=,command="]).output();
    let table = table.map(|output| output.stdout).unwrap_or_default();
    let table = String::from_utf8_lossy(&table);
    let rows: Vec<(i32, i32, &str)> = table
        .lines()
        .filter_map(|row| {
            let (id, rest) = row.trim_start().split_once(' ')?;
            let (parent, command) = rest.trim_start().split_once(' ')?;
            Some((id.parse().ok()?, parent.parse().ok()?, command))
        })
        .collect();
    let name = format!("{}/", folder.display());
    let named = rows.iter().filter(|row| row.2.contains(&name)).map(|row| row.0);
    let mut found: BTreeSet<i32> = named.collect();
    loop {
        let before = found.len();
        let children: Vec<i32> =
            rows.iter().filter(|row| found.contains(&row.1)).map(|row| row.0).collect();
        found.extend(children);
        if found.len() == before {
            return found;
        }
    }
}

const LIMIT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);

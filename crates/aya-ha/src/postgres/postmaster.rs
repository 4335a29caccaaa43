use std::path::Path;
use std::time::Duration;

use aya_ha_core::postgres::PidFile;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::net::unix::pipe::Receiver;

/// A running postmaster, whoever started it: it outlives the daemon, and the next daemon finds it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Postmaster {
    pid: i32,
}

impl Postmaster {
    /// The one that runs on this data directory. A file that a dead one left behind may name any process;
    /// only one that works in the directory counts.
    pub fn find(data: &Path) -> Option<Self> {
        let file = PidFile::parse(&std::fs::read_to_string(data.join("postmaster.pid")).ok()?)?;
        let found = Self { pid: file.pid };
        (found.is_alive() && works_in(file.pid, data)).then_some(found)
    }

    /// What it says of itself: `starting`, `ready`, `standby`, `stopping`.
    pub fn status(data: &Path) -> String {
        let file = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
        PidFile::parse(&file).map(|file| file.status).unwrap_or_default()
    }

    /// Its process.
    pub const fn pid(self) -> i32 {
        self.pid
    }

    /// Whether it is there.
    pub fn is_alive(self) -> bool {
        kill(Pid::from_raw(self.pid), None) != Err(Errno::ESRCH) && !is_dead_but_unburied(self.pid)
    }

    /// Sends a signal. To one that is gone it is no error.
    pub fn signal(self, signal: Signal) {
        let _gone = kill(Pid::from_raw(self.pid), signal);
    }

    /// Ends when it has died: at once on Linux, by a file descriptor of the process.
    pub async fn died(self) {
        if let Some(watch) = watch(self.pid) {
            let _error = watch.readable().await;
        }
        while self.is_alive() {
            tokio::time::sleep(POLL).await;
        }
    }

    /// Kills it with every process that it has started. They are sessions of their own, and one that is
    /// busy would go on for a while after the postmaster's death.
    pub fn destroy(self, data: &Path) {
        let family = processes_in(data);
        self.signal(Signal::SIGKILL);
        bury(&family);
        bury(&processes_in(data));
    }
}

/// Kills what a dead postmaster has left behind.
pub(super) fn destroy_orphans(data: &Path) {
    bury(&processes_in(data));
}

fn bury(processes: &[i32]) {
    for pid in processes {
        let _gone = kill(Pid::from_raw(*pid), Signal::SIGKILL);
    }
}

/// A descriptor of the process, which becomes readable when it dies. Like the end of a pipe, which is why it
/// can be waited for as one.
#[cfg(target_os = "linux")]
fn watch(pid: i32) -> Option<Receiver> {
    let pid = rustix::process::Pid::from_raw(pid)?;
    let process = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::NONBLOCK).ok()?;
    Receiver::from_owned_fd_unchecked(process).ok()
}

/// Elsewhere its absence is seen by asking.
#[cfg(not(target_os = "linux"))]
fn watch(_pid: i32) -> Option<Receiver> {
    None
}

#[cfg(target_os = "linux")]
fn works_in(pid: i32, data: &Path) -> bool {
    let folder = std::fs::read_link(format!("/proc/{pid}/cwd"));
    folder.is_ok_and(|folder| std::fs::canonicalize(data).is_ok_and(|data| data == folder))
}

/// Elsewhere nothing tells cheaply; the file is removed by every postmaster that ends properly.
#[cfg(not(target_os = "linux"))]
fn works_in(_pid: i32, _data: &Path) -> bool {
    true
}

/// Every process of a server works in its data directory.
#[cfg(target_os = "linux")]
fn processes_in(data: &Path) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|pid| works_in(*pid, data)).collect()
}

/// Elsewhere PostgreSQL's own watch of the postmaster has to do.
#[cfg(not(target_os = "linux"))]
fn processes_in(_data: &Path) -> Vec<i32> {
    Vec::new()
}

/// A child that has ended and that nobody has waited for yet still has its number.
#[cfg(target_os = "linux")]
fn is_dead_but_unburied(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
}

#[cfg(not(target_os = "linux"))]
fn is_dead_but_unburied(_pid: i32) -> bool {
    false
}

const POLL: Duration = Duration::from_millis(5);

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::ServerError;

/// PostgreSQL's programs.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    bin_dir: PathBuf,
}

impl Programs {
    /// Those in this folder, or on the path if it is empty.
    pub(super) fn new(bin_dir: &str) -> Self {
        Self { bin_dir: PathBuf::from(bin_dir) }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        if self.bin_dir.as_os_str().is_empty() {
            Path::new(name).to_owned()
        } else {
            self.bin_dir.join(name)
        }
    }

    /// A command that runs a program: in English, and without the socket on which only the daemon may
    /// talk to systemd.
    pub(super) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.path(name));
        command
            .env("LC_ALL", "C")
            .env_remove("NOTIFY_SOCKET")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs a program to its end, and gives what it printed.
    pub(super) async fn run(
        &self,
        name: &str,
        patience: Duration,
        arrange: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Result<String, ServerError> {
        let mut command = self.command(name);
        arrange(&mut command);
        let failed = |why: String| ServerError::Program { name: name.to_owned(), why };
        let output = timeout(patience, command.output())
            .await
            .map_err(|_| failed(format!("has not ended after {} s", patience.as_secs())))?
            .map_err(|error| failed(error.to_string()))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(failed(last_lines(&output.stderr)))
    }
}

fn last_lines(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TOLD)..].join("; ")
}

/// How many of the last lines of a failed program are told.
const TOLD: usize = 4;

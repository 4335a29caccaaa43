//! A running example and what it has printed.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// An example that runs; dropped, it is killed.
pub(crate) struct Program {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    printed: Vec<String>,
}

impl Program {
    /// Starts the example at `path`, without the caller's own connection settings.
    pub(crate) fn start(path: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(path);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("the example starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { child, lines, printed: Vec::new() }
    }

    /// The next line that holds `wanted`, as soon as it is printed.
    pub(crate) async fn line(&mut self, wanted: &str) -> String {
        loop {
            match timeout(LIMIT, self.lines.next_line()).await {
                Ok(Ok(Some(line))) => {
                    self.printed.push(line.clone());
                    if line.contains(wanted) {
                        return line;
                    }
                }
                other => panic!("no line with {wanted:?}: {other:?} after {:#?}", self.printed),
            }
        }
    }

    /// Everything printed by a program that ends by itself, and well.
    pub(crate) async fn output(mut self) -> String {
        let rest = async {
            while let Some(line) = self.lines.next_line().await.expect("text on the pipe") {
                self.printed.push(line);
            }
            self.child.wait().await.expect("an exit status")
        };
        let status = timeout(LIMIT, rest).await.expect("the end in time");
        let output = self.printed.join("\n");
        assert!(status.success(), "{status} after {output}");
        output
    }
}

/// How long a line or the end may take; a loaded machine starts a server in a few seconds.
const LIMIT: Duration = Duration::from_secs(60);

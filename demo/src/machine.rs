//! The machine that the numbers were measured on.

use std::fs;
use std::thread;

use serde::Serialize;

/// What a reader of the numbers wants to know of the machine.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    pub(crate) os: &'static str,
    pub(crate) arch: &'static str,
    /// Processors that this process may use.
    pub(crate) cpus: usize,
    /// The processor's name, where the system tells.
    pub(crate) cpu: Option<String>,
    /// The memory, where the system tells.
    pub(crate) memory_mb: Option<u64>,
}

impl Machine {
    /// This machine.
    pub(crate) fn here() -> Self {
        let cpus = thread::available_parallelism().map_or(1, usize::from);
        let cpu = field("/proc/cpuinfo", "model name");
        let memory = field("/proc/meminfo", "MemTotal");
        let kilobytes = memory.and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
        Self {
            os: std::env::consts::OS,
            arch: std::env::consts::ARCH,
            cpus,
            cpu,
            memory_mb: kilobytes.map(|kilobytes| kilobytes / 1024),
        }
    }
}

/// The value of the first line `name: value` of a file.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}

//! What an idle pooled connection costs in memory, read from the kernel in a process of its own.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use tokio::process::Command;

use crate::driver::{Aya, Deadpool, Driver, Which};

/// What one idle connection costs.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Memory {
    /// How many were opened.
    pub connections: usize,
    /// Bytes for each with aya-db.
    pub aya_bytes: u64,
    /// Bytes for each with tokio-postgres and deadpool-postgres.
    pub deadpool_bytes: u64,
}

/// Measures both drivers, each in a new run of this program.
///
/// # Errors
/// When a run fails, as it does where there is no `/proc`.
pub async fn compare(conninfo: &str, connections: usize) -> Result<Memory> {
    Ok(Memory {
        connections,
        aya_bytes: in_a_process(Which::Aya, conninfo, connections).await?,
        deadpool_bytes: in_a_process(Which::Deadpool, conninfo, connections).await?,
    })
}

async fn in_a_process(driver: Which, conninfo: &str, connections: usize) -> Result<u64> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--memory", driver.name(), "--connections", &connections.to_string()]);
    command.args(["--conninfo", conninfo]).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.kill_on_drop(true).output().await.context("start a run for memory")?;
    ensure!(output.status.success(), "the run for memory ended with {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    text.trim().parse().with_context(|| format!("read a number of bytes from {text:?}"))
}

/// Opens connections in this process and gives the growth of its memory for each of them.
///
/// A first connection is not counted: it brings along what there is once per process.
///
/// # Errors
/// When a connection fails, or memory cannot be measured here.
pub async fn measure(driver: Which, conninfo: &str, connections: usize) -> Result<u64> {
    match driver {
        Which::Aya => grow::<Aya>(conninfo, connections).await,
        Which::Deadpool => grow::<Deadpool>(conninfo, connections).await,
    }
}

async fn grow<D: Driver>(conninfo: &str, connections: usize) -> Result<u64> {
    let driver = D::open(conninfo, connections + 1).await?;
    driver.fill(1).await?;
    let before = private_bytes()?;
    driver.fill(connections + 1).await?;
    let grown = private_bytes()?.saturating_sub(before);
    Ok(grown / u64::try_from(connections)?)
}

/// The memory that belongs to this process alone, without the program's own pages.
#[cfg(target_os = "linux")]
fn private_bytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kilobytes: u64 = kilobytes.context("there is no RssAnon in /proc/self/status")?.parse()?;
    Ok(kilobytes * 1024)
}

#[cfg(not(target_os = "linux"))]
fn private_bytes() -> Result<u64> {
    anyhow::bail!("memory is measured on Linux only, which has it in /proc")
}

//! The process that cleans up when the owner can no longer do it.
//!
//! The reaper holds the read end of a pipe whose only write end is ours. However we end, the
//! kernel closes that end, the reaper reads end of file, and kills and removes what is registered.

use std::{
    io::Write,
    os::unix::process::CommandExt,
    path::Path,
    process::{ChildStdin, Command, Stdio},
    sync::{Mutex, OnceLock, PoisonError},
};

use anyhow::{Context, Result};

/// Puts `folder` under the reaper's care.
pub(crate) fn register(folder: &Path) -> Result<()> {
    tell('+', folder).with_context(|| format!("register {} with the reaper", folder.display()))
}

/// Takes `folder` out of the reaper's care.
pub(crate) fn release(folder: &Path) -> Result<()> {
    tell('-', folder)
}

fn tell(verb: char, folder: &Path) -> Result<()> {
    static REAPER: OnceLock<Mutex<Option<ChildStdin>>> = OnceLock::new();
    let slot = REAPER.get_or_init(|| Mutex::new(None));
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    if slot.is_none() {
        *slot = Some(spawn()?);
    }
    let pipe = slot.as_mut().context("the reaper has no pipe")?;
    pipe.write_all(format!("{verb}{}\n", folder.display()).as_bytes())?;
    Ok(())
}

/// A group of its own keeps the terminal's Ctrl-C and a test runner's kill away from it.
fn spawn() -> Result<ChildStdin> {
    let mut child = Command::new(crate::servers::python())
        .args(["-I", "-S", "-c", include_str!("reaper.py")])
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("start the reaper")?;
    child.stdin.take().context("the reaper has no pipe")
}

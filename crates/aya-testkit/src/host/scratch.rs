//! A folder whose processes end with it.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, Result};

use super::{identity::Identity, processes::Processes, reaper};

/// A temporary folder. Dropping it kills every process working inside, then removes it; should
/// the owner die first, the reaper does both.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes a fresh folder in the system's temporary folder.
    ///
    /// # Errors
    /// When the folder cannot be made or the reaper cannot be started.
    pub fn new() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let base = std::env::temp_dir().canonicalize().context("find the temporary folder")?;
        loop {
            let serial = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = base.join(format!("aya-{}-{serial}", process::id()));
            match fs::create_dir(&path) {
                Ok(()) => {
                    reaper::register(&path)?;
                    Identity::get().give(&path)?;
                    return Ok(Self { path });
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("make {}", path.display()));
                }
            }
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a folder inside, owned by whoever runs the servers.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.path.join(name);
        fs::create_dir_all(&path).with_context(|| format!("make {}", path.display()))?;
        Identity::get().give(&path)?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let gone = Processes::within(&self.path).kill();
        if std::env::var_os("AYA_KEEP_SCRATCH").is_none() {
            _ = fs::remove_dir_all(&self.path);
        }
        if gone.is_ok() {
            _ = reaper::release(&self.path);
        }
    }
}

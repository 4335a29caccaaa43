//! The log a server writes, and its end for error messages.

use std::{
    fs::{self, File},
    path::Path,
};

use anyhow::{Context, Result};

/// Opens `path` for appending.
pub(crate) fn open(path: &Path) -> Result<File> {
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("open {}", path.display()))
}

/// The last lines of a log, or nothing when there is none.
pub(crate) fn tail(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

const LINES: usize = 25;

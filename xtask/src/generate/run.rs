//! Renders every generated file, then writes it or compares it with what is committed.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::sqlstate;

/// What to do with the rendered files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Write those that differ.
    Write,
    /// Fail if one differs.
    Check,
}

/// Renders all generated files below `root` and writes or checks them.
pub(crate) fn run(root: &Path, mode: Mode) -> Result<()> {
    let mut stale = Vec::new();
    for (path, text) in render(root)? {
        let full = root.join(path);
        let current = fs::read_to_string(&full).unwrap_or_default();
        if current == text {
            continue;
        }
        match mode {
            Mode::Check => stale.push(path.to_owned()),
            Mode::Write => {
                if let Some(folder) = full.parent() {
                    fs::create_dir_all(folder)?;
                }
                fs::write(&full, text).with_context(|| format!("write {path}"))?;
                println!("wrote {path}");
            }
        }
    }
    if !stale.is_empty() {
        bail!("stale generated files, run `cargo xtask gen`: {}", stale.join(", "));
    }
    Ok(())
}

fn render(root: &Path) -> Result<Vec<(&'static str, String)>> {
    let table =
        fs::read_to_string(root.join(ERRCODES)).with_context(|| format!("read {ERRCODES}"))?;
    let conditions = sqlstate::conditions(&table).context(ERRCODES)?;
    Ok(vec![("crates/aya-db-core/src/sqlstate/conditions.rs", formatted(root, &conditions)?)])
}

/// Rust source as `cargo fmt` would leave it.
fn formatted(root: &Path, source: &str) -> Result<String> {
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024"])
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("start rustfmt")?;
    let mut input = rustfmt.stdin.take().expect("stdin was asked for above");
    input.write_all(source.as_bytes())?;
    drop(input);
    let output = rustfmt.wait_with_output()?;
    ensure!(output.status.success(), "rustfmt refuses the generated source");
    Ok(String::from_utf8(output.stdout)?)
}

const ERRCODES: &str = "xtask/data/errcodes.tsv";

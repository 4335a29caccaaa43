//! Reads the tree once and asks every rule.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::{cases, errors, imports, text};
use crate::metadata;

/// A file of the tree, its path relative to the workspace and with `/` between its parts.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// What a rule finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Worth a look.
    Warning(String),
    /// Not allowed.
    Error(String),
}

/// Checks the whole tree below `root`; fails if a rule is broken.
pub(crate) fn run(root: &Path) -> Result<()> {
    let mut sources = Vec::new();
    collect(root, root, &mut sources)?;
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    let mut findings: Vec<Finding> = sources.iter().flat_map(text::check).collect();
    findings.extend(imports::check(&metadata::read(root)?.packages));
    findings.extend(cases::check(&sources));
    findings.extend(errors::check(&sources));

    let mut broken = Vec::new();
    for finding in findings {
        match finding {
            Finding::Warning(line) => println!("warning: {line}"),
            Finding::Error(line) => broken.push(line),
        }
    }
    if !broken.is_empty() {
        bail!("{} tidy rules broken:\n{}", broken.len(), broken.join("\n"));
    }
    Ok(())
}

fn collect(root: &Path, folder: &Path, into: &mut Vec<Source>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if entry.file_type()?.is_dir() {
            if !SKIPPED.contains(&&*name) {
                collect(root, &path, into)?;
            }
        } else if name.rsplit_once('.').is_some_and(|(_, end)| TEXT.contains(&end)) {
            let text =
                fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            let path = path.strip_prefix(root).unwrap_or(&path);
            into.push(Source { path: path.to_string_lossy().replace('\\', "/"), text });
        }
    }
    Ok(())
}

const SKIPPED: &[&str] = &["target", ".git", "__pycache__", ".venv"];
const TEXT: &[&str] =
    &["rs", "toml", "md", "tsv", "json", "txt", "yaml", "yml", "py", "sql", "conf", "sh"];

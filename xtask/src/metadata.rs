//! What `cargo metadata` says of the workspace's own packages.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The packages of the workspace.
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
}

/// One package and what it depends on.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) published: bool,
    pub(crate) dependencies: Vec<Dependency>,
    targets: Vec<String>,
}

/// One dependency.
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// When a dependency is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// For the package itself or its build script.
    Normal,
    /// For its tests only.
    Dev,
}

impl Metadata {
    /// Whether `package` has a target of that name: a binary, or a file of tests.
    pub(crate) fn has_target(&self, package: &str, target: &str) -> bool {
        let mut packages = self.packages.iter().filter(|it| it.name == package);
        packages.any(|it| it.targets.iter().any(|name| name == target))
    }
}

/// Asks cargo.
pub(crate) fn read(root: &Path) -> Result<Metadata> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(root)
        .output()
        .context("start cargo metadata")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    parse(&serde_json::from_slice(&output.stdout)?)
}

fn parse(json: &Value) -> Result<Metadata> {
    let packages = json["packages"].as_array().context("cargo metadata names no packages")?;
    Ok(Metadata { packages: packages.iter().map(package).collect() })
}

fn package(json: &Value) -> Package {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let items = |key: &str| json[key].as_array().cloned().unwrap_or_default();
    Package {
        name: text(&json["name"]),
        // `publish = false` is an empty list of registries; absent means any.
        published: json["publish"].is_null(),
        dependencies: items("dependencies")
            .iter()
            .map(|it| Dependency {
                name: text(&it["name"]),
                kind: if it["kind"] == "dev" { Kind::Dev } else { Kind::Normal },
            })
            .collect(),
        targets: items("targets").iter().map(|it| text(&it["name"])).collect(),
    }
}

#[cfg(test)]
pub(crate) fn package_for_tests(name: &str, published: bool, on: &[(&str, Kind)]) -> Package {
    let dependencies = on
        .iter()
        .map(|(name, kind)| Dependency { name: (*name).to_owned(), kind: *kind })
        .collect();
    Package { name: name.to_owned(), published, dependencies, targets: Vec::new() }
}

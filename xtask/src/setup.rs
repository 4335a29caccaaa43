//! `cargo xtask setup`: the tools that the other verbs need, below `target/tools`.
//!
//! Everything here is done once: what is already in place is left alone.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// A cargo subcommand that is installed when the machine has none.
struct Tool {
    name: &'static str,
    version: &'static str,
}

const NEXTEST: Tool = Tool { name: "cargo-nextest", version: "0.9.143" };
const DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2" };

/// Puts every tool in place.
pub(crate) fn run(root: &Path) -> Result<()> {
    protoc(root)?;
    install(root, &NEXTEST)?;
    install(root, &DENY)
}

/// `target/tools/bin` in front of the `PATH`, for the commands that use the tools.
pub(crate) fn search_path(root: &Path) -> Result<OsString> {
    let inherited = env::var_os("PATH").unwrap_or_default();
    let folders = [tools(root).join("bin")].into_iter().chain(env::split_paths(&inherited));
    env::join_paths(folders).context("a folder of PATH holds a separator")
}

fn tools(root: &Path) -> PathBuf {
    root.join("target/tools")
}

/// Copies the protoc of `protoc-bin-vendored` to where `.cargo/config.toml` expects it.
pub(crate) fn protoc(root: &Path) -> Result<()> {
    let home = tools(root).join("protoc");
    let target = home.join("bin/protoc");
    if target.is_file() && home.join("include").is_dir() {
        return Ok(());
    }
    let binary = protoc_bin_vendored::protoc_bin_path()?;
    let include = protoc_bin_vendored::include_path()?;
    copy_folder(&include, &home.join("include"))?;
    fs::create_dir_all(home.join("bin"))?;
    // The rename makes the file appear whole, and with its permissions, or not at all.
    let partial = home.join(format!("bin/.protoc.{}", std::process::id()));
    fs::copy(&binary, &partial).with_context(|| format!("copy {}", binary.display()))?;
    make_executable(&partial)?;
    fs::rename(&partial, &target)?;
    eprintln!("protoc: {}", target.display());
    Ok(())
}

#[cfg(unix)]
fn make_executable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
}

#[cfg(not(unix))]
fn make_executable(_path: &Path) -> Result<()> {
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// Builds the tool without optimisation: minutes saved, and the tools wait for others anyway.
fn install(root: &Path, tool: &Tool) -> Result<()> {
    let Tool { name, version } = tool;
    let found = Command::new(name)
        .env("PATH", search_path(root)?)
        .args([name.trim_start_matches("cargo-"), "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if found {
        return Ok(());
    }
    println!("{name} is missing: installing {version} below target/tools");
    let status = Command::new("cargo")
        .args(["install", "--quiet", "--locked", "--debug", name, "--version", version, "--root"])
        .arg(tools(root))
        .current_dir(root)
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_TARGET_DIR", tools(root).join("build"))
        .status()
        .context("start cargo install")?;
    ensure!(status.success(), "cargo install {name} failed: {status}");
    Ok(())
}

//! `aya-ha`: the HA daemon for PostgreSQL.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use aya_ha::{agent, api, files};
use aya_ha_core::config::{Config, Severity};
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

/// The HA daemon for PostgreSQL.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run this node of the cluster.
    Run {
        /// Patroni's YAML: a file, or a directory of files.
        config: PathBuf,
    },
    /// Look at a configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Say what is wrong with it.
    Check {
        /// Patroni's YAML: a file, or a directory of files.
        config: PathBuf,
    },
}

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(tracing::Level::INFO.into())
        .with_env_var("AYA_HA_LOG")
        .from_env_lossy();
    let colours = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours);
    lines.with_writer(std::io::stderr).init();
    // Installed once, before anything speaks TLS; that it is there already is no failure.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let outcome = match Arguments::parse().command {
        Command::Run { config } => load(config).and_then(run),
        Command::Config(ConfigCommand::Check { config }) => load(config).map(|_| ()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Reads the configuration, and says everything that is wrong with it.
fn load(path: PathBuf) -> anyhow::Result<Config> {
    let (config, findings) = files::read(&path, &std::env::vars().collect())?;
    for finding in &findings {
        match finding.severity {
            Severity::Error => tracing::error!("{finding}"),
            Severity::Warning => tracing::warn!("{finding}"),
        }
    }
    match config {
        Some(config) => Ok(config),
        None => bail!("{} cannot be used", path.display()),
    }
}

fn run(config: Config) -> anyhow::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let outcome = runtime.block_on(async {
        let first = config.name.bytes().map(usize::from).sum();
        let store = files::store(&config.etcd, first)?;
        let (status, shown) = watch::channel(None);
        let (orders, ordered) = mpsc::channel(16);
        api::serve(&config.restapi, shown, orders).await?;
        let (mut term, mut int) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let stop = async move {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
        };
        Box::pin(agent::run(config, store, status, ordered, stop)).await
    });
    runtime.shutdown_background();
    outcome
}

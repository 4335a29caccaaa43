//! However the owner ends, nothing it started is left.

use std::{
    env,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
use aya_testkit::{EtcdCluster, Pair, Postgres, Processes, until};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

const ROLE: &str = "AYA_TESTKIT_TEST_OWNER";
const LIMIT: Duration = Duration::from_secs(30);

/// The owner: run by the tests below in a process of its own, and a no-op otherwise.
#[tokio::test]
#[expect(clippy::print_stdout, reason = "the parent process reads where the folders are")]
async fn live_owner_process() -> Result<()> {
    if env::var_os(ROLE).is_none() {
        return Ok(());
    }
    let pair = Pair::start(Postgres::builder()).await?;
    let etcd = EtcdCluster::start(1, None).await?;
    for data in [pair.primary.data_folder(), pair.standby.data_folder()] {
        println!("FOLDER={}", data.parent().context("data lies in a folder")?.display());
    }
    println!("FOLDER={}", etcd.folder().display());
    println!("READY");
    std::future::pending().await
}

#[tokio::test]
async fn live_nothing_survives_an_owner_ended_by_any_signal() -> Result<()> {
    for signal in [Signal::SIGKILL, Signal::SIGINT, Signal::SIGTERM] {
        let (mut owner, folders) = tokio::task::spawn_blocking(start_owner).await??;
        for folder in &folders {
            assert!(!Processes::within(folder).ids().is_empty(), "{} is empty", folder.display());
        }
        kill(Pid::from_raw(i32::try_from(owner.id())?), signal)?;
        owner.wait()?;
        until("every process and folder to be gone", LIMIT, async || {
            let gone =
                |folder: &PathBuf| !folder.exists() && Processes::within(folder).ids().is_empty();
            Ok(folders.iter().all(gone).then_some(()))
        })
        .await
        .with_context(|| format!("after {signal}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn live_nothing_survives_a_panic() -> Result<()> {
    let server = Postgres::builder().start().await?;
    let folder = server.data_folder().parent().map(Path::to_owned).context("a folder")?;
    assert!(!Processes::within(&folder).ids().is_empty());
    let panicked = tokio::spawn(async move {
        server.freeze().expect("a server can be frozen");
        panic!("the test that owns {} fails", server.client_address());
    });
    assert!(panicked.await.is_err());
    assert!(!folder.exists());
    assert!(Processes::within(&folder).ids().is_empty());
    Ok(())
}

fn start_owner() -> Result<(Child, Vec<PathBuf>)> {
    let mut owner = Command::new(env::current_exe()?)
        .args(["--exact", "live_owner_process", "--nocapture"])
        .env(ROLE, "1")
        .stdout(Stdio::piped())
        .spawn()?;
    let output = owner.stdout.take().context("the owner prints")?;
    let mut folders = Vec::new();
    for line in BufReader::new(output).lines() {
        let line = line?;
        if let Some(folder) = line.strip_prefix("FOLDER=") {
            folders.push(PathBuf::from(folder));
        }
        if line == "READY" {
            return Ok((owner, folders));
        }
    }
    anyhow::bail!("the owner ended before it was ready")
}

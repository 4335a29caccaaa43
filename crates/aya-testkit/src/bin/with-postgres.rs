//! Runs a command beside a PostgreSQL server of its own: tests in other languages use it.
//!
//! ```text
//! with-postgres [--setting NAME=VALUE]... [--database NAME] [--extension NAME]... -- COMMAND...
//! ```
//!
//! The command finds the server by `AYA_HOST`, `AYA_PORT`, `AYA_USER`, `AYA_PASSWORD` and
//! `AYA_DATABASE`: a superuser, who logs in by SCRAM and may replicate. The exit code is the
//! command's, and the server is gone when it ends.

use std::{env, process::ExitCode};

use anyhow::{Context, Result, bail};
use aya_testkit::{Postgres, sql};

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let request = Request::parse(env::args().skip(1))?;
    let mut builder =
        Postgres::builder().hba("host replication postgres 127.0.0.0/8 scram-sha-256");
    for (name, value) in &request.settings {
        builder = builder.setting(name, value);
    }
    let server = builder.start().await?;
    server.sql(&format!("ALTER ROLE postgres PASSWORD '{PASSWORD}'")).await?;
    if request.database != DEFAULT_DATABASE {
        server.sql(&format!("CREATE DATABASE \"{}\"", request.database)).await?;
    }
    let address = server.direct_address();
    let conninfo = format!(
        "host={} port={} user=postgres password={PASSWORD} dbname='{}'",
        address.ip(),
        address.port(),
        request.database
    );
    for extension in &request.extensions {
        sql(&conninfo, &format!("CREATE EXTENSION \"{extension}\"")).await?;
    }
    let mut command = tokio::process::Command::new(&request.command[0]);
    command
        .args(&request.command[1..])
        .env("AYA_HOST", address.ip().to_string())
        .env("AYA_PORT", address.port().to_string())
        .env("AYA_USER", "postgres")
        .env("AYA_PASSWORD", PASSWORD)
        .env("AYA_DATABASE", &request.database)
        .kill_on_drop(true);
    let status = command.status().await.with_context(|| format!("start {}", request.command[0]))?;
    // A signal has no code; any failure will do for the caller.
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1).into())
}

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    settings: Vec<(String, String)>,
    database: String,
    extensions: Vec<String>,
    command: Vec<String>,
}

impl Request {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut request = Self {
            settings: Vec::new(),
            database: DEFAULT_DATABASE.to_owned(),
            extensions: Vec::new(),
            command: Vec::new(),
        };
        while let Some(option) = arguments.next() {
            if option == "--" {
                request.command = arguments.collect();
                break;
            }
            let value = arguments.next().with_context(|| format!("{option} wants a value"))?;
            match &*option {
                "--setting" => {
                    let (name, value) = value.split_once('=').context("want NAME=VALUE")?;
                    request.settings.push((name.to_owned(), value.to_owned()));
                }
                "--database" => request.database = value,
                "--extension" => request.extensions.push(value),
                _ => bail!("unknown option {option}"),
            }
        }
        if request.command.is_empty() {
            bail!("want a command after --");
        }
        Ok(request)
    }
}

const DEFAULT_DATABASE: &str = "postgres";
const PASSWORD: &str = "postgres";

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Request> {
        Request::parse(arguments.iter().map(|&it| it.to_owned()))
    }

    #[test]
    fn what_follows_the_dashes_is_the_command() {
        let request = parsed(&["--setting", "a=b=c", "--extension", "x", "--", "run", "--", "it"]);
        let request = request.unwrap();
        assert_eq!(request.settings, [("a".to_owned(), "b=c".to_owned())]);
        assert_eq!(request.extensions, ["x"]);
        assert_eq!(request.command, ["run", "--", "it"]);
    }

    #[test]
    fn mistakes_are_told() {
        let error = |arguments: &[&str]| parsed(arguments).unwrap_err().to_string();
        assert_eq!(error(&["--setting", "a", "--", "x"]), "want NAME=VALUE");
        assert_eq!(error(&["--nonsense", "a"]), "unknown option --nonsense");
        assert_eq!(error(&["--database"]), "--database wants a value");
        assert_eq!(error(&[]), "want a command after --");
    }
}

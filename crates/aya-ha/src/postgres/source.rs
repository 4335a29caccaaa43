//! What the leader's log is made of, asked from the leader.

use std::time::Duration;

use aya_db_core::{NodeId, Timeline};
use aya_ha_core::config::{Config, Login};
use aya_ha_core::plan::Source;
use aya_ha_core::postgres::history;

use super::ServerError;
use super::session::{ask, connect};

/// Who rewinds: the user that is set for it, or the superuser.
pub(super) fn rewinder(config: &Config) -> &Login {
    config.postgresql.rewind.as_ref().unwrap_or(&config.postgresql.superuser)
}

/// Asks the server at `at` for its timeline, and where those before it ended.
pub(super) async fn source(config: &Config, at: &NodeId) -> Result<Source, ServerError> {
    let client = connect(at.host(), at.port(), rewinder(config), "postgres", PATIENCE).await?;
    let timeline = ask(&client, TIMELINE, PATIENCE).await?;
    let broken = |why: &str| ServerError::Session { host: at.to_string(), why: why.to_owned() };
    let timeline = timeline.parse().map_err(|_| broken("it is no primary"))?;
    if timeline == 1 {
        return Ok(Source { timeline: Timeline(1), switches: Vec::new() });
    }
    let file = format!(
        "select convert_from(pg_read_binary_file('pg_wal/{timeline:08X}.history'), 'UTF8')"
    );
    let file = ask(&client, &file, PATIENCE).await?;
    let switches = history(&file).into_iter().map(|switch| (switch.timeline, switch.at)).collect();
    Ok(Source { timeline: Timeline(timeline), switches })
}

/// Empty where the server recovers: then it has no timeline of its own yet.
const TIMELINE: &str = "select case when not pg_is_in_recovery() then \
    ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int end";

const PATIENCE: Duration = Duration::from_secs(3);

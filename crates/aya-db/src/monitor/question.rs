//! What a server is asked about itself.

use std::time::{Duration, Instant};

use tokio_postgres::Row;

use aya_db_core::observation::ServerAnswer;
use aya_db_core::{Lsn, ServerIncarnation, SystemIdentifier, Timeline};

use crate::link::Link;
use crate::server_sql::{incarnation, timeline_replayed, timeline_written};

/// The role, the timeline, the place in the log, and which run of which database cluster this is.
///
/// A standby that receives nothing counts as old as its last replayed commit, even if it has replayed
/// all that it has: the leader may have gone on without it.
///
/// A standby is on the timeline that it receives, or that of its last restart point. The subquery
/// keeps the planner from asking for the role twice.
const QUESTION: &str = concat!(
    "select r, \
        pg_catalog.current_setting('default_transaction_read_only') = 'on', \
        case when pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'execute') \
            then (select system_identifier from pg_catalog.pg_control_system())::text end, \
        case when r then ",
    timeline_replayed!(),
    "::text else ",
    timeline_written!(),
    "::text end, \
        case when r then pg_catalog.pg_last_wal_replay_lsn() \
            else pg_catalog.pg_current_wal_lsn() end::text, \
        case when not r then null \
            when pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn() \
                and exists (select from pg_catalog.pg_stat_wal_receiver) then 0 \
            else (extract(epoch from pg_catalog.clock_timestamp() \
                - pg_catalog.pg_last_xact_replay_timestamp()) * 1000)::bigint end, ",
    incarnation!(),
    ", case when not r then pg_catalog.pg_last_wal_replay_lsn() end::text \
    from (select pg_catalog.pg_is_in_recovery() as r offset 0) as role"
);

/// Asks the server at the other end of `link`.
///
/// Dropped midway, the link still owes the answer.
pub(super) async fn ask(link: &Link) -> Result<ServerAnswer, tokio_postgres::Error> {
    let asked = Instant::now();
    let statement = link.prepare(QUESTION).await?;
    let row = link.client().query_one(&statement, &[]).await?;
    answer(&row, asked.elapsed())
}

fn answer(row: &Row, round_trip: Duration) -> Result<ServerAnswer, tokio_postgres::Error> {
    let text = |column| row.try_get::<_, Option<&str>>(column);
    let lag: Option<i64> = row.try_get(5)?;
    let started: Option<i64> = row.try_get(6)?;
    Ok(ServerAnswer {
        in_recovery: row.try_get(0)?,
        default_read_only: row.try_get(1)?,
        system_identifier: text(2)?.and_then(|it| it.parse().ok()).map(SystemIdentifier),
        timeline: text(3)?.and_then(|it| it.parse().ok()).map(Timeline),
        lsn: text(4)?.and_then(|it| it.parse::<Lsn>().ok()),
        replay_lag: lag.and_then(|lag| u64::try_from(lag).ok()).map(Duration::from_millis),
        recovered_to: text(7)?.and_then(|it| it.parse::<Lsn>().ok()),
        incarnation: started.map(ServerIncarnation),
        round_trip,
    })
}

//! What a server is asked about itself.

use std::time::{Duration, Instant};

use tokio_postgres::Row;

use aya_db_core::observation::ServerAnswer;
use aya_db_core::server_sql::PROBE;
use aya_db_core::{Lsn, ServerIncarnation, SystemIdentifier, Timeline};

use crate::link::Link;

/// Asks the server at the other end of `link`.
///
/// Dropped midway, the link still owes the answer.
pub(super) async fn ask(link: &Link) -> Result<ServerAnswer, tokio_postgres::Error> {
    let asked = Instant::now();
    let statement = link.prepare(PROBE).await?;
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

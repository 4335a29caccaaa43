//! Takes a causal token from the leader.

use tokio_postgres::Row;

use aya_db_core::failure::{Cause, Facts, InTransaction, Phase, Sent};
use aya_db_core::route::{CausalToken, end_of_log};
use aya_db_core::{Lsn, SystemIdentifier, Timeline};

use crate::failed::Failed;
use crate::server_sql::timeline_written;
use crate::statement::Wanted;
use crate::talk::Talk;

/// The end of the log, its timeline, the sizes by which the end is told, and the database cluster.
///
/// It is the place of the next record rather than what is flushed: a commit that did not wait for the
/// disk (`synchronous_commit=off`) lies behind the flushed part and is to be seen all the same.
pub(crate) const TOKEN: &str = concat!(
    "select pg_catalog.pg_current_wal_insert_lsn()::text, ",
    timeline_written!(),
    ", pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size')), \
        pg_catalog.current_setting('wal_block_size')::bigint, \
        case when pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'execute') \
            then (select system_identifier from pg_catalog.pg_control_system())::text end"
);

/// A causal token is wanted of [`TOKEN`].
pub(crate) struct Token;

impl Wanted for Token {
    type Answer = CausalToken;

    async fn ask(&self, talk: &Talk<'_>, sql: &str) -> Result<CausalToken, Failed> {
        let rows = talk.query(sql, &[]).await?;
        rows.first().and_then(token).ok_or_else(|| {
            let phase = Phase::Statement(InTransaction::No);
            let facts = Facts::new(phase, Sent::Yes, Cause::Protocol);
            Failed::new(facts.with_safety(talk.safety)).on(talk.link)
        })
    }
}

fn token(row: &Row) -> Option<CausalToken> {
    let text = |column| row.try_get::<_, Option<&str>>(column).ok().flatten();
    let number = |column| row.try_get::<_, i64>(column).ok().and_then(|it| u64::try_from(it).ok());
    let insert: Lsn = text(0)?.parse().ok()?;
    Some(CausalToken {
        timeline: Timeline(u32::try_from(number(1)?).ok()?),
        lsn: end_of_log(insert, number(2)?, number(3)?),
        system_identifier: text(4).and_then(|it| it.parse().ok()).map(SystemIdentifier),
    })
}

//! Takes a causal token from the leader.

use tokio_postgres::Row;

use aya_db_core::failure::{Cause, Facts, InTransaction, Phase, Sent};
use aya_db_core::route::{CausalToken, end_of_log};
use aya_db_core::{Lsn, SystemIdentifier, Timeline};

use crate::failed::Failed;
use crate::statement::Wanted;
use crate::talk::Talk;

/// A causal token is wanted of [`TOKEN`](aya_db_core::server_sql::TOKEN).
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

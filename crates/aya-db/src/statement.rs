//! The work of a statement that stands alone.

use std::sync::Arc;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, SimpleQueryMessage};

use aya_db_core::failure::Safety;

use crate::core::Core;
use crate::execute::{Attempting, Work};
use crate::failed::Failed;
use crate::link::Link;
use crate::options::CallOptions;
use crate::pool::Pooled;
use crate::sql::Prepared;
use crate::talk::{Block, Talk};

/// What is wanted of a statement.
#[derive(Clone, Copy)]
pub(crate) enum Wanted<'a> {
    /// Its rows.
    Rows(&'a [&'a (dyn ToSql + Sync)]),
    /// How many rows it touched.
    Count(&'a [&'a (dyn ToSql + Sync)]),
    /// Nothing but that it is done; it may be several.
    Done,
    /// Its rows as text; it may be several.
    Text,
    /// Its types.
    Types,
    /// A usable connection.
    Nothing,
}

/// What came of it.
pub(crate) enum Answer {
    Rows(Vec<Row>),
    Count(u64),
    Done,
    Text(Vec<SimpleQueryMessage>),
    Types(Prepared),
}

/// One statement in autocommit.
pub(crate) struct Statement<'a> {
    pub(crate) core: &'a Arc<Core>,
    pub(crate) options: &'a CallOptions,
    pub(crate) sql: &'a str,
    pub(crate) wanted: Wanted<'a>,
}

impl Statement<'_> {
    async fn ask(&self, talk: &Talk<'_>) -> Result<Answer, Failed> {
        let read_only = self.options.safety == Safety::ReadOnly;
        match self.wanted {
            Wanted::Rows(params) if read_only => {
                let begin = self.options.transaction.begin();
                talk.query_read_only(&begin, self.sql, params).await.map(Answer::Rows)
            }
            Wanted::Count(params) if read_only => {
                let begin = self.options.transaction.begin();
                let rows = talk.query_read_only(&begin, self.sql, params).await?;
                Ok(Answer::Count(u64::try_from(rows.len()).unwrap_or(u64::MAX)))
            }
            Wanted::Done | Wanted::Text if read_only => {
                talk.begin(&self.options.transaction.begin()).await?;
                let answer = match self.wanted {
                    Wanted::Text => talk.simple_query(self.sql).await.map(Answer::Text),
                    _ => talk.batch(self.sql).await.map(|()| Answer::Done),
                };
                let ended = match &answer {
                    Ok(_) => talk.commit().await,
                    Err(_) => talk.rollback().await,
                };
                let answer = answer?;
                ended.map(|()| answer)
            }
            Wanted::Rows(params) => talk.query(self.sql, params).await.map(Answer::Rows),
            Wanted::Count(params) => talk.execute(self.sql, params).await.map(Answer::Count),
            Wanted::Done => talk.batch(self.sql).await.map(|()| Answer::Done),
            Wanted::Text => talk.simple_query(self.sql).await.map(Answer::Text),
            Wanted::Types => {
                let statement = talk.prepare(self.sql).await?;
                Ok(Answer::Types(Prepared::new(self.sql, &statement)))
            }
            Wanted::Nothing => Ok(Answer::Done),
        }
    }
}

impl Work for Statement<'_> {
    type Output = Answer;

    async fn run(&mut self, link: Pooled, attempt: &Attempting<'_>) -> Result<Answer, Failed> {
        let talk = Talk {
            link: &link,
            block: Block::None,
            safety: self.options.safety,
            until: attempt.run_until,
            session: &self.core.session,
            canceller: self.options.canceller.as_ref(),
        };
        match self.ask(&talk).await {
            Ok(answer) => Ok(answer),
            Err(failed) => Err(failed.with_link(link)),
        }
    }

    fn forget(&self, link: &Link) {
        link.forget(self.sql);
    }
}

//! The work of a statement that stands alone.

use std::future::Future;
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

/// One statement in autocommit, and what is wanted of it.
pub(crate) struct Statement<'a, W> {
    pub(crate) core: &'a Arc<Core>,
    pub(crate) options: &'a CallOptions,
    pub(crate) sql: &'a str,
    pub(crate) wanted: W,
}

/// What may be wanted of a statement.
pub(crate) trait Wanted: Send + Sync {
    /// What comes of it.
    type Answer: Send;

    /// Asks for it.
    fn ask(
        &self,
        talk: &Talk<'_>,
        sql: &str,
    ) -> impl Future<Output = Result<Self::Answer, Failed>> + Send;

    /// Asks for it in the READ ONLY transaction that `begin` begins.
    fn ask_read_only(
        &self,
        talk: &Talk<'_>,
        begin: &str,
        sql: &str,
    ) -> impl Future<Output = Result<Self::Answer, Failed>> + Send {
        async move {
            talk.begin(begin).await?;
            let answer = self.ask(talk, sql).await;
            let ended = match &answer {
                Ok(_) => talk.commit().await,
                Err(_) => talk.rollback().await,
            };
            let answer = answer?;
            ended.map(|()| answer)
        }
    }
}

type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Its rows.
pub(crate) struct Rows<'a>(pub(crate) Params<'a>);

/// How many rows it touched.
pub(crate) struct Count<'a>(pub(crate) Params<'a>);

/// Nothing but that it is done; it may be several.
pub(crate) struct Done;

/// Its rows as text; it may be several.
pub(crate) struct Text;

/// Its types.
pub(crate) struct Types;

/// A usable connection, and no statement.
pub(crate) struct Nothing;

impl Wanted for Rows<'_> {
    type Answer = Vec<Row>;

    async fn ask(&self, talk: &Talk<'_>, sql: &str) -> Result<Vec<Row>, Failed> {
        talk.query(sql, self.0).await
    }

    async fn ask_read_only(
        &self,
        talk: &Talk<'_>,
        begin: &str,
        sql: &str,
    ) -> Result<Vec<Row>, Failed> {
        talk.query_read_only(begin, sql, self.0).await
    }
}

impl Wanted for Count<'_> {
    type Answer = u64;

    async fn ask(&self, talk: &Talk<'_>, sql: &str) -> Result<u64, Failed> {
        talk.execute(sql, self.0).await
    }
}

impl Wanted for Done {
    type Answer = ();

    async fn ask(&self, talk: &Talk<'_>, sql: &str) -> Result<(), Failed> {
        talk.batch(sql).await
    }
}

impl Wanted for Text {
    type Answer = Vec<SimpleQueryMessage>;

    async fn ask(&self, talk: &Talk<'_>, sql: &str) -> Result<Vec<SimpleQueryMessage>, Failed> {
        talk.simple_query(sql).await
    }
}

impl Wanted for Types {
    type Answer = Prepared;

    async fn ask(&self, talk: &Talk<'_>, sql: &str) -> Result<Prepared, Failed> {
        let statement = talk.prepare(sql).await?;
        Ok(Prepared::new(sql, &statement))
    }

    async fn ask_read_only(
        &self,
        talk: &Talk<'_>,
        _begin: &str,
        sql: &str,
    ) -> Result<Prepared, Failed> {
        self.ask(talk, sql).await
    }
}

impl Wanted for Nothing {
    type Answer = ();

    async fn ask(&self, _talk: &Talk<'_>, _sql: &str) -> Result<(), Failed> {
        Ok(())
    }
}

impl<W: Wanted> Work for Statement<'_, W> {
    type Output = W::Answer;

    async fn run(&mut self, link: Pooled, attempt: &Attempting<'_>) -> Result<W::Answer, Failed> {
        let talk = Talk {
            link: &link,
            block: Block::None,
            safety: self.options.safety,
            until: attempt.run_until,
            session: &self.core.session,
            canceller: self.options.canceller.as_ref(),
        };
        let answer = if self.options.safety == Safety::ReadOnly {
            let begin = self.options.transaction.begin();
            self.wanted.ask_read_only(&talk, &begin, self.sql).await
        } else {
            self.wanted.ask(&talk, self.sql).await
        };
        match answer {
            Ok(answer) => Ok(answer),
            Err(failed) => Err(failed.with_link(link)),
        }
    }

    fn forget(&self, link: &Link) {
        link.forget(self.sql);
    }
}

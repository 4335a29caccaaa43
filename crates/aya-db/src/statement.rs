//! The work of a statement that stands alone.

use std::future::Future;
use std::sync::Arc;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, SimpleQueryMessage};

use aya_db_core::failure::{Cause, Facts, InTransaction, Phase, Safety, Sent};

use crate::core::Core;
use crate::doubt::{Doubt, is_plain_write, settle};
use crate::execute::{Attempting, Work};
use crate::failed::Failed;
use crate::link::Link;
use crate::options::CallOptions;
use crate::pool::Pooled;
use crate::sql::Prepared;
use crate::talk::Talk;

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

    /// Asks for it by a write that is marked ahead of its COMMIT, so that a commit in doubt can be
    /// resolved; the answer is `kept` as soon as it has come.
    fn ask_marked(
        &self,
        talk: &Talk<'_>,
        sql: &str,
        _doubt: &Doubt,
        kept: &mut Option<Self::Answer>,
    ) -> impl Future<Output = Result<(), Failed>> + Send {
        async move {
            *kept = Some(self.ask(talk, sql).await?);
            Ok(())
        }
    }

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
                Ok(_) => talk.commit(None).await,
                Err(_) => talk.rollback().await,
            };
            let answer = answer?;
            ended.map(|()| answer)
        }
    }
}

/// The failure of a write whose answers came out of order.
fn out_of_order(talk: &Talk<'_>, sql: &str) -> Failed {
    let phase = Phase::Statement(InTransaction::of_autocommit(sql));
    let facts = Facts::new(phase, Sent::Yes, Cause::Protocol);
    Failed::new(facts.with_safety(talk.safety)).on(talk.link)
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

    async fn ask_marked(
        &self,
        talk: &Talk<'_>,
        sql: &str,
        doubt: &Doubt,
        kept: &mut Option<Vec<Row>>,
    ) -> Result<(), Failed> {
        talk.write_rows(sql, self.0, doubt, kept).await
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

    async fn ask_marked(
        &self,
        talk: &Talk<'_>,
        sql: &str,
        doubt: &Doubt,
        kept: &mut Option<u64>,
    ) -> Result<(), Failed> {
        talk.write_count(sql, self.0, doubt, kept).await
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

impl<W: Wanted> Statement<'_, W> {
    /// A write, and what became of it if the answer to its COMMIT is lost.
    async fn write(&self, talk: &Talk<'_>, attempt: &Attempting<'_>) -> Result<W::Answer, Failed> {
        let doubt = Doubt::default();
        let mut kept = None;
        let written = self.wanted.ask_marked(talk, self.sql, &doubt, &mut kept).await;
        match (written, kept) {
            (Ok(()), Some(answer)) => Ok(answer),
            (Ok(()), None) => Err(out_of_order(talk, self.sql)),
            (Err(failed), None) => Err(failed),
            (Err(failed), Some(answer)) => {
                settle(self.core, &doubt, failed, attempt.run_until).await.map(|()| answer)
            }
        }
    }
}

impl<W: Wanted> Work for Statement<'_, W> {
    type Output = W::Answer;

    async fn run(&mut self, link: Pooled, attempt: &Attempting<'_>) -> Result<W::Answer, Failed> {
        let alone = Talk::alone(&link, &self.core.session, self.options.safety, attempt.run_until);
        let talk = Talk { canceller: self.options.canceller.as_ref(), ..alone };
        let answer = if self.options.safety == Safety::ReadOnly {
            let begin = self.options.transaction.begin();
            self.wanted.ask_read_only(&talk, &begin, self.sql).await
        } else if self.core.marks_commits && is_plain_write(self.sql) {
            Box::pin(self.write(&talk, attempt)).await
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

//! The work of a statement that stands alone.

use std::future::Future;
use std::sync::Arc;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, SimpleQueryMessage};

use aya_db_core::failure::{InTransaction, Phase, Safety};
use aya_db_core::sql_text::is_plain_read;
use aya_db_core::{Fate, SqlState};

use crate::commit::{Did, Way, commit};
use crate::core::Core;
use crate::doubt::{Doubt, Resolution};
use crate::execute::{Attempting, Work};
use crate::failed::Failed;
use crate::link::Link;
use crate::opening::{Lone, Opening};
use crate::options::CallOptions;
use crate::pool::Pooled;
use crate::sql::Prepared;
use crate::talk::{Ahead, Block, Talk};

/// One statement in autocommit, and what is wanted of it.
pub(crate) struct Statement<'a, W> {
    core: &'a Arc<Core>,
    options: &'a CallOptions,
    sql: &'a str,
    wanted: W,
    /// The failure of a statement that seems to read, of which nobody knows whether it ran.
    in_doubt: Option<Failed>,
}

/// What may be wanted of a statement.
pub(crate) trait Wanted: Send + Sync {
    /// What comes of it.
    type Answer: Send;

    /// Whether a statement runs for it.
    const RUNS: bool = true;

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
                Ok(_) => talk.commit(Ahead::Nothing).await,
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

    const RUNS: bool = false;

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

    const RUNS: bool = false;

    async fn ask(&self, _talk: &Talk<'_>, _sql: &str) -> Result<(), Failed> {
        Ok(())
    }
}

impl<'a, W: Wanted> Statement<'a, W> {
    pub(crate) fn new(
        core: &'a Arc<Core>,
        options: &'a CallOptions,
        sql: &'a str,
        wanted: W,
    ) -> Self {
        Self { core, options, sql, wanted, in_doubt: None }
    }

    /// What the server prepared for it is out of date.
    pub(crate) fn forget(&self, link: &Link) {
        link.forget(self.sql);
    }

    /// A statement that may write, in a transaction of its own, and what became of it if the answer to
    /// COMMIT is lost. COMMIT is sent once the statement was answered: with its answer lost, nothing
    /// is committed.
    async fn write(&self, talk: &Talk<'_>) -> Result<W::Answer, Failed> {
        let way = Way::find(self.core, talk).await?;
        if way == Way::None {
            let answer = self.wanted.ask(talk, self.sql).await;
            return answer.map_err(|failed| self.core.resolution.advise(failed));
        }
        let doubt = Doubt::default();
        let rider = (way == Way::Lsn).then_some(&doubt);
        let opening = Opening::new("begin", Lone::Serves);
        let inside = Talk { block: Block::Open, rider, opening: Some(&opening), ..*talk };
        match self.wanted.ask(&inside, self.sql).await {
            Ok(answer) => {
                commit(self.core, &inside, &doubt, way, Did::Write).await.map(|()| answer)
            }
            Err(failed) => {
                inside.undo().await;
                if failed.sqlstate() == Some(SqlState::ACTIVE_SQL_TRANSACTION) {
                    // It may not run in a block, and has not run.
                    return self.wanted.ask(talk, self.sql).await;
                }
                Err(failed.unless_sent(Phase::Statement(InTransaction::No)))
            }
        }
    }

    pub(crate) async fn ask_on(&mut self, talk: &Talk<'_>) -> Result<W::Answer, Failed> {
        let options = self.options;
        if options.safety == Safety::ReadOnly {
            return self.wanted.ask_read_only(talk, &options.transaction.begin(), self.sql).await;
        }
        let takes_care = W::RUNS
            && options.safety == Safety::Unmarked
            && self.core.resolution != Resolution::Off;
        if !takes_care {
            return self.wanted.ask(talk, self.sql).await;
        }
        if is_plain_read(self.sql) {
            return self.read(talk).await;
        }
        match InTransaction::of_autocommit(self.sql) {
            InTransaction::No => self.write(talk).await,
            InTransaction::Yes | InTransaction::MayCommit => self.wanted.ask(talk, self.sql).await,
        }
    }

    /// A statement that seems to read. Where nobody knows whether it ran, it runs again in a READ ONLY
    /// transaction, in which it cannot write, and so not twice; if it turns out that it wants to write, the
    /// first failure stands.
    async fn read(&mut self, talk: &Talk<'_>) -> Result<W::Answer, Failed> {
        let Some(first) = self.in_doubt.take() else {
            let failed = match self.wanted.ask(talk, self.sql).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            if failed.classify().fate != Fate::Unknown {
                return Err(failed);
            }
            self.in_doubt = Some(failed.copy());
            return Err(failed.with_safety(Safety::ReadOnly));
        };
        let begin = self.options.transaction.read_only().begin();
        let again = Talk { safety: Safety::ReadOnly, ..*talk };
        let answer = self.wanted.ask_read_only(&again, &begin, self.sql).await;
        match answer {
            Err(failed) if failed.sqlstate() == Some(SqlState::READ_ONLY_SQL_TRANSACTION) => {
                Err(first)
            }
            answer => {
                self.in_doubt = answer.is_err().then_some(first);
                answer
            }
        }
    }
}

impl<W: Wanted> Work for Statement<'_, W> {
    type Output = W::Answer;

    async fn run(&mut self, link: Pooled, attempt: &Attempting<'_>) -> Result<W::Answer, Failed> {
        let alone = Talk::alone(&link, &self.core.session, self.options.safety, attempt.run_until);
        let talk = Talk { canceller: self.options.canceller.as_ref(), ..alone };
        // On the heap: a call's future holds room for every way to ask.
        match Box::pin(self.ask_on(&talk)).await {
            Ok(answer) => Ok(answer),
            Err(failed) => Err(failed.with_link(link)),
        }
    }

    fn forget(&self, link: &Link) {
        self.forget(link);
    }
}

//! The work of a statement that stands alone.

use std::future::Future;
use std::sync::Arc;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, SimpleQueryMessage};

use aya_db_core::continuity::Resolution;
use aya_db_core::failure::{InTransaction, Phase, Safety};
use aya_db_core::sql_text::is_plain_read;
use aya_db_core::{Fate, SqlState};

use crate::commit::{Did, Way, commit};
use crate::core::Core;
use crate::doubt::{Doubt, advise};
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
            return answer.map_err(|failed| advise(self.core.resolution, failed));
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

    /// Asks, with all the care that the call wants.
    pub(crate) async fn ask_on(&mut self, talk: &Talk<'_>) -> Result<W::Answer, Failed> {
        if self.wants_care(talk) {
            // On the heap: a call's future would hold room for every way to ask.
            return Box::pin(self.carefully(talk)).await;
        }
        match self.wanted.ask(talk, self.sql).await {
            Ok(answer) => Ok(answer),
            Err(failed) => Err(self.look_into(failed)),
        }
    }

    /// Whether more is to be done than to ask, as far as is known without asking the server. Most calls
    /// want none, so the text is read last.
    fn wants_care(&self, talk: &Talk<'_>) -> bool {
        self.options.safety == Safety::ReadOnly
            || self.in_doubt.is_some()
            || (self.is_resolved()
                && !Way::is_known_to_be_none(self.core, talk.link)
                && !is_plain_read(self.sql))
    }

    /// Whether what became of it is to be found out if the answer is lost.
    fn is_resolved(&self) -> bool {
        W::RUNS
            && self.options.safety == Safety::Unmarked
            && self.core.resolution != Resolution::Off
    }

    /// After a failure of a statement that was just asked for: one that seems to read may be asked for
    /// again.
    fn look_into(&mut self, failed: Failed) -> Failed {
        if !self.is_resolved() {
            failed
        } else if is_plain_read(self.sql) {
            if failed.classify().fate != Fate::Unknown {
                return failed;
            }
            self.in_doubt = Some(failed.copy());
            failed.with_safety(Safety::ReadOnly)
        } else if self.stands_alone() {
            advise(self.core.resolution, failed)
        } else {
            failed
        }
    }

    async fn carefully(&mut self, talk: &Talk<'_>) -> Result<W::Answer, Failed> {
        if let Some(first) = self.in_doubt.take() {
            return self.read_again(talk, first).await;
        }
        if self.options.safety == Safety::ReadOnly {
            let begin = self.options.transaction.begin();
            return self.wanted.ask_read_only(talk, &begin, self.sql).await;
        }
        if self.stands_alone() {
            return self.write(talk).await;
        }
        self.wanted.ask(talk, self.sql).await
    }

    fn stands_alone(&self) -> bool {
        InTransaction::of_autocommit(self.sql) == InTransaction::No
    }

    /// A statement that seems to read, and of which nobody knows whether it ran. It runs again in a
    /// READ ONLY transaction, in which it cannot write, and so not twice; if it turns out that it
    /// wants to write, the first failure stands.
    async fn read_again(&mut self, talk: &Talk<'_>, first: Failed) -> Result<W::Answer, Failed> {
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
        match self.ask_on(&talk).await {
            Ok(answer) => Ok(answer),
            Err(failed) => Err(failed.with_link(link)),
        }
    }

    fn forget(&self, link: &Link) {
        self.forget(link);
    }
}

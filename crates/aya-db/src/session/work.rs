//! The works of a session: a statement on its connection, and the beginning of a transaction.

use std::sync::Arc;

use aya_db_core::failure::{Cause, ClientFault, Facts, InTransaction, Phase, Sent};
use aya_db_core::pool::TransactionStatus;
use aya_db_core::session::may_change_session;

use super::State;
use crate::core::Core;
use crate::error::Error;
use crate::execute::{Attempting, Work};
use crate::failed::Failed;
use crate::link::Link;
use crate::options::CallOptions;
use crate::pool::Pooled;
use crate::statement::{Statement, Wanted};
use crate::talk::Talk;
use crate::transaction::{Shared, Transaction};

/// A statement in a session.
pub(super) struct SessionWork<'a, W> {
    core: &'a Arc<Core>,
    options: &'a CallOptions,
    state: &'a mut State,
    sql: &'a str,
    statement: Statement<'a, W>,
    /// The process that serves the connection which holds the session.
    home: Option<i32>,
    changes: bool,
}

impl<'a, W: Wanted> SessionWork<'a, W> {
    pub(super) fn new(
        core: &'a Arc<Core>,
        options: &'a CallOptions,
        state: &'a mut State,
        sql: &'a str,
        wanted: W,
        home: Option<i32>,
    ) -> Self {
        let statement = Statement::new(core, options, sql, wanted);
        let changes = may_change_session(sql);
        Self { core, options, state, sql, statement, home, changes }
    }
}

impl<W: Wanted> Work for SessionWork<'_, W> {
    type Output = (Pooled, Result<W::Answer, Error>);

    async fn run(
        &mut self,
        mut link: Pooled,
        attempt: &Attempting<'_>,
    ) -> Result<Self::Output, Failed> {
        link.take_over();
        let alone = Talk::alone(&link, &self.core.session, self.options.safety, attempt.run_until);
        let talk = Talk { canceller: self.options.canceller.as_ref(), ..alone };
        let process = Some(link.state().pid());
        if self.home != process {
            match self.state.restore(&talk).await {
                Ok(None) => {}
                Ok(Some(lost)) => return Ok((link, Err(Error::from_failed(&lost, None)))),
                Err(failed) => return Err(failed),
            }
            self.home = process;
        }
        let asked = Box::pin(self.statement.ask_on(&talk)).await;
        let left_open = in_block(&link);
        if left_open {
            talk.undo().await;
        }
        let answer = match asked {
            Ok(answer) => answer,
            Err(failed) => return Err(failed.with_link(link)),
        };
        if self.changes {
            self.state.name_settings(self.sql);
            if let Err(failed) = self.state.refresh(&talk).await {
                drop(self.core.tell(&failed, &failed.classify()));
                self.state.lose(self.sql);
            }
        }
        let answer = if left_open { Err(own_block(self.sql)) } else { Ok(answer) };
        Ok((link, answer))
    }

    fn forget(&self, link: &Link) {
        self.statement.forget(link);
    }
}

/// The work of beginning a transaction in a session.
pub(super) struct BeginInWork<'a> {
    pub(super) core: &'a Arc<Core>,
    pub(super) options: &'a CallOptions,
    pub(super) state: &'a mut State,
    pub(super) home: Option<i32>,
}

impl Work for BeginInWork<'_> {
    type Output = Result<Transaction, (Pooled, Error)>;

    async fn run(
        &mut self,
        mut link: Pooled,
        attempt: &Attempting<'_>,
    ) -> Result<Self::Output, Failed> {
        link.take_over();
        if self.home != Some(link.state().pid()) {
            let session = &self.core.session;
            let talk = Talk::alone(&link, session, self.options.safety, attempt.run_until);
            if let Some(lost) = self.state.restore(&talk).await? {
                return Ok(Err((link, Error::from_failed(&lost, None))));
            }
        }
        Shared::start(self.core, self.options, link, attempt).await.map(Ok)
    }
}

/// Whether a transaction is open, or has failed and was not ended.
fn in_block(link: &Link) -> bool {
    let status = TransactionStatus::from_byte(link.state().status());
    matches!(status, Some(TransactionStatus::InTransaction | TransactionStatus::Failed))
}

/// A statement that has left a transaction open. The next one could not be told from one that stands alone:
/// it would run by itself on another connection after a loss, and what came before it would be missing.
fn own_block(sql: &str) -> Error {
    let several = sql.trim_end().trim_end_matches(';').contains(';');
    let scope = if several { InTransaction::MayCommit } else { InTransaction::Yes };
    let cause = Cause::Client(ClientFault::Usage);
    let facts = Facts::new(Phase::Statement(scope), Sent::Yes, cause);
    Error::from_failed(&Failed::new(facts).because(OwnBlock), None)
}

#[derive(Debug, thiserror::Error)]
#[error(
    "the transaction that it has left open was rolled back: Session::begin begins one that lasts"
)]
struct OwnBlock;

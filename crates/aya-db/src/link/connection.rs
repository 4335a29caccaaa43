//! One connection, as the rest of the driver holds it.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_postgres::{Client, Statement};

use aya_db_core::continuity::Life;
use aya_db_core::pool::{Connection, Openness, TransactionStatus};
use aya_db_core::{Generation, NodeId};

use super::state::{LinkState, Severed};
use super::statements::Statements;
use crate::connect::Dialled;

/// One authenticated connection to one server.
pub(crate) struct Link {
    client: Client,
    handle: LinkHandle,
    facts: LinkFacts,
    dialled: Dialled,
    statements: Statements,
    has_ledger: OnceLock<bool>,
    life: OnceLock<Option<Life>>,
}

/// What was true of the server when the connection was made.
#[derive(Debug, Clone)]
pub(crate) struct LinkFacts {
    /// The server.
    pub(crate) node: NodeId,
    /// The generation of its connections.
    pub(crate) generation: Generation,
    /// Since when this connection stands.
    pub(crate) made_at: Instant,
    /// `in_hot_standby`.
    pub(crate) in_recovery: bool,
    /// `default_transaction_read_only`.
    pub(crate) default_read_only: bool,
}

/// What it takes to watch a connection and to end it from outside.
#[derive(Debug, Clone)]
pub(crate) struct LinkHandle {
    state: Arc<LinkState>,
    driver: AbortHandle,
}

/// How much a connection had sent at some moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    requests: u64,
    works: u64,
    copies: u64,
}

impl Link {
    pub(crate) fn new(
        client: Client,
        state: Arc<LinkState>,
        driver: AbortHandle,
        facts: LinkFacts,
        dialled: Dialled,
    ) -> Self {
        let handle = LinkHandle { state, driver };
        let (has_ledger, life) = (OnceLock::new(), OnceLock::new());
        Self { client, handle, facts, dialled, statements: Statements::new(), has_ledger, life }
    }

    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) const fn facts(&self) -> &LinkFacts {
        &self.facts
    }

    pub(crate) const fn node(&self) -> &NodeId {
        &self.facts.node
    }

    /// The address at which the server was reached; a cancel request must go to the same one.
    pub(crate) const fn dialled(&self) -> &Dialled {
        &self.dialled
    }

    pub(crate) fn state(&self) -> &LinkState {
        &self.handle.state
    }

    pub(crate) const fn handle(&self) -> &LinkHandle {
        &self.handle
    }

    /// Whether there is a commit ledger, once that was asked.
    pub(crate) const fn has_ledger(&self) -> &OnceLock<bool> {
        &self.has_ledger
    }

    /// What a commit on it is marked with beside its own place, once that was asked; `None` where the user
    /// may not know it.
    pub(crate) const fn life(&self) -> &OnceLock<Option<Life>> {
        &self.life
    }

    /// The statement prepared for `sql`, if it is kept.
    pub(crate) fn prepared(&self, sql: &str) -> Option<Statement> {
        self.statements.get(sql)
    }

    /// The statement prepared for `sql`, from the cache or from the server.
    ///
    /// Dropped midway, the server prepares it all the same and nobody keeps it.
    pub(crate) async fn prepare(&self, sql: &str) -> Result<Statement, tokio_postgres::Error> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.put(sql, statement.clone());
        Ok(statement)
    }

    /// Drops what was prepared for `sql`, since the server no longer knows it or its plan.
    pub(crate) fn forget(&self, sql: &str) {
        self.statements.forget(sql);
        self.client.clear_type_cache();
    }

    /// Notes how much work has been sent so far.
    pub(crate) fn mark(&self) -> Mark {
        let state = self.state();
        Mark {
            requests: state.requests_sent(),
            works: state.works_sent(),
            copies: state.copies_ended(),
        }
    }

    /// Whether anything that asks for an answer has been sent since `mark`.
    pub(crate) fn asked_since(&self, mark: Mark) -> bool {
        self.state().requests_sent() != mark.requests
    }

    /// Whether work has been sent since `mark`.
    pub(crate) fn sent_since(&self, mark: Mark) -> bool {
        self.state().works_sent() != mark.works
    }

    /// Whether COPY data has been declared complete since `mark`.
    pub(crate) fn copy_ended_since(&self, mark: Mark) -> bool {
        self.state().copies_ended() != mark.copies
    }

    /// What the pool must know to decide whether it may be handed out again, having been idle for
    /// as long as it was.
    pub(crate) fn pooled(&self) -> Connection {
        let (age, idle) = self.state().age_and_idle();
        self.state().ask_before_writing(idle >= LATE);
        Connection { age, idle, ..self.returned() }
    }

    /// The same at the moment when it comes back.
    pub(crate) fn returned(&self) -> Connection {
        let state = self.state();
        let closed = state.end().is_some() || self.client.is_closed();
        Connection {
            open: if closed { Openness::Closed } else { Openness::Open },
            made_under: self.facts.generation,
            status: TransactionStatus::from_byte(state.status()),
            outstanding: u32::try_from(state.works_outstanding()).unwrap_or(u32::MAX),
            age: Duration::ZERO,
            idle: Duration::ZERO,
        }
    }
}

/// The runtime may be as late as this to hear of a connection's end; asking the kernel takes a
/// system call.
const LATE: Duration = Duration::from_micros(500);

impl LinkHandle {
    pub(crate) fn state(&self) -> &LinkState {
        &self.state
    }

    /// Ends the connection now. What had been sent is certain once [`LinkState::ended`] resolves.
    pub(crate) fn sever(&self, reason: Severed) {
        self.state.set_severed(reason);
        self.driver.abort();
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("facts", &self.facts).finish_non_exhaustive()
    }
}

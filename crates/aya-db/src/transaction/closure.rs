//! The works of beginning a transaction, and of running one from BEGIN to COMMIT.

use std::future::Future;
use std::sync::Arc;

use aya_db_core::failure::Persistence;
use aya_db_core::pool::TransactionStatus;

use super::Transaction;
use super::shared::{Open, Shared, State};
use crate::core::Core;
use crate::execute::{Attempting, Work};
use crate::failed::Failed;
use crate::options::CallOptions;
use crate::pool::Pooled;

/// The work of [`Cluster::begin`](crate::Cluster::begin).
pub(crate) struct BeginWork<'a> {
    pub(crate) core: &'a Arc<Core>,
    pub(crate) options: &'a CallOptions,
}

impl Work for BeginWork<'_> {
    type Output = Transaction;

    async fn run(&mut self, link: Pooled, attempt: &Attempting<'_>) -> Result<Transaction, Failed> {
        Shared::start(self.core, self.options, link, attempt).await
    }
}

/// The work of [`Cluster::transaction`](crate::Cluster::transaction): from BEGIN to COMMIT.
pub(crate) struct ClosureWork<'a, F, E> {
    core: &'a Arc<Core>,
    options: &'a CallOptions,
    run: F,
    own_error: Option<E>,
}

impl<'a, F, E> ClosureWork<'a, F, E> {
    pub(crate) fn new(core: &'a Arc<Core>, options: &'a CallOptions, run: F) -> Self {
        Self { core, options, run, own_error: None }
    }

    /// What the closure itself returned when the transaction failed for the last time.
    pub(crate) fn own_error(self) -> Option<E> {
        self.own_error
    }
}

impl<T, E, F, Fut> Work for ClosureWork<'_, F, E>
where
    F: FnMut(Transaction) -> Fut + Send,
    Fut: Future<Output = Result<T, E>> + Send,
    T: Send,
    E: Send,
{
    type Output = Result<T, E>;

    async fn run(
        &mut self,
        link: Pooled,
        attempt: &Attempting<'_>,
    ) -> Result<Result<T, E>, Failed> {
        self.own_error = None;
        let begun = Box::pin(Shared::start(self.core, self.options, link, attempt)).await;
        let transaction = begun?;
        let result = (self.run)(transaction.clone()).await;
        let shared = &transaction.0;
        let mut open = shared.open.lock().await;
        let (state, failure) = {
            let mut standing = shared.standing();
            (standing.state, standing.failure.take())
        };
        match (state, result, failure) {
            // The closure has ended it itself, and what it returns stands.
            (State::Ended, result @ Ok(_), _) | (State::Ended, result, None) => Ok(result),
            // A failure that was passed over: there is nothing to commit.
            (State::Lost, Ok(_), Some(failed)) => Err(failed),
            // The same; COMMIT would answer ROLLBACK.
            (State::Open, Ok(_), Some(failed)) if open.must_run_again(&failed) => {
                shared.rollback(&mut open).await;
                Err(failed)
            }
            (State::Open | State::Lost, Ok(value), _) => {
                Box::pin(shared.commit(&mut open)).await.map(|()| Ok(value))
            }
            (state, Err(error), Some(failed)) => {
                if state == State::Open {
                    shared.rollback(&mut open).await;
                }
                self.own_error = Some(error);
                Err(failed)
            }
            (State::Open | State::Lost, Err(error), None) => {
                shared.rollback(&mut open).await;
                Ok(Err(error))
            }
        }
    }
}

impl Open {
    /// Whether a failure that the closure passed over still stands, and may pass by itself.
    fn must_run_again(&self, failed: &Failed) -> bool {
        let stands = self.link.as_ref().is_none_or(|link| {
            let status = TransactionStatus::from_byte(link.state().status());
            link.state().end().is_some() || status == Some(TransactionStatus::Failed)
        });
        stands && failed.classify().kind.persistence() == Persistence::Transient
    }
}

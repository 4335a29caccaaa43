//! COPY in both directions.

use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{SinkExt, Stream};
use tokio_postgres::{CopyInSink, CopyOutStream};

use aya_db_core::failure::{Facts, InTransaction, Phase, Safety, Sent};

use crate::core::Core;
use crate::error::Error;
use crate::execute::{Attempting, Work};
use crate::failed::Failed;
use crate::link::Link;
use crate::options::CallOptions;
use crate::pool::Pooled;
use crate::talk::Talk;
use crate::transaction::Transaction;

/// The connection under a COPY.
pub(crate) enum Holder {
    Own { core: Arc<Core>, link: Pooled, safety: Safety },
    Transaction(Transaction),
}

impl Holder {
    fn link(&self) -> &Link {
        match self {
            Self::Own { link, .. } => link,
            Self::Transaction(transaction) => transaction.link(),
        }
    }

    fn talk(&self) -> Talk<'_> {
        match self {
            Self::Own { core, link, safety } => Talk::alone(link, &core.session, *safety, None),
            Self::Transaction(transaction) => transaction.talk(),
        }
    }

    fn scope(&self) -> InTransaction {
        match self {
            Self::Own { .. } => InTransaction::No,
            Self::Transaction(_) => InTransaction::Yes,
        }
    }

    fn fail(&self, failed: Failed) -> Error {
        match self {
            Self::Own { core, .. } => {
                drop(core.tell(&failed, &failed.classify()));
                Error::from_failed(&failed, None)
            }
            Self::Transaction(transaction) => transaction.fail("copy", failed),
        }
    }
}

/// Sends the data of `COPY … FROM STDIN`. Dropped before [`CopyIn::finish`], nothing is copied.
///
/// ```no_run
/// # async fn example(cluster: &aya_db::Cluster) -> Result<(), aya_db::Error> {
/// let mut copy = cluster.copy_in("copy items (id, name) from stdin").await?;
/// copy.send("1\tone\n2\ttwo\n").await?;
/// assert_eq!(copy.finish().await?, 2);
/// # Ok(()) }
/// ```
pub struct CopyIn {
    // Dropped first, so that the server hears of the end before anybody else uses the connection.
    sink: Pin<Box<CopyInSink<Bytes>>>,
    holder: Holder,
}

impl CopyIn {
    /// Sends a piece of the data; pieces need not end where rows do. Dropped midway, the piece
    /// may have been taken or not.
    ///
    /// # Errors
    /// When the server refuses the data or is lost; nothing is copied then.
    pub async fn send(&mut self, data: impl Into<Bytes>) -> Result<(), Error> {
        let (talk, scope) = (self.holder.talk(), self.holder.scope());
        let sent = talk.copy_data(scope, self.sink.send(data.into())).await;
        sent.map_err(|failed| self.holder.fail(failed))
    }

    /// Says that the data is complete, and gives the number of rows.
    ///
    /// # Errors
    /// When the server refuses the data, and, of fate
    /// [`Unknown`](aya_db_core::Fate::Unknown), when its answer was lost.
    pub async fn finish(mut self) -> Result<u64, Error> {
        let (talk, scope) = (self.holder.talk(), self.holder.scope());
        let done = talk.copy_done(scope, self.sink.as_mut().finish()).await;
        done.map_err(|failed| self.holder.fail(failed))
    }
}

/// The data of `COPY … TO STDOUT`, a stream of pieces.
///
/// ```no_run
/// # async fn example(cluster: &aya_db::Cluster) -> Result<(), aya_db::Error> {
/// let mut rows = cluster.copy_out("copy items to stdout").await?;
/// while let Some(piece) = rows.next().await {
///     println!("{} bytes", piece?.len());
/// }
/// # Ok(()) }
/// ```
pub struct CopyOut {
    stream: Pin<Box<CopyOutStream>>,
    holder: Holder,
}

impl CopyOut {
    /// The next piece; `None` at the end. Dropped midway, no piece is lost.
    ///
    /// # Errors
    /// When the server fails or is lost.
    pub async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for CopyOut {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        Poll::Ready(match ready!(this.stream.as_mut().poll_next(cx)) {
            Some(Ok(piece)) => Some(Ok(piece)),
            Some(Err(error)) => {
                let scope = this.holder.scope();
                let cause = this.holder.talk().cause(&error);
                let facts = Facts::new(Phase::CopyOut(scope), Sent::Yes, cause);
                let failed = Failed::new(facts).on(this.holder.link()).because(error);
                Some(Err(this.holder.fail(failed)))
            }
            None => None,
        })
    }
}

impl fmt::Debug for CopyIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyIn").field("node", self.holder.link().node()).finish_non_exhaustive()
    }
}

impl fmt::Debug for CopyOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyOut").field("node", self.holder.link().node()).finish_non_exhaustive()
    }
}

/// A direction of COPY.
pub(crate) trait Copying: Sized + Send {
    /// What its data goes through.
    type Data: Send;

    /// Begins one.
    fn begin(talk: &Talk<'_>, sql: &str)
    -> impl Future<Output = Result<Self::Data, Failed>> + Send;

    /// One that has begun.
    fn new(data: Self::Data, holder: Holder) -> Self;
}

impl Copying for CopyIn {
    type Data = CopyInSink<Bytes>;

    async fn begin(talk: &Talk<'_>, sql: &str) -> Result<Self::Data, Failed> {
        talk.copy_in(sql).await
    }

    fn new(sink: Self::Data, holder: Holder) -> Self {
        Self { sink: Box::pin(sink), holder }
    }
}

impl Copying for CopyOut {
    type Data = CopyOutStream;

    async fn begin(talk: &Talk<'_>, sql: &str) -> Result<Self::Data, Failed> {
        talk.copy_out(sql).await
    }

    fn new(stream: Self::Data, holder: Holder) -> Self {
        Self { stream: Box::pin(stream), holder }
    }
}

/// The work of beginning a COPY; only that is ever run again.
pub(crate) struct CopyWork<'a, C> {
    pub(crate) core: &'a Arc<Core>,
    pub(crate) options: &'a CallOptions,
    pub(crate) sql: &'a str,
    pub(crate) direction: PhantomData<C>,
}

impl<C: Copying> Work for CopyWork<'_, C> {
    type Output = C;

    async fn run(&mut self, link: Pooled, attempt: &Attempting<'_>) -> Result<C, Failed> {
        let safety = self.options.safety;
        let talk = Talk::alone(&link, &self.core.session, safety, attempt.run_until);
        match C::begin(&talk, self.sql).await {
            Ok(data) => {
                let core = Arc::clone(self.core);
                Ok(C::new(data, Holder::Own { core, link, safety }))
            }
            Err(failed) => Err(failed.with_link(link)),
        }
    }

    fn forget(&self, link: &Link) {
        link.forget(self.sql);
    }
}

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

use aya_db_core::NodeId;
use aya_db_core::failure::{InTransaction, Safety};

use crate::core::Core;
use crate::error::Error;
use crate::execute::{Attempting, Work};
use crate::failed::Failed;
use crate::link::Link;
use crate::options::CallOptions;
use crate::pool::Pooled;
use crate::talk::Talk;
use crate::transaction::{Sink, Transaction, Turn};

/// A COPY that stands alone, on its connection.
pub(crate) struct Alone {
    core: Arc<Core>,
    link: Pooled,
    safety: Safety,
}

impl Alone {
    fn talk(&self) -> Talk<'_> {
        Talk::alone(&self.link, &self.core.session, self.safety, None)
    }

    fn fail(&self, failed: Failed) -> Error {
        drop(self.core.tell(&failed, &failed.classify()));
        Error::from_failed(&failed, None)
    }
}

/// The connection under a COPY.
pub(crate) enum Holder {
    Alone(Alone),
    Transaction(Turn),
    /// A transaction that ends with the COPY.
    Whole(Turn),
}

impl Holder {
    fn node(&self) -> Option<&NodeId> {
        match self {
            Self::Alone(alone) => Some(alone.link.node()),
            Self::Transaction(turn) | Self::Whole(turn) => turn.link().map(Link::node),
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
    sink: Sink,
    holder: Holder,
}

impl CopyIn {
    /// One in a transaction.
    pub(crate) async fn within(transaction: &Transaction, sql: &str) -> Result<Self, Error> {
        let (turn, sink) = Turn::copy_in(transaction, sql).await?;
        Ok(Self { sink, holder: Holder::Transaction(turn) })
    }

    /// One that is all of its transaction.
    pub(crate) async fn whole(transaction: &Transaction, sql: &str) -> Result<Self, Error> {
        let (turn, sink) = Turn::copy_in(transaction, sql).await?;
        Ok(Self { sink, holder: Holder::Whole(turn) })
    }

    /// Sends a piece of the data; pieces need not end where rows do. Dropped midway, the piece
    /// may have been taken or not.
    ///
    /// # Errors
    /// When the server refuses the data, or is lost and the data so far is not kept
    /// (`replay_max_bytes`); nothing is copied then.
    pub async fn send(&mut self, data: impl Into<Bytes>) -> Result<(), Error> {
        let data = data.into();
        match &mut self.holder {
            Holder::Alone(alone) => {
                let sent = alone.talk().copy_data(InTransaction::No, self.sink.send(data)).await;
                sent.map_err(|failed| alone.fail(failed))
            }
            Holder::Transaction(turn) | Holder::Whole(turn) => {
                turn.send(&mut self.sink, data).await
            }
        }
    }

    /// Says that the data is complete, and gives the number of rows.
    ///
    /// # Errors
    /// When the server refuses the data, and, of fate
    /// [`Unknown`](aya_db_core::Fate::Unknown), when its answer was lost and nobody can tell.
    pub async fn finish(self) -> Result<u64, Error> {
        let Self { mut sink, holder } = self;
        match holder {
            Holder::Alone(alone) => {
                let done = alone.talk().copy_done(InTransaction::No, sink.as_mut().finish()).await;
                done.map_err(|failed| alone.fail(failed))
            }
            Holder::Transaction(mut turn) => turn.finish(sink).await,
            Holder::Whole(mut turn) => {
                let count = turn.finish(sink).await?;
                turn.commit().await.map(|()| count)
            }
        }
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
    /// One in a transaction.
    pub(crate) async fn within(transaction: &Transaction, sql: &str) -> Result<Self, Error> {
        let (turn, stream) = Turn::copy_out(transaction, sql).await?;
        Ok(Self { stream: Box::pin(stream), holder: Holder::Transaction(turn) })
    }

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
        let next = ready!(this.stream.as_mut().poll_next(cx));
        Poll::Ready(match (next, &mut this.holder) {
            (Some(Ok(piece)), Holder::Alone(_)) => Some(Ok(piece)),
            (Some(Ok(piece)), Holder::Transaction(turn) | Holder::Whole(turn)) => {
                turn.received(&piece);
                Some(Ok(piece))
            }
            (Some(Err(error)), Holder::Alone(alone)) => {
                let failed = alone.talk().copy_out_failed(InTransaction::No, error);
                Some(Err(alone.fail(failed)))
            }
            (Some(Err(error)), Holder::Transaction(turn) | Holder::Whole(turn)) => {
                Some(Err(turn.fail_out(error)))
            }
            (None, Holder::Alone(_)) => None,
            (None, Holder::Transaction(turn) | Holder::Whole(turn)) => {
                turn.received_all();
                None
            }
        })
    }
}

impl fmt::Debug for CopyIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyIn").field("node", &self.holder.node()).finish_non_exhaustive()
    }
}

impl fmt::Debug for CopyOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyOut").field("node", &self.holder.node()).finish_non_exhaustive()
    }
}

/// The work of beginning a COPY that stands alone; only that is ever run again.
pub(crate) struct CopyWork<'a, C> {
    pub(crate) core: &'a Arc<Core>,
    pub(crate) options: &'a CallOptions,
    pub(crate) sql: &'a str,
    pub(crate) direction: PhantomData<C>,
}

/// A direction of COPY.
pub(crate) trait Copying: Sized + Send {
    /// What its data goes through.
    type Data: Send;

    /// Begins one.
    fn begin(talk: &Talk<'_>, sql: &str)
    -> impl Future<Output = Result<Self::Data, Failed>> + Send;

    /// One that has begun.
    fn new(data: Self::Data, alone: Alone) -> Self;
}

impl Copying for CopyIn {
    type Data = CopyInSink<Bytes>;

    async fn begin(talk: &Talk<'_>, sql: &str) -> Result<Self::Data, Failed> {
        talk.copy_in(sql).await
    }

    fn new(sink: Self::Data, alone: Alone) -> Self {
        Self { sink: Box::pin(sink), holder: Holder::Alone(alone) }
    }
}

impl Copying for CopyOut {
    type Data = CopyOutStream;

    async fn begin(talk: &Talk<'_>, sql: &str) -> Result<Self::Data, Failed> {
        talk.copy_out(sql).await
    }

    fn new(stream: Self::Data, alone: Alone) -> Self {
        Self { stream: Box::pin(stream), holder: Holder::Alone(alone) }
    }
}

impl<C: Copying> Work for CopyWork<'_, C> {
    type Output = C;

    async fn run(&mut self, link: Pooled, attempt: &Attempting<'_>) -> Result<C, Failed> {
        let safety = self.options.safety;
        let talk = Talk::alone(&link, &self.core.session, safety, attempt.run_until);
        match C::begin(&talk, self.sql).await {
            Ok(data) => Ok(C::new(data, Alone { core: Arc::clone(self.core), link, safety })),
            Err(failed) => Err(failed.with_link(link)),
        }
    }

    fn forget(&self, link: &Link) {
        link.forget(self.sql);
    }
}

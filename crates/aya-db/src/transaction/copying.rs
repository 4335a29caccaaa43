//! COPY within a transaction.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::SinkExt;
use tokio::sync::OwnedMutexGuard;
use tokio_postgres::{CopyInSink, CopyOutStream};

use aya_db_core::continuity::{Digester, Entry, Input, Refusal, Seen};
use aya_db_core::failure::InTransaction;

use super::Transaction;
use super::ask::{Ask, Inside};
use super::shared::{Open, Shared};
use crate::error::Error;
use crate::failed::Failed;
use crate::link::Link;
use crate::sql::Repeats;
use crate::talk::Talk;

/// Where the data of `COPY … FROM STDIN` goes.
pub(crate) type Sink = Pin<Box<CopyInSink<Bytes>>>;

/// The turn that a COPY has: nothing else runs in the transaction until it is dropped.
pub(crate) struct Turn {
    shared: Arc<Shared>,
    open: OwnedMutexGuard<Open>,
    sql: Box<str>,
    /// What was sent, for as long as the transaction may be replayed.
    pieces: Vec<Bytes>,
    bytes: usize,
    /// What was received.
    digester: Digester,
}

impl Turn {
    async fn take(transaction: &Transaction, sql: &str) -> Result<Self, Error> {
        let shared = Arc::clone(&transaction.0);
        shared.check_open()?;
        let mut open = Arc::clone(&shared.open).lock_owned().await;
        shared.check_open()?;
        shared.step(&mut open, sql, Repeats::Allowed);
        let (pieces, digester) = (Vec::new(), Digester::new());
        Ok(Self { shared, open, sql: sql.into(), pieces, bytes: 0, digester })
    }

    /// Begins `COPY … FROM STDIN`.
    pub(crate) async fn copy_in(
        transaction: &Transaction,
        sql: &str,
    ) -> Result<(Self, Sink), Error> {
        let mut turn = Self::take(transaction, sql).await?;
        let begun = turn.shared.run(&mut turn.open, sql, &Begin { sql, pieces: &[] }).await;
        match begun {
            Ok(sink) => Ok((turn, sink)),
            Err(failed) => Err(turn.end_in(failed)),
        }
    }

    /// Begins `COPY … TO STDOUT`.
    pub(crate) async fn copy_out(
        transaction: &Transaction,
        sql: &str,
    ) -> Result<(Self, CopyOutStream), Error> {
        let mut turn = Self::take(transaction, sql).await?;
        match turn.shared.run(&mut turn.open, sql, &BeginOut { sql }).await {
            Ok(stream) => Ok((turn, stream)),
            Err(failed) => Err(turn.end_in(failed)),
        }
    }

    /// The connection, unless it is lost.
    pub(crate) fn link(&self) -> Option<&Link> {
        self.open.link.as_deref()
    }

    /// Sends a piece of the data; on another connection, all pieces from the first.
    pub(crate) async fn send(&mut self, sink: &mut Sink, data: Bytes) -> Result<(), Error> {
        self.keep(&data);
        let Self { shared, open, sql, pieces, .. } = self;
        let Some(inside) = shared.inside(open, false) else { return Err(shared.gone_error()) };
        let sent = inside.talk.copy_data(InTransaction::Yes, sink.send(data)).await;
        let failed = match sent {
            Ok(()) => return Ok(()),
            Err(failed) => failed,
        };
        if !shared.is_cured(&failed) {
            return Err(self.end_in(failed));
        }
        let again = Begin { sql, pieces };
        match Box::pin(shared.replay(open, &again, failed)).await {
            Ok(new) => {
                *sink = new;
                Ok(())
            }
            Err(failed) => Err(self.end_in(failed)),
        }
    }

    fn keep(&mut self, data: &Bytes) {
        if !self.open.record.is_kept() {
            self.pieces = Vec::new();
            return;
        }
        self.bytes += data.len();
        let limit = self.shared.limits().bytes;
        if self.bytes > limit {
            self.open.record.refuse(Refusal::TooManyBytes(limit));
            self.pieces = Vec::new();
        } else {
            self.pieces.push(data.clone());
        }
    }

    /// Says that the data is complete.
    pub(crate) async fn finish(&mut self, mut sink: Sink) -> Result<u64, Error> {
        let Self { shared, open, sql, pieces, .. } = self;
        let Some(inside) = shared.inside(open, false) else { return Err(shared.gone_error()) };
        let done = match inside.talk.copy_done(InTransaction::Yes, sink.as_mut().finish()).await {
            Err(failed) if shared.is_cured(&failed) => {
                Box::pin(shared.replay(open, &Whole { sql, pieces }, failed)).await
            }
            done => done,
        };
        match done {
            Ok(count) => {
                let input = Input::CopyIn(std::mem::take(pieces));
                let entry = Entry { sql: sql.clone(), input, seen: Seen::Count(count) };
                shared.note(open, Some(Some(entry)));
                Ok(count)
            }
            Err(failed) => Err(self.end_in(failed)),
        }
    }

    /// Commits the transaction, of which the COPY is all.
    pub(crate) async fn commit(&mut self) -> Result<(), Error> {
        let committed = self.shared.commit(&mut self.open).await;
        committed.map_err(|failed| self.shared.fail("commit", failed))
    }

    /// A piece has been received.
    pub(crate) fn received(&mut self, piece: &[u8]) {
        self.digester.bytes(piece);
    }

    /// All pieces have been received.
    pub(crate) fn received_all(&mut self) {
        let (sql, seen) = (self.sql.clone(), Seen::Rows(self.digester.finish()));
        let entry = Entry { sql, input: Input::CopyOut, seen };
        self.shared.note(&mut self.open, Some(Some(entry)));
    }

    /// The COPY out of which data has been seen has failed.
    pub(crate) fn fail_out(&mut self, error: tokio_postgres::Error) -> Error {
        let Some(inside) = self.shared.inside(&self.open, false) else {
            return self.shared.gone_error();
        };
        let failed = inside.talk.copy_out_failed(InTransaction::Yes, error);
        if self.shared.is_cured(&failed) {
            self.open.record.refuse(Refusal::CopyOutUnderWay);
            let failed = self.shared.give_up(&mut self.open, failed);
            return self.shared.fail(&self.sql, failed);
        }
        self.end_in(failed)
    }

    /// The COPY has failed, and that is recorded.
    fn end_in(&mut self, failed: Failed) -> Error {
        if let Some(code) = failed.sqlstate() {
            let input = Input::CopyIn(std::mem::take(&mut self.pieces));
            let entry = Entry { sql: self.sql.clone(), input, seen: Seen::Failed(code) };
            self.shared.note(&mut self.open, Some(Some(entry)));
        }
        self.shared.fail(&self.sql, failed)
    }
}

/// The beginning of `COPY … FROM STDIN`, and what was sent.
struct Begin<'a> {
    sql: &'a str,
    pieces: &'a [Bytes],
}

impl Ask for Begin<'_> {
    type Answer = Sink;

    async fn run(&self, inside: &Inside<'_>) -> Result<Sink, Failed> {
        send_all(&inside.talk, self.sql, self.pieces).await
    }
}

/// A whole `COPY … FROM STDIN`.
struct Whole<'a> {
    sql: &'a str,
    pieces: &'a [Bytes],
}

impl Ask for Whole<'_> {
    type Answer = u64;

    async fn run(&self, inside: &Inside<'_>) -> Result<u64, Failed> {
        copy_all(&inside.talk, self.sql, self.pieces).await
    }
}

async fn send_all(talk: &Talk<'_>, sql: &str, pieces: &[Bytes]) -> Result<Sink, Failed> {
    let mut sink = Box::pin(talk.copy_in(sql).await?);
    for piece in pieces {
        talk.copy_data(InTransaction::Yes, sink.send(piece.clone())).await?;
    }
    Ok(sink)
}

pub(super) async fn copy_all(talk: &Talk<'_>, sql: &str, pieces: &[Bytes]) -> Result<u64, Failed> {
    let mut sink = send_all(talk, sql, pieces).await?;
    talk.copy_done(InTransaction::Yes, sink.as_mut().finish()).await
}

/// The beginning of `COPY … TO STDOUT`.
struct BeginOut<'a> {
    sql: &'a str,
}

impl Ask for BeginOut<'_> {
    type Answer = CopyOutStream;

    async fn run(&self, inside: &Inside<'_>) -> Result<CopyOutStream, Failed> {
        inside.talk.copy_out(self.sql).await
    }
}

//! What is kept of a COPY.

use aya_db_core::continuity::{Input, Record, Refusal, Seen};
use aya_db_core::failure::{InTransaction, Phase};
use aya_pgwire::Event;
use bytes::Bytes;

use crate::flight::End;
use crate::kind::Kind;
use crate::transaction::Sight;

/// A COPY, and what is kept of it.
#[derive(Debug)]
pub(crate) struct Copy {
    pub(crate) end: End,
    /// What was sent, for as long as it may be sent again.
    pub(crate) pieces: Vec<Bytes>,
    bytes: usize,
    limit: usize,
    /// How the caller has ended his data.
    pub(crate) finish: Option<Finish>,
    /// What the caller has seen before the COPY and of its data.
    pub(crate) sight: Sight,
    /// What he had seen when it began.
    pub(crate) before: Seen,
    /// Whether he has seen any of its data.
    pub(crate) seen: bool,
    /// Whether its end has not come.
    is_under_way: bool,
}

/// How the caller has ended his data.
#[derive(Debug, Clone)]
pub(crate) enum Finish {
    Done,
    Failed(Box<[u8]>),
}

impl Copy {
    pub(crate) fn new(end: End, events: &[Event], limit: usize) -> Self {
        let sight = Sight::of(events);
        let before = sight.seen();
        let (pieces, finish) = (Vec::new(), None);
        Self {
            end,
            pieces,
            bytes: 0,
            limit,
            finish,
            sight,
            before,
            seen: false,
            is_under_way: true,
        }
    }

    /// Keeps data that is sent.
    pub(crate) fn keep(&mut self, data: &[u8]) {
        self.bytes = self.bytes.saturating_add(data.len());
        if self.is_kept() {
            self.pieces.push(Bytes::copy_from_slice(data));
        } else {
            self.pieces = Vec::new();
        }
    }

    /// Whether all that was sent can be sent again.
    const fn is_kept(&self) -> bool {
        self.bytes <= self.limit
    }

    /// Whether it cannot be done again.
    pub(crate) const fn is_beyond_repeating(&self) -> bool {
        self.seen || !self.is_kept()
    }

    /// How far it has come.
    pub(crate) fn phase(&self, kind: Kind) -> Phase {
        let scope = match kind {
            Kind::Alone(scope) | Kind::Inside(scope) => scope,
            Kind::Begin | Kind::Wrapped | Kind::Commit | Kind::Rollback => InTransaction::Yes,
        };
        match (self.end, &self.finish) {
            (End::CopyIn, None) => Phase::CopyIn(scope),
            (End::CopyIn, Some(_)) => Phase::CopyDone(scope),
            (End::CopyOut | End::CopyBoth | End::Ready(_), _) => Phase::CopyOut(scope),
        }
    }

    /// A transaction is not replayed whose COPY cannot be done again.
    pub(crate) fn refuse_in(&self, record: &mut Record) {
        if self.seen && self.is_under_way {
            record.refuse(Refusal::CopyOutUnderWay);
        } else if !self.is_kept() {
            record.refuse(Refusal::TooManyBytes(self.limit));
        }
    }

    /// What is recorded of it, with what was answered at its end.
    pub(crate) fn recorded(mut self, rest: &[Event], record: &mut Record) -> (Input, Seen) {
        self.is_under_way = false;
        self.refuse_in(record);
        rest.iter().for_each(|event| self.sight.see(event));
        let input = match self.end {
            End::CopyIn => Input::CopyIn(self.pieces),
            End::CopyOut | End::CopyBoth | End::Ready(_) => Input::CopyOut,
        };
        (input, self.sight.seen())
    }
}

impl Finish {
    /// The reason for giving up, if that is how.
    pub(crate) fn reason(&self) -> Option<&[u8]> {
        match self {
            Self::Done => None,
            Self::Failed(reason) => Some(reason),
        }
    }
}

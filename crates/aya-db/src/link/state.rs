//! What is known of a connection by watching it; written by the tap and the driver task, read by
//! everyone else.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_postgres::error::DbError;

use super::frames::Frame;

/// How many notices are kept until the statement that caused them asks for them.
const NOTICES_KEPT: usize = 32;

/// The shared state of one connection.
#[derive(Debug)]
pub(crate) struct LinkState {
    /// Completed Query frames, and Syncs that follow an Execute: work the server can act on.
    works_sent: AtomicU64,
    /// Completed CopyDone frames.
    copies_ended: AtomicU64,
    /// Frames to which the server answers with ReadyForQuery.
    requests_sent: AtomicU64,
    /// ReadyForQuery frames.
    requests_answered: AtomicU64,
    /// Statements that the client let go of, and how many of those the server confirmed.
    closes_sent: AtomicU64,
    closes_answered: AtomicU64,
    /// Reads that brought something.
    heard: AtomicU64,
    /// The transaction status of the last ReadyForQuery: `I`, `T` or `E`; zero before the first.
    status: AtomicU8,
    /// The process of the server, from BackendKeyData; zero before it comes.
    pid: AtomicI32,
    born: Instant,
    /// When the last ReadyForQuery came, in microseconds since birth.
    ready_at: AtomicU64,
    /// Whether the last CommandComplete said `ROLLBACK`.
    rolled_back: AtomicBool,
    execute_pending: AtomicBool,
    ask_kernel: AtomicBool,
    notices: Mutex<VecDeque<DbError>>,
    /// Whether there are notices, for those who look at every statement.
    noticed: AtomicBool,
    severed: OnceLock<Severed>,
    end: OnceLock<End>,
    ended: watch::Sender<bool>,
}

/// Why we ended a connection ourselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severed {
    /// Its server fell silent while it owed an answer.
    Silent,
    /// The caller's time was up.
    Deadline,
    /// The future that waited for the answer was dropped.
    Abandoned,
}

/// How a connection ended.
#[derive(Debug, Clone)]
pub(crate) enum End {
    /// We ended it.
    Severed(Severed),
    /// The server or the network ended it.
    Lost(Arc<tokio_postgres::Error>),
    /// It was closed in good order.
    Closed,
}

impl LinkState {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            works_sent: AtomicU64::new(0),
            copies_ended: AtomicU64::new(0),
            requests_sent: AtomicU64::new(0),
            requests_answered: AtomicU64::new(0),
            closes_sent: AtomicU64::new(0),
            closes_answered: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            status: AtomicU8::new(0),
            pid: AtomicI32::new(0),
            born: Instant::now(),
            ready_at: AtomicU64::new(0),
            rolled_back: AtomicBool::new(false),
            execute_pending: AtomicBool::new(false),
            ask_kernel: AtomicBool::new(false),
            notices: Mutex::new(VecDeque::new()),
            noticed: AtomicBool::new(false),
            severed: OnceLock::new(),
            end: OnceLock::new(),
            ended: watch::Sender::new(false),
        })
    }

    pub(crate) fn requests_sent(&self) -> u64 {
        self.requests_sent.load(Ordering::Acquire)
    }

    pub(crate) fn works_sent(&self) -> u64 {
        self.works_sent.load(Ordering::Acquire)
    }

    pub(crate) fn copies_ended(&self) -> u64 {
        self.copies_ended.load(Ordering::Acquire)
    }

    /// How many answers the server owes.
    pub(crate) fn outstanding(&self) -> u64 {
        let sent = self.requests_sent.load(Ordering::Acquire);
        sent.saturating_sub(self.requests_answered.load(Ordering::Acquire))
    }

    /// The time since birth and since the last ReadyForQuery.
    pub(crate) fn age_and_idle(&self) -> (Duration, Duration) {
        let age = self.born.elapsed();
        let ready_at = Duration::from_micros(self.ready_at.load(Ordering::Relaxed));
        (age, age.saturating_sub(ready_at))
    }

    /// Whether the kernel is to be asked, before the next request is written, if the other side
    /// has closed the connection.
    pub(crate) fn ask_before_writing(&self, ask: bool) {
        self.ask_kernel.store(ask, Ordering::Relaxed);
    }

    /// Whether it is, and no more.
    pub(super) fn must_ask_kernel(&self) -> bool {
        self.ask_kernel.load(Ordering::Relaxed) && self.ask_kernel.swap(false, Ordering::Relaxed)
    }

    /// How many of the answers that the server owes are to work, not to a statement let go of.
    pub(crate) fn works_outstanding(&self) -> u64 {
        let closes = self.closes_sent.load(Ordering::Acquire);
        let closing = closes.saturating_sub(self.closes_answered.load(Ordering::Acquire));
        self.outstanding().saturating_sub(closing)
    }

    /// Rises whenever the server was heard.
    pub(crate) fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// The transaction status byte.
    pub(crate) fn status(&self) -> u8 {
        self.status.load(Ordering::Acquire)
    }

    /// The process of the server that serves the connection.
    pub(crate) fn pid(&self) -> i32 {
        self.pid.load(Ordering::Relaxed)
    }

    /// Whether the last completed command was answered with the tag `ROLLBACK`.
    pub(crate) fn last_tag_was_rollback(&self) -> bool {
        self.rolled_back.load(Ordering::Acquire)
    }

    /// Whether there are notices to take.
    pub(crate) fn has_notices(&self) -> bool {
        self.noticed.load(Ordering::Acquire)
    }

    /// Takes the notices that have arrived since the last call.
    pub(crate) fn take_notices(&self) -> VecDeque<DbError> {
        self.noticed.store(false, Ordering::Release);
        std::mem::take(&mut self.notices.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How the connection ended, if it has.
    pub(crate) fn end(&self) -> Option<&End> {
        self.end.get()
    }

    /// Resolves when the connection has ended; nothing is lost by dropping it midway.
    pub(crate) async fn ended(&self) {
        let mut ended = self.ended.subscribe();
        // The sender lives in `self`, so the channel cannot close while we wait.
        let _ = ended.wait_for(|ended| *ended).await;
    }

    /// Asks the driver task to end the connection; the first reason stands.
    pub(super) fn set_severed(&self, reason: Severed) {
        let _ = self.severed.set(reason);
    }

    pub(super) fn set_end(&self, end: End) {
        let end = match self.severed.get() {
            Some(reason) => End::Severed(*reason),
            None => end,
        };
        let _ = self.end.set(end);
        self.ended.send_replace(true);
    }

    pub(super) fn push_notice(&self, notice: DbError) {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        if notices.len() == NOTICES_KEPT {
            notices.pop_front();
        }
        notices.push_back(notice);
        drop(notices);
        self.noticed.store(true, Ordering::Release);
    }

    pub(super) fn heard_something(&self) {
        self.heard.fetch_add(1, Ordering::Relaxed);
    }

    /// A frame has been handed to the transport completely.
    pub(super) fn frame_sent(&self, frame: &Frame) {
        match frame.tag {
            b'Q' => {
                self.requests_sent.fetch_add(1, Ordering::Release);
                self.works_sent.fetch_add(1, Ordering::Release);
            }
            b'E' => self.execute_pending.store(true, Ordering::Relaxed),
            b'S' => {
                self.requests_sent.fetch_add(1, Ordering::Release);
                if self.execute_pending.swap(false, Ordering::Relaxed) {
                    self.works_sent.fetch_add(1, Ordering::Release);
                }
            }
            b'c' => {
                self.copies_ended.fetch_add(1, Ordering::Release);
            }
            b'C' => {
                self.closes_sent.fetch_add(1, Ordering::Release);
            }
            _ => {}
        }
    }

    /// A frame has been received completely.
    pub(super) fn frame_received(&self, frame: &Frame) {
        match frame.tag {
            b'Z' => {
                self.status.store(frame.head().first().copied().unwrap_or(0), Ordering::Release);
                let age = u64::try_from(self.born.elapsed().as_micros()).unwrap_or(u64::MAX);
                self.ready_at.store(age, Ordering::Relaxed);
                // The first one ends the startup, which no request asked for.
                let sent = self.requests_sent.load(Ordering::Acquire);
                if self.requests_answered.load(Ordering::Acquire) < sent {
                    self.requests_answered.fetch_add(1, Ordering::Release);
                }
            }
            b'C' => {
                self.rolled_back.store(frame.head() == b"ROLLBACK", Ordering::Release);
            }
            b'K' => {
                if let Some(pid) = frame.head().first_chunk() {
                    self.pid.store(i32::from_be_bytes(*pid), Ordering::Relaxed);
                }
            }
            b'3' => {
                self.closes_answered.fetch_add(1, Ordering::Release);
            }
            // While it takes COPY data, the server ignores the Sync that followed the Execute:
            // https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-COPY
            b'G' => {
                self.requests_answered.fetch_add(1, Ordering::Release);
            }
            _ => {}
        }
    }
}

//! A BEGIN that goes out together with the first statement of its transaction.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

/// A BEGIN that waits for the first statement: both take one round trip.
///
/// A server may refuse BEGIN and run the statement all the same, by itself: it answers them one by one.
/// Only a cancellation or a timeout that strikes within BEGIN does that, so nobody who begins in this way
/// sends a cancel request before BEGIN was answered.
#[derive(Debug)]
pub(crate) struct Opening {
    sql: Cow<'static, str>,
    lone: Lone,
    waits: AtomicBool,
}

/// What it means that the statement has run by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lone {
    /// It was to be alone in its transaction, and it was.
    Serves,
    /// More was to follow.
    Fails,
}

impl Opening {
    pub(crate) fn new(sql: impl Into<Cow<'static, str>>, lone: Lone) -> Self {
        Self { sql: sql.into(), lone, waits: AtomicBool::new(true) }
    }

    /// The statement, for whoever sends it now.
    pub(crate) fn take(&self) -> Option<&str> {
        self.waits.swap(false, Ordering::AcqRel).then_some(&*self.sql)
    }

    /// Whether nothing of the transaction was sent so far.
    pub(crate) fn waits(&self) -> bool {
        self.waits.load(Ordering::Acquire)
    }

    pub(crate) fn lone(&self) -> Lone {
        self.lone
    }
}

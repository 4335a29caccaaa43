//! Cutting connections at a byte.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Looks at each piece of what a client says, and tells whether and where its connection is cut.
#[derive(Clone)]
pub struct Snipper(Arc<Choose>);

type Choose = dyn Fn(&[u8]) -> Option<Snip> + Send + Sync;

impl Snipper {
    /// Asks `choose` about each piece, as it arrives, of every connection.
    pub fn new(choose: impl Fn(&[u8]) -> Option<Snip> + Send + Sync + 'static) -> Self {
        Self(Arc::new(choose))
    }

    pub(super) fn choose(&self, piece: &[u8]) -> Option<Snip> {
        (self.0)(piece)
    }
}

impl fmt::Debug for Snipper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Snipper")
    }
}

/// Where a connection is cut.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Snip {
    /// So many bytes of the piece reach the server; then the connection is dropped.
    Drop(usize),
    /// So many bytes of the piece reach the server; then no byte moves that way, until the connection is
    /// dropped.
    Hold(usize),
    /// The piece reaches the server; so many bytes of what that says from then on reach the client, and with
    /// the next one the connection is dropped.
    Answer(usize),
}

/// How many bytes of the server's a connection still lets through.
#[derive(Clone, Debug)]
pub(super) struct Allowance(Arc<AtomicU64>);

impl Allowance {
    pub(super) fn unlimited() -> Self {
        Self(Arc::new(AtomicU64::new(u64::MAX)))
    }

    pub(super) fn limit(&self, bytes: usize) {
        self.0.store(bytes as u64, Ordering::SeqCst);
    }

    /// Takes as many of `bytes` as there are.
    pub(super) fn take(&self, bytes: usize) -> usize {
        let left = self.0.load(Ordering::SeqCst);
        if left == u64::MAX {
            return bytes;
        }
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes);
        self.0.store(left - taken as u64, Ordering::SeqCst);
        taken
    }
}

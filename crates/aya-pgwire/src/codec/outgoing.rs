//! The bytes that are to go to the server.

use std::fmt;

use crate::protocol_error::UsageError;

/// Messages in the order in which they go, less what has gone.
#[derive(Default)]
pub(crate) struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
    queued_in_all: u64,
}

impl Outgoing {
    /// What has not been sent yet.
    pub(crate) fn unsent(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// `count` bytes of [`unsent`](Self::unsent) have gone.
    pub(crate) fn mark_sent(&mut self, count: usize) {
        self.sent = (self.sent + count).min(self.bytes.len());
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.bytes.shrink_to(KEPT);
            self.sent = 0;
        }
    }

    /// Forgets what has not been sent.
    pub(crate) fn discard_unsent(&mut self) {
        self.queued_in_all = self.sent_in_all();
        (self.bytes, self.sent) = (Vec::new(), 0);
    }

    /// How many bytes were ever queued.
    pub(crate) const fn queued_in_all(&self) -> u64 {
        self.queued_in_all
    }

    /// How many bytes have ever gone.
    pub(crate) const fn sent_in_all(&self) -> u64 {
        self.queued_in_all - (self.bytes.len() - self.sent) as u64
    }

    /// A message without a type: the startup message and its kin.
    pub(crate) fn untyped(&mut self, body: &[u8]) -> Result<(), UsageError> {
        let length = length(body.len())?;
        self.push(&[&length, body]);
        Ok(())
    }

    /// A message whose body is these parts, one after the other.
    pub(crate) fn typed(&mut self, tag: u8, parts: &[&[u8]]) -> Result<(), UsageError> {
        let length = length(parts.iter().map(|part| part.len()).sum())?;
        self.bytes.reserve(5 + parts.iter().map(|part| part.len()).sum::<usize>());
        self.push(&[&[tag], &length]);
        self.push(parts);
        Ok(())
    }

    /// A message whose body is `text`, which must hold no zero byte, as a string.
    pub(crate) fn string(&mut self, tag: u8, text: &[u8]) -> Result<(), UsageError> {
        if memchr::memchr(0, text).is_some() {
            return Err(UsageError::ZeroByte);
        }
        self.typed(tag, &[text, &[0]])
    }

    fn push(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.bytes.extend_from_slice(part);
            self.queued_in_all += part.len() as u64;
        }
    }
}

/// Without the bytes: a password may be among them.
impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outgoing({} bytes)", self.unsent().len())
    }
}

/// The length field counts itself and the body.
fn length(body: usize) -> Result<[u8; 4], UsageError> {
    let length = body.checked_add(4).and_then(|length| i32::try_from(length).ok());
    length.map(i32::to_be_bytes).ok_or(UsageError::TooLong)
}

/// How much room is kept for the next message; a large statement must not hold its room for the
/// life of the session.
const KEPT: usize = 64 * 1024;

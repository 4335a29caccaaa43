//! The bytes that have come from the server, cut into messages.

use std::fmt;
use std::ops::Range;

use crate::protocol_error::ProtocolError;

/// A buffer that is filled at its end and emptied, message by message, at its front.
///
/// It grows only when it is full of bytes that have really come: a length that a server merely
/// claims costs nothing.
pub(crate) struct Incoming {
    /// Always initialised to its end, so that a read needs no unsafe code.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// How large the buffer is to be at the next read.
    wanted: usize,
}

/// One whole message: its type, and where its body lies.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) tag: u8,
    pub(crate) body: Range<usize>,
}

/// More bytes are needed to tell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unfinished;

impl Incoming {
    pub(crate) const fn new() -> Self {
        Self { bytes: Vec::new(), start: 0, end: 0, wanted: SMALLEST }
    }

    /// Room for the next read; never empty.
    pub(crate) fn spare(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.bytes.len() && self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.bytes.len() {
            self.wanted = self.wanted.max(self.bytes.len() * 2);
        }
        if self.bytes.len() < self.wanted {
            self.bytes.resize(self.wanted, 0);
        } else if self.end == 0 && self.bytes.len() > LARGEST {
            self.bytes.truncate(LARGEST);
            self.bytes.shrink_to_fit();
            self.wanted = LARGEST;
        }
        &mut self.bytes[self.end..]
    }

    /// `count` bytes were read into the front of [`spare`](Self::spare).
    pub(crate) fn filled(&mut self, count: usize) {
        let room = self.bytes.len() - self.end;
        self.end += count.min(room);
        if count >= room {
            // More was there than fitted: the next read may take more at once.
            self.wanted = self.wanted.max((self.bytes.len() * 2).min(LARGEST));
        }
    }

    /// Whether there is anything that has not been taken.
    pub(crate) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Takes the next whole message, if it has come.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, ProtocolError> {
        let Some(frame) = self.peek()? else { return Ok(None) };
        self.start = frame.body.end;
        Ok(Some(frame))
    }

    /// Takes the text of an error in the form of protocol 2, which a postmaster still uses when it
    /// cannot start a process for the connection (`report_fork_failure_to_client`): no length,
    /// and a zero byte at its end. libpq tells it by a length that makes no sense, too.
    ///
    /// `Err` if the end of it has not come.
    pub(crate) fn next_bare_error(&mut self) -> Result<Option<&[u8]>, Unfinished> {
        let held = &self.bytes[self.start..self.end];
        let Some((&[b'E', a, b, c, d], _)) = held.split_first_chunk::<5>() else { return Ok(None) };
        let length = i32::from_be_bytes([a, b, c, d]);
        if (8..=MOST_OF_SHORT as i32).contains(&length) || held.len() > MOST_OF_SHORT {
            return Ok(None);
        }
        let end = memchr::memchr(0, held).ok_or(Unfinished)?;
        let text = self.start + 1..self.start + end;
        self.start += end + 1;
        Ok(self.bytes.get(text))
    }

    /// Takes the next whole message if it is of this type.
    pub(crate) fn next_of(&mut self, tag: u8) -> Option<Frame> {
        let frame = self.peek().ok().flatten().filter(|frame| frame.tag == tag)?;
        self.start = frame.body.end;
        Some(frame)
    }

    /// The next whole message, left where it is.
    fn peek(&self) -> Result<Option<Frame>, ProtocolError> {
        let held = &self.bytes[self.start..self.end];
        let Some((&[tag, a, b, c, d], _)) = held.split_first_chunk::<5>() else { return Ok(None) };
        let length = usize::try_from(i32::from_be_bytes([a, b, c, d])).unwrap_or(0);
        if length < 4 || (length > MOST_OF_SHORT && !is_long(tag)) {
            // A server that speaks something else, or a stream that has lost its step.
            return Err(ProtocolError::malformed(tag, "its length makes no sense"));
        }
        let whole = length + 1;
        if held.len() < whole {
            return Ok(None);
        }
        Ok(Some(Frame { tag, body: self.start + 5..self.start + whole }))
    }

    /// The body of a message that was taken or looked at since the last read.
    pub(crate) fn body(&self, frame: &Frame) -> &[u8] {
        &self.bytes[frame.body.clone()]
    }
}

/// Without the bytes: they may be anything, and there may be many.
impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Incoming({} bytes)", self.end - self.start)
    }
}

/// The types that may be longer than [`MOST_OF_SHORT`]. libpq has the same rule
/// (`VALID_LONG_MESSAGE_TYPE` in its fe-protocol3.c), and it notices a lost step early.
const fn is_long(tag: u8) -> bool {
    matches!(tag, b'T' | b'D' | b'd' | b'V' | b'E' | b'N' | b'A')
}

const MOST_OF_SHORT: usize = 30_000;

/// Enough for most answers, and small enough to have many sessions.
const SMALLEST: usize = 16 * 1024;

/// Larger reads gain nothing more; a larger buffer holds one large message.
const LARGEST: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(incoming: &mut Incoming, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let spare = incoming.spare();
            let count = bytes.len().min(spare.len());
            spare[..count].copy_from_slice(&bytes[..count]);
            incoming.filled(count);
            bytes = &bytes[count..];
        }
    }

    #[test]
    fn a_claimed_length_costs_nothing_until_it_comes() {
        let mut incoming = Incoming::new();
        feed(&mut incoming, &[b'D', 0x7f, 0xff, 0xff, 0xff, 1, 2, 3]);
        assert!(incoming.next().unwrap().is_none());
        assert_eq!(incoming.spare().len(), SMALLEST - 8);
    }

    #[test]
    fn a_large_message_is_held_and_its_room_given_back() {
        let mut incoming = Incoming::new();
        let length = 3 * LARGEST;
        let mut message = vec![b'D'];
        message.extend(i32::try_from(length + 4).unwrap().to_be_bytes());
        message.resize(length + 5, 7);
        feed(&mut incoming, &message);
        let frame = incoming.next().unwrap().unwrap();
        assert_eq!(incoming.body(&frame), vec![7; length]);
        assert!(incoming.is_empty());
        assert_eq!(incoming.spare().len(), LARGEST);
    }

    #[test]
    fn lengths_that_make_no_sense_are_refused() {
        for head in [[b'Z', 0, 0, 0, 3], [b'Z', 0xff, 0, 0, 0], [b'Z', 0, 1, 0, 0]] {
            let mut incoming = Incoming::new();
            feed(&mut incoming, &head);
            assert!(incoming.next().is_err(), "{head:?}");
        }
    }
}

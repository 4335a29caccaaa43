//! The data of a COPY.

use std::fmt;

use super::column::Format;
use crate::codec::Reader;
use crate::protocol_error::ProtocolError;

/// How the data of a COPY is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyShape {
    /// The data as a whole.
    pub format: Format,
    /// Each column.
    pub columns: Box<[Format]>,
}

impl CopyShape {
    /// Reads the body of CopyInResponse, CopyOutResponse or CopyBothResponse.
    pub(crate) fn read(tag: u8, body: &[u8]) -> Result<Self, ProtocolError> {
        let mut reader = Reader::new(tag, body);
        let format = match reader.u8()? {
            0 => Format::Text,
            1 => Format::Binary,
            _ => return Err(reader.malformed("a format that there is not")),
        };
        let count = reader.count(2)?;
        let columns = (0..count).map(|_| Format::read(&mut reader)).collect::<Result<_, _>>()?;
        reader.end()?;
        Ok(Self { format, columns })
    }
}

/// Data that a COPY gives: the messages that had come, in one buffer.
///
/// In COPY TO STDOUT each message is one row; in replication each is one message of that
/// protocol.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CopyData {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl CopyData {
    pub(crate) fn push(&mut self, body: &[u8]) {
        self.bytes.extend_from_slice(body);
        self.ends.push(self.bytes.len());
    }

    /// All of it, as one piece.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many messages it came in.
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The messages in their order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }
}

/// Without the data: there may be much of it.
impl fmt::Debug for CopyData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CopyData({} messages, {} bytes)", self.len(), self.bytes.len())
    }
}

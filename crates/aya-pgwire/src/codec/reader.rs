//! Reads the fields of one message, never beyond its end.

use crate::protocol_error::ProtocolError;

/// What is left of the body of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    tag: u8,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(tag: u8, body: &'a [u8]) -> Self {
        Self { tag, rest: body }
    }

    pub(crate) fn u8(&mut self) -> Result<u8, ProtocolError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn i16(&mut self) -> Result<i16, ProtocolError> {
        self.array().map(i16::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, ProtocolError> {
        self.array().map(i32::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, ProtocolError> {
        self.array().map(u32::from_be_bytes)
    }

    /// A count of things that follow, each at least `each` bytes long: the promise is checked
    /// before room is made for them.
    pub(crate) fn count(&mut self, each: usize) -> Result<usize, ProtocolError> {
        let count = usize::try_from(self.i16()?).map_err(|_| self.malformed("negative count"))?;
        if count * each > self.rest.len() {
            return Err(self.truncated());
        }
        Ok(count)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], ProtocolError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(|| self.truncated())?;
        self.rest = rest;
        Ok(taken)
    }

    /// Up to the next zero byte, which is taken too.
    pub(crate) fn string(&mut self) -> Result<&'a [u8], ProtocolError> {
        let end = memchr::memchr(0, self.rest).ok_or_else(|| self.truncated())?;
        let (taken, rest) = self.rest.split_at(end);
        self.rest = &rest[1..];
        Ok(taken)
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Nothing may be left.
    pub(crate) fn end(&self) -> Result<(), ProtocolError> {
        match self.rest {
            [] => Ok(()),
            _ => Err(self.malformed("it is longer than what it holds")),
        }
    }

    pub(crate) const fn malformed(&self, what: &'static str) -> ProtocolError {
        ProtocolError::malformed(self.tag, what)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ProtocolError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(|| self.truncated())?;
        self.rest = rest;
        Ok(*taken)
    }

    const fn truncated(&self) -> ProtocolError {
        self.malformed("it is shorter than what it should hold")
    }
}

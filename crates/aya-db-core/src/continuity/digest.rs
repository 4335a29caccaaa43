//! A short stand-in for what an application saw of a statement.

use std::fmt;

use twox_hash::xxhash3_128::Hasher;

/// The digest of an answer: of its values, their places, and which of them are NULL. Equal answers
/// have equal digests; unequal ones have so by one chance in 2^128 (XXH3, which is no guard against
/// somebody who looks for such a pair).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(u128);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0 >> 96)
    }
}

/// Makes a [`Digest`], value by value. The order of rows counts.
///
/// ```
/// use aya_db_core::continuity::Digester;
///
/// let digest = |values: &[Option<&[u8]>]| {
///     let mut digester = Digester::new();
///     values.iter().for_each(|value| digester.value(*value));
///     digester.finish()
/// };
/// assert_eq!(digest(&[Some(b"a"), None]), digest(&[Some(b"a"), None]));
/// assert_ne!(digest(&[Some(b"ab"), Some(b"c")]), digest(&[Some(b"a"), Some(b"bc")]));
/// assert_ne!(digest(&[Some(b"")]), digest(&[None]));
/// ```
pub struct Digester(Hasher);

impl Digester {
    /// Nothing was seen yet.
    pub fn new() -> Self {
        Self(Hasher::new())
    }

    /// The next value, in the format that the server sent it in; `None` is NULL.
    pub fn value(&mut self, value: Option<&[u8]>) {
        match value {
            Some(bytes) => {
                // One above the length, so that NULL has a number of its own.
                self.0.write(&(bytes.len() as u64 + 1).to_le_bytes());
                self.0.write(bytes);
            }
            None => self.0.write(&0_u64.to_le_bytes()),
        }
    }

    /// A row begins, of this many columns.
    pub fn row(&mut self, columns: usize) {
        self.0.write(&(columns as u64 | ROW).to_le_bytes());
    }

    /// More of a stream of bytes, however it was cut.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    /// The digest of all that was seen.
    pub fn finish(&self) -> Digest {
        Digest(self.0.finish_128())
    }
}

impl Default for Digester {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Digester").field(&self.finish()).finish()
    }
}

/// No value is as long.
const ROW: u64 = 1 << 63;

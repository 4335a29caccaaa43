//! What a cancel request has to know.

use std::fmt;

use crate::codec::Reader;
use crate::protocol_error::ProtocolError;

/// The server process of a session, and the secret by which it can be asked to cancel.
#[derive(Clone, PartialEq, Eq)]
pub struct CancelKey {
    process_id: i32,
    secret: Box<[u8]>,
}

impl CancelKey {
    /// Reads the body of BackendKeyData: a secret of four bytes in protocol 3.0, of up to 256 in
    /// 3.2.
    pub(super) fn read(body: &[u8]) -> Result<Self, ProtocolError> {
        let mut reader = Reader::new(b'K', body);
        let process_id = reader.i32()?;
        let secret = reader.rest();
        if !(4..=LONGEST).contains(&secret.len()) {
            return Err(reader.malformed("a secret of a length that there is not"));
        }
        Ok(Self { process_id, secret: secret.into() })
    }

    /// The server process.
    pub const fn process_id(&self) -> i32 {
        self.process_id
    }

    /// The packet that asks for it: the one thing to send on a connection of its own, which the
    /// server then closes without an answer.
    pub fn request(&self) -> Vec<u8> {
        let mut packet = Vec::with_capacity(12 + self.secret.len());
        packet.extend_from_slice(&(12 + self.secret.len() as u32).to_be_bytes());
        packet.extend_from_slice(&CANCEL_REQUEST.to_be_bytes());
        packet.extend_from_slice(&self.process_id.to_be_bytes());
        packet.extend_from_slice(&self.secret);
        packet
    }
}

impl fmt::Debug for CancelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelKey").field("process_id", &self.process_id).finish_non_exhaustive()
    }
}

const LONGEST: usize = 256;

/// The code 1234.5678 in place of a protocol version.
const CANCEL_REQUEST: u32 = 1234 << 16 | 5678;

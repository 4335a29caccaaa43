//! NOTIFY.

use crate::codec::Reader;
use crate::protocol_error::ProtocolError;

/// A notification, in the client's encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The process of the session that notified.
    pub process_id: i32,
    /// The channel.
    pub channel: Box<[u8]>,
    /// What it carries; perhaps nothing.
    pub payload: Box<[u8]>,
}

impl Notification {
    pub(super) fn read(body: &[u8]) -> Result<Self, ProtocolError> {
        let mut reader = Reader::new(b'A', body);
        let process_id = reader.i32()?;
        let (channel, payload) = (reader.string()?.into(), reader.string()?.into());
        reader.end()?;
        Ok(Self { process_id, channel, payload })
    }
}

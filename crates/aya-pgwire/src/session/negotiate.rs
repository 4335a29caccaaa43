//! A server that speaks less than it was asked for (NegotiateProtocolVersion).

use super::login_error::{LoginError, SessionError};
use super::startup::{ProtocolVersion, Startup};
use crate::codec::Reader;

/// Takes the body of a NegotiateProtocolVersion and returns the version that is spoken from here
/// on. The rules are those of `pqGetNegotiateProtocolVersion3` of libpq 18.
pub(super) fn negotiate(body: &[u8], startup: &Startup) -> Result<ProtocolVersion, SessionError> {
    let mut reader = Reader::new(b'v', body);
    let version = match reader.u32()? {
        0x0003_0000 => ProtocolVersion::V3_0,
        0x0003_0002 => ProtocolVersion::V3_2,
        _ => return Err(reader.malformed("a version that there is not").into()),
    };
    if version > startup.protocol {
        return Err(reader.malformed("a version above the one that was asked for").into());
    }
    let mut refused = reader.i32()?;
    while refused > 0 {
        let name = str::from_utf8(reader.string()?).unwrap_or_default();
        if !name.starts_with("_pq_.") || startup.value(name).is_none() {
            return Err(reader.malformed("it refuses an option that was not asked for").into());
        }
        refused -= 1;
    }
    reader.end()?;
    match version < startup.lowest_protocol {
        true => Err(LoginError::ProtocolTooOld.into()),
        false => Ok(version),
    }
}

//! Bytes to messages and back: what is not in the `postgres-protocol` crate, or not as bytes.

mod incoming;
mod outgoing;
mod reader;

pub(crate) use self::incoming::{Frame, Incoming, Unfinished};
pub(crate) use self::outgoing::Outgoing;
pub(crate) use self::reader::Reader;

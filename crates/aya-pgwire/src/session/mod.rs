//! The session without I/O: bytes in, bytes out, events as values.
//!
//! ```text
//!  query(sql), copy_data, ...          spare() + received(n)
//!        |                                    |
//!        v                                    v
//!  unsent() + mark_sent(n)   Session   next_event() -> Event
//! ```

mod cancel_key;
mod copying;
mod event;
mod login;
mod login_error;
mod machine;
mod negotiate;
mod notification;
mod parameters;
mod startup;

pub use self::cancel_key::CancelKey;
pub use self::event::{Event, TransactionStatus};
pub use self::login_error::{LoginError, SessionError};
pub use self::machine::Session;
pub use self::notification::Notification;
pub use self::parameters::Parameter;
pub use self::startup::{ProtocolVersion, Startup};

#[cfg(test)]
mod tests;

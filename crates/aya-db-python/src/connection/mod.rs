//! `connection`.
//!
//! ```text
//!  opening -> object -> transaction, session        what is asked of it
//!                |
//!             running (blocking | green), polling    how queries run
//!                |
//!             asides                                 what came beside the answers
//! ```

mod asides;
mod checks;
mod describing;
mod factory;
mod green;
mod object;
mod opening;
mod polling;
mod reads;
mod running;
mod session;
mod state;
mod transaction;

pub(crate) use self::checks::Check;
pub(crate) use self::factory::connect;
pub(crate) use self::green::{get_wait_callback, set_wait_callback};
pub(crate) use self::object::{Connection, add_exceptions};
pub(crate) use self::running::{
    blocking, command, exchange, exchange_early, failed, refused, settle,
};
pub(crate) use self::session::{bytes_of as name_bytes, text as name_text};
pub(crate) use self::state::{Closed, Executing};
pub(crate) use self::transaction::begin_if_needed;

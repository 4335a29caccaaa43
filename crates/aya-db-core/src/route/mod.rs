//! Where a session goes: an intent and a snapshot in, ordered candidates with reasons out.
//!
//! ```text
//!  intent, snapshot, lag limits, dice --> select --> Selection (candidates in order, reasons)
//!  facts of the new session, intent ----> accepts --> fine | Refusal
//! ```
//!
//! Selection goes by what is known; [`accepts`] goes by what the server itself says when the
//! session opens, and has the last word.

mod accept;
mod hope;
mod intent;
mod select;

pub use self::accept::{Refusal, SessionFacts, accepts};
pub use self::hope::hopeless;
pub use self::intent::Intent;
pub use self::select::{RouteReason, Selection, is_settled, select};

//! Where a session goes: an intent and a snapshot in, ordered candidates with reasons out.
//!
//! ```text
//!  intent, snapshot, lag limits, dice --> select --> Selection (candidates in order, reasons)
//!  wish, snapshot, traffic, now --> plan_read --> ReadPlan (try, wait or refuse, reasons)
//!  snapshot, limit --> Hold --> restrict --> Selection (while the leader changes)
//!  facts of the new session, intent ----> accepts --> fine | Refusal
//!  a statement's first comment ----> hint_of --> Hint
//! ```
//!
//! [`select`] serves every session; [`plan_read`] serves those that ask for more: a policy, a causal
//! token, a limit of age.
//!
//! Selection goes by what is known; [`accepts`] goes by what the server itself says when the
//! session opens, and has the last word.

mod accept;
mod freshness;
#[cfg(feature = "sql-parser")]
mod functions;
mod hint;
mod hold;
mod hope;
mod intent;
#[cfg(feature = "sql-parser")]
mod plain_select;
mod policy;
mod read;
mod select;
mod token;

pub use self::accept::{Refusal, SessionFacts, accepts};
pub use self::freshness::confirmation_age;
#[cfg(feature = "sql-parser")]
pub use self::functions::{is_known_function, known_functions};
pub use self::hint::{Hint, UnknownHint, hint_of, may_be_hinted};
pub use self::hold::Hold;
pub use self::hope::hopeless;
pub use self::intent::{Intent, is_standby_conflict};
#[cfg(feature = "sql-parser")]
pub use self::plain_select::is_plain_select;
pub use self::policy::{Fallback, StandbyPolicy};
pub use self::read::{
    Proof, ReadCandidate, ReadPlan, ReadServers, ReadStep, ReadWish, Traffic, lineage, plan_read,
};
pub use self::select::{RouteReason, Selection, is_settled, select};
pub use self::token::{
    CausalToken, CausalTokenError, Lineage, Readiness, ServingRole, Standing, TokenFault,
    end_of_log, readiness,
};

//! What a failure means: what became of the work, what kind of failure it is, and what it makes
//! one suspect of the server.
//!
//! The shell gathers [`Facts`] (how far the work had come, whether any byte of it left, what was
//! heard) and [`classify`] concludes. It knows neither clocks nor connections, and it never
//! guesses in the caller's favour: whatever cannot be excluded is [`crate::Fate::Unknown`].
//!
//! ```text
//! phase + sent + cause + commit tag + notice -> classify -> fate, kind, suspicion, reason
//!                                                            |
//!                                             catalogue: code, title, cause, remedy
//! ```

mod catalogue;
mod classify;
mod facts;
mod kind;
mod sync_rep;

pub use self::catalogue::{Entry, catalogue};
pub use self::classify::{Classified, classify};
pub use self::facts::{
    Cause, ClientFault, CommitDoubt, CommitTag, ConnectStage, Facts, InTransaction, Phase, Safety,
    Sent, ServerError, Severity, TlsFault,
};
pub use self::kind::{FailureKind, Persistence};
pub use self::sync_rep::SyncRepNotice;

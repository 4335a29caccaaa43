//! What became of a transaction whose COMMIT went unanswered.
//!
//! ```text
//! before COMMIT:   CommitMark (xid, LSN, timeline, run)   pipelined, so that nobody waits for it
//! after the loss:  CommitMark + Evidence (timeline, history, pg_xact_status) -> resolve -> Verdict
//! ```
//!
//! Whether a commit was kept is a question of which part of the old leader's log became part of
//! the new leader's. Nothing here asks a server.

mod commit;
mod digest;
mod evidence;
mod record;
mod replay;
mod resolution;

pub use self::commit::{
    CommitMark, Evidence, Life, Question, Restarted, Server, Verdict, Xid, XidStatus, resolve,
};
pub use self::digest::{Digest, Digester};
pub use self::evidence::LeaderWord;
pub use self::record::{
    Divergence, Entry, Input, Record, RecordLimits, Refusal, Seen, Value, ends_transaction, excerpt,
};
pub use self::replay::{Answered, answered_again, is_cured_by_replay};
pub use self::resolution::Resolution;

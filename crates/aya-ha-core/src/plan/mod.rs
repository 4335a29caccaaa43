//! What a node does next, decided from its [`View`](crate::view::View).
//!
//! ```text
//!  view --> the first rule of the table that fits --> its actions, and why
//! ```
//!
//! Actions are done in order, and the first that fails ends the pass; then the node looks again. Each of
//! them may be done twice, or be cut off in the middle, without harm: what is written to the store is
//! written only if what the decision was made from is still there.

mod handover;
mod lead;
mod race;
mod rejoin;
mod requests;
mod rules;

pub use self::handover::can_succeed;
pub use self::race::{Judgement, judge};
pub use self::rejoin::{Own, Source, Way, way_back};
pub use self::rules::{RULES, Rule, decide};

use aya_db_core::Lsn;

use crate::cluster::Switch;
use crate::sync::{Names, Standbys, Voters};

/// What is to be done, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The rule that decided.
    pub rule: &'static Rule,
    /// What the rule leaves open, for people: who, how far, how long.
    pub why: String,
    /// What to do, in this order.
    pub actions: Vec<Action>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Write `initialize` unless it is there, on this node's lease, so that a bootstrap that dies can be
    /// begun by another.
    ClaimBootstrap,
    /// Write the system identifier, the first configuration and the leader's lock, all or nothing.
    FinishBootstrap,
    /// Write `leader` if nobody holds it and nobody wrote `sync` since.
    TakeLock,
    /// Hang `leader` on this node's present lease.
    RenewLock,
    /// Delete `leader` if this node holds it, and say where the log ends.
    ReleaseLock {
        /// Where it ends, if that is known.
        end: Option<Lsn>,
    },
    /// Write `sync`, if it is as it was read and this node leads.
    WriteSync(Voters),
    /// Write `failover` empty, if it is as it was read.
    ClearRequest,
    /// Write `history`, if this node leads.
    WriteHistory(Vec<Switch>),
    /// Write `status`, if this node leads.
    WriteStatus(Lsn),
    /// Write a checkpoint, beside everything else.
    Checkpoint,
    /// Ask other nodes for their state.
    Ask(Names),
    /// Let commits wait for these standbys.
    WaitFor(Standbys),
    /// Begin work on the server, of which there is one at a time.
    Begin(Job),
    /// Give up with this message: going on could harm somebody's data.
    Refuse(String),
}

/// Work on the server that takes a while. The node looks on meanwhile, and begins no other.
#[derive(Debug, Clone, PartialEq)]
pub enum Job {
    /// Make a new cluster.
    Bootstrap,
    /// Copy the data of this member.
    Copy {
        /// Its name.
        from: String,
    },
    /// Start as the primary that it was.
    StartPrimary,
    /// Start as a standby of this member, or of nobody yet.
    StartStandby {
        /// Its name.
        of: Option<String>,
    },
    /// Make a running standby follow this member, or nobody.
    Follow {
        /// Its name.
        of: Option<String>,
    },
    /// Make sure that the data fits what this leader goes on from, and start as its standby: rewound, or
    /// copied anew, where it has to be.
    Rejoin {
        /// Its name.
        leader: String,
    },
    /// Promote.
    Promote,
    /// Stop and start as what it was, since somebody asked for it.
    Restart,
    /// Remove the data and copy that of this member, since somebody asked for it.
    Reinitialize {
        /// Its name.
        from: String,
    },
    /// Stop.
    Stop(Stop),
}

/// How to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Write a checkpoint first, then end every session, and send standbys all that was written.
    Handover,
    /// End every session and write everything.
    Fast,
    /// At once; the next start recovers.
    Immediate,
}

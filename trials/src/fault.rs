//! What is done to the servers and their lines while the transactions commit.

use clap::ValueEnum;

/// One kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Fault {
    /// Connections are cut at a byte of COMMIT or of its answer, and the server lives.
    AtCommit,
    /// The same, and then `kill -9` and a promotion.
    AtCommitThenPromoted,
    /// What the clients say is lost from one moment on, COMMIT or what comes ahead of it.
    Unheard,
    /// The clients are cut off at one moment, and the server lives.
    Cut,
    /// The clients are cut off while their commits wait for the standby.
    CutInWait,
    /// Their sessions are terminated while they wait for the standby.
    Terminated,
    /// The same, and then the standby takes over.
    TerminatedThenPromoted,
    /// One session crashes, and takes the others with it; the postmaster begins anew in place.
    BackendCrash,
    /// `kill -9` of every process, and a start.
    CrashRestart,
    /// A fast shutdown, and a start.
    Shutdown,
    /// A fast shutdown, and the standby takes over.
    ShutdownThenPromoted,
    /// `kill -9` of every process, and the standby takes over.
    Promoted,
    /// The standby takes over, while the old leader lives on, cut off from the clients.
    PromotedBeside,
    /// `kill -9`, the standby takes over unseen by the clients, and is killed in turn.
    PromotedTwice,
}

impl Fault {
    pub(crate) const ALL: [Self; 14] = [
        Self::Promoted,
        Self::CrashRestart,
        Self::AtCommit,
        Self::PromotedTwice,
        Self::CutInWait,
        Self::PromotedBeside,
        Self::BackendCrash,
        Self::AtCommitThenPromoted,
        Self::Unheard,
        Self::TerminatedThenPromoted,
        Self::Terminated,
        Self::Shutdown,
        Self::ShutdownThenPromoted,
        Self::Cut,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::AtCommit => "connections cut at a byte of COMMIT",
            Self::AtCommitThenPromoted => "cut there, then a promotion",
            Self::Unheard => "what clients say is lost",
            Self::Cut => "clients cut off at a random moment",
            Self::CutInWait => "clients cut off in the wait for the standby",
            Self::Terminated => "sessions terminated in that wait",
            Self::TerminatedThenPromoted => "terminated there, then a promotion",
            Self::BackendCrash => "kill -9 of one session",
            Self::CrashRestart => "kill -9 and a restart",
            Self::Shutdown => "fast shutdown and a restart",
            Self::ShutdownThenPromoted => "fast shutdown and a promotion",
            Self::Promoted => "kill -9 and a promotion",
            Self::PromotedBeside => "promotion beside the old leader",
            Self::PromotedTwice => "kill -9 and two promotions",
        }
    }

    /// Whether another server leads in the end.
    pub(crate) const fn promotes(self) -> bool {
        match self {
            Self::AtCommitThenPromoted
            | Self::TerminatedThenPromoted
            | Self::ShutdownThenPromoted
            | Self::Promoted
            | Self::PromotedBeside
            | Self::PromotedTwice => true,
            Self::AtCommit
            | Self::Unheard
            | Self::Cut
            | Self::CutInWait
            | Self::Terminated
            | Self::BackendCrash
            | Self::CrashRestart
            | Self::Shutdown => false,
        }
    }
}

//! How a session is opened, and what it survives.

use crate::watch::Watch;

/// How a session is opened, and what it survives.
#[derive(Debug, Default)]
pub struct Options {
    /// Who watches the cluster for it, if somebody does.
    pub watch: Option<Box<dyn Watch>>,
    /// How long the first server is looked for.
    pub patience: Patience,
    /// Whether the session outlives its connection.
    pub survival: Survival,
}

/// How long the first server is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Patience {
    /// Until every server was asked once, as libpq does.
    #[default]
    OneRound,
    /// For as long as a failover may take (`failover_timeout`), unless waiting is of no use.
    Failover,
}

/// Whether the session outlives its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Survival {
    /// It does.
    #[default]
    On,
    /// Its end is the session's: for replication, where no SQL may be run beside.
    Off,
}

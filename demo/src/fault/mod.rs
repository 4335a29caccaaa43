//! The faults: how each is made, and how all of them are mended.

mod mend;
mod strike;

use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

pub(crate) use mend::{mend, whole};
pub(crate) use strike::strike;

/// What is done to the leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fault {
    /// SIGKILL to every process of the leader's node
    HostCrash,
    /// SIGKILL to the leader's postmaster, while its Patroni lives
    PostgresCrash,
    /// A planned switchover
    Switchover,
    /// SIGSTOP to every process of the leader's node
    Freeze,
    /// No byte moves between the leader's node, etcd and the standby; clients still reach it
    PartitionServers,
    /// No byte moves between the clients and the leader's node for a while
    PartitionClients,
    /// The leader's node dies, comes back as the standby, and its successor dies
    DoubleFailover,
}

/// When a fault began, and when a server took writes again; of the second one of two.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Course {
    pub(crate) struck: Duration,
    pub(crate) accepted: Duration,
}

impl Fault {
    /// The name as the arguments and the report have it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::HostCrash => "host-crash",
            Self::PostgresCrash => "postgres-crash",
            Self::Switchover => "switchover",
            Self::Freeze => "freeze",
            Self::PartitionServers => "partition-servers",
            Self::PartitionClients => "partition-clients",
            Self::DoubleFailover => "double-failover",
        }
    }

    /// What is done, to be followed by the leader's name.
    pub(crate) const fn deed(self) -> &'static str {
        match self {
            Self::HostCrash => "killing every process of the leader's node",
            Self::PostgresCrash => "killing the postmaster on",
            Self::Switchover => "asking Patroni to switch over from",
            Self::Freeze => "stopping every process of the leader's node",
            Self::PartitionServers => "cutting etcd and the standby off from",
            Self::PartitionClients => "cutting the clients off from",
            Self::DoubleFailover => "killing one leader's node after the other, beginning with",
        }
    }

    /// Whether the server falls silent, so that how soon the driver notices is worth telling.
    pub(crate) const fn is_silent(self) -> bool {
        matches!(self, Self::Freeze | Self::PartitionClients)
    }
}

/// Longer than Patroni takes for anything here.
const LIMIT: Duration = Duration::from_secs(120);

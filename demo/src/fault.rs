//! The faults: how each is made, and how it is mended.

use std::time::Duration;

use anyhow::Result;
use aya_testkit::{Extent, Node, PatroniCluster};
use clap::ValueEnum;

use crate::clock::Clock;
use crate::probe::Prober;

/// What is done to the leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fault {
    /// SIGKILL to every process of the leader's node
    HostCrash,
    /// A planned switchover
    Switchover,
    /// SIGSTOP to every process of the leader's node
    Freeze,
    /// No byte moves between the clients and the leader's server for a while
    PartitionClients,
    /// SIGKILL to the leader's PostgreSQL, while its Patroni lives
    PostgresCrash,
}

/// When a fault began, and when a server took writes again.
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
            Self::Switchover => "switchover",
            Self::Freeze => "freeze",
            Self::PartitionClients => "partition-clients",
            Self::PostgresCrash => "postgres-crash",
        }
    }

    /// What is done, to be followed by the leader's name.
    pub(crate) const fn deed(self) -> &'static str {
        match self {
            Self::HostCrash => "killing every process of the leader's node",
            Self::Switchover => "asking Patroni to switch over from",
            Self::Freeze => "stopping every process of the leader's node",
            Self::PartitionClients => "cutting the clients off from",
            Self::PostgresCrash => "killing PostgreSQL on",
        }
    }

    /// Whether the server falls silent, so that how soon the driver notices is worth telling.
    pub(crate) const fn is_silent(self) -> bool {
        matches!(self, Self::Freeze | Self::PartitionClients)
    }

    /// Does it to `leader` and waits until a server takes writes again. `told`
    /// hears the moment at which the fault begins.
    ///
    /// # Errors
    /// When the fault cannot be made, or no server takes writes in time.
    pub(crate) async fn strike(
        self,
        cluster: &mut PatroniCluster,
        leader: &str,
        clock: Clock,
        mut told: impl FnMut(Duration),
    ) -> Result<Course> {
        let account = cluster.account().clone();
        let mut begin = || {
            let struck = clock.now();
            told(struck);
            struck
        };
        let accepted = |nodes: Vec<&Node>| Prober::start(nodes, &account, clock).accepted(LIMIT);
        match self {
            Self::HostCrash => {
                let struck = begin();
                cluster.node_mut(leader)?.kill()?;
                let accepted = accepted(others(cluster, leader)).await?;
                Ok(Course { struck, accepted })
            }
            Self::Switchover => {
                let candidate = cluster.wait_synchronous(LIMIT).await?;
                let struck = begin();
                let accepted = accepted(others(cluster, leader));
                let (_, accepted) = tokio::try_join!(cluster.switchover(&candidate), accepted)?;
                Ok(Course { struck, accepted })
            }
            Self::Freeze => {
                let struck = begin();
                cluster.node(leader)?.freeze(Extent::WholeNode)?;
                let accepted = accepted(others(cluster, leader)).await?;
                Ok(Course { struck, accepted })
            }
            Self::PartitionClients => {
                let struck = begin();
                cluster.node(leader)?.clients().black_hole();
                tokio::time::sleep(PARTITION).await;
                cluster.node(leader)?.clients().heal();
                // The leader never stopped: what kept the clients from it is what ended now.
                Ok(Course { struck, accepted: clock.now() })
            }
            Self::PostgresCrash => {
                let struck = begin();
                cluster.node(leader)?.kill_postgres()?;
                let accepted = accepted(cluster.nodes().iter().collect()).await?;
                Ok(Course { struck, accepted })
            }
        }
    }

    /// Brings `leader`, the node that was struck, back, and waits until the cluster is whole.
    ///
    /// # Errors
    /// When it does not become whole in time.
    pub(crate) async fn mend(self, cluster: &mut PatroniCluster, leader: &str) -> Result<()> {
        match self {
            Self::HostCrash => cluster.node_mut(leader)?.start()?,
            Self::Freeze => cluster.node(leader)?.thaw(),
            Self::Switchover | Self::PartitionClients | Self::PostgresCrash => {}
        }
        whole(cluster).await
    }
}

fn others<'a>(cluster: &'a PatroniCluster, leader: &str) -> Vec<&'a Node> {
    cluster.nodes().iter().filter(|node| node.name() != leader).collect()
}

/// Waits until a leader is streamed from by every other node, one of them synchronous.
///
/// # Errors
/// When that does not come about in time.
pub(crate) async fn whole(cluster: &PatroniCluster) -> Result<()> {
    cluster.wait_streaming(cluster.nodes().len() - 1, LIMIT).await?;
    cluster.wait_synchronous(LIMIT).await?;
    Ok(())
}

/// Longer than Patroni takes for anything here.
const LIMIT: Duration = Duration::from_secs(120);

/// Long enough for a driver to notice, short enough for Patroni not to act.
const PARTITION: Duration = Duration::from_secs(6);

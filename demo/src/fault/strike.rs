//! Makes a fault, and waits until a server takes writes again.

use std::time::Duration;

use anyhow::Result;
use aya_testkit::{Account, Extent, Node, PatroniCluster};

use super::mend::{start_all, whole};
use super::{Course, Fault, LIMIT};
use crate::clock::Clock;
use crate::probe::Prober;

/// Does it to `leader` and waits until a server takes writes again. `told` hears the moment at
/// which the fault begins, and both moments if there are two.
///
/// # Errors
/// When the fault cannot be made, or no server takes writes in time.
pub(crate) async fn strike(
    fault: Fault,
    cluster: &mut PatroniCluster,
    leader: &str,
    clock: Clock,
    told: impl FnMut(Duration),
) -> Result<Course> {
    let account = cluster.account().clone();
    let mut strike = Strike { cluster, leader, account, clock, told };
    match fault {
        Fault::HostCrash => strike.host_crash().await,
        Fault::PostgresCrash => strike.postgres_crash().await,
        Fault::Switchover => strike.switchover().await,
        Fault::Freeze => strike.freeze().await,
        Fault::PartitionServers => strike.partition_servers().await,
        Fault::PartitionClients => strike.partition_clients().await,
        Fault::DoubleFailover => strike.double_failover().await,
    }
}

struct Strike<'a, F> {
    cluster: &'a mut PatroniCluster,
    leader: &'a str,
    account: Account,
    clock: Clock,
    told: F,
}

impl<F: FnMut(Duration)> Strike<'_, F> {
    fn begin(&mut self) -> Duration {
        let struck = self.clock.now();
        (self.told)(struck);
        struck
    }

    async fn host_crash(&mut self) -> Result<Course> {
        let struck = self.begin();
        self.cluster.node_mut(self.leader)?.kill()?;
        self.others_accept(struck).await
    }

    async fn postgres_crash(&mut self) -> Result<Course> {
        let struck = self.begin();
        self.cluster.node(self.leader)?.kill_postmaster()?;
        let all = Prober::start(self.cluster.nodes(), &self.account, self.clock);
        Ok(Course { struck, accepted: all.accepted(LIMIT).await? })
    }

    async fn switchover(&mut self) -> Result<Course> {
        let candidate = self.cluster.wait_synchronous(LIMIT).await?;
        let struck = self.begin();
        let others = others(self.cluster, self.leader);
        let accepted = Prober::start(others, &self.account, self.clock).accepted(LIMIT);
        let (_, accepted) = tokio::try_join!(self.cluster.switchover(&candidate), accepted)?;
        Ok(Course { struck, accepted })
    }

    async fn freeze(&mut self) -> Result<Course> {
        let struck = self.begin();
        self.cluster.node(self.leader)?.freeze(Extent::WholeNode)?;
        self.others_accept(struck).await
    }

    async fn partition_servers(&mut self) -> Result<Course> {
        let struck = self.begin();
        self.cluster.node(self.leader)?.isolate_silently();
        others(self.cluster, self.leader).for_each(Node::silence_peers);
        self.others_accept(struck).await
    }

    async fn partition_clients(&mut self) -> Result<Course> {
        let struck = self.begin();
        let node = self.cluster.node(self.leader)?;
        let lanes = [node.clients(), node.rest_clients()];
        lanes.iter().for_each(|lane| lane.black_hole());
        tokio::time::sleep(PARTITION).await;
        lanes.iter().for_each(|lane| lane.heal());
        // The leader never stopped: what kept the clients from it is what ended now.
        Ok(Course { struck, accepted: self.clock.now() })
    }

    /// The successor dies as soon as it has somebody to follow it. Until then nobody may.
    async fn double_failover(&mut self) -> Result<Course> {
        self.host_crash().await?;
        start_all(self.cluster)?;
        whole(self.cluster).await?;
        let successor = self.cluster.wait_leader(LIMIT).await?;
        let struck = self.begin();
        self.cluster.node_mut(&successor)?.kill()?;
        let heirs = others(self.cluster, &successor);
        let accepted = Prober::start(heirs, &self.account, self.clock).accepted(LIMIT).await?;
        Ok(Course { struck, accepted })
    }

    async fn others_accept(&self, struck: Duration) -> Result<Course> {
        let others = others(self.cluster, self.leader);
        let prober = Prober::start(others, &self.account, self.clock);
        Ok(Course { struck, accepted: prober.accepted(LIMIT).await? })
    }
}

fn others<'a>(cluster: &'a PatroniCluster, name: &'a str) -> impl Iterator<Item = &'a Node> {
    cluster.nodes().iter().filter(move |node| node.name() != name)
}

/// Long enough for a driver to notice, short enough for Patroni not to act.
const PARTITION: Duration = Duration::from_secs(6);

//! Brings back whatever is broken. What is not is left alone, so that no fault needs a remedy of
//! its own.

use anyhow::Result;
use aya_testkit::{Node, PatroniCluster};

use super::LIMIT;

/// Ends every fault, and waits until the cluster is whole.
///
/// # Errors
/// When it does not become whole in time.
pub(crate) async fn mend(cluster: &mut PatroniCluster) -> Result<()> {
    cluster.nodes().iter().for_each(|node| {
        node.thaw();
        node.heal();
    });
    start_all(cluster)?;
    whole(cluster).await
}

/// Starts every node that was killed.
///
/// # Errors
/// When one cannot be started.
pub(super) fn start_all(cluster: &mut PatroniCluster) -> Result<()> {
    let names: Vec<String> = cluster.nodes().iter().map(|node| node.name().to_owned()).collect();
    names.iter().try_for_each(|name| cluster.node_mut(name).and_then(Node::start))
}

/// Waits until a leader is streamed from by every other node, one of them synchronous.
///
/// # Errors
/// When that does not come about in time.
pub(crate) async fn whole(cluster: &PatroniCluster) -> Result<()> {
    cluster.wait_leader(LIMIT).await?;
    cluster.wait_streaming(cluster.nodes().len() - 1, LIMIT).await?;
    cluster.wait_synchronous(LIMIT).await?;
    Ok(())
}

//! Prints what happens to a cluster, and after every change of leader what is known of it and why.
//!
//! ```sh
//! cargo run -p aya-examples --bin watch_topology -- "host=db1,db2 user=app dbname=app"
//! ```
//!
//! Runs until Ctrl-C. With `cluster_scope` and `etcd_endpoints`, or with `patroni_endpoints`, the
//! changes are told by those that make them; with hosts alone they are found by asking every host,
//! once in `probe_interval` (5 s) while nothing seems wrong.

#![expect(clippy::print_stdout, reason = "the events are what the program is for")]

use anyhow::{Context, Result};
use tokio::signal::ctrl_c;

use aya_db::{Cluster, ClusterEvent};

#[tokio::main]
async fn main() -> Result<()> {
    let conninfo = std::env::args().nth(1).context("give a connection string")?;
    let cluster = Cluster::connect(&conninfo).await?;
    tokio::select! {
        () = watch(&cluster) => Ok(()),
        stopped = ctrl_c() => stopped.context("wait for Ctrl-C"),
    }
}

async fn watch(cluster: &Cluster) {
    // Subscribe first: what happens while the picture is printed is not lost then.
    let mut events = cluster.events();
    println!("{}", cluster.explain());
    while let Some(event) = events.recv().await {
        println!("event: {event}");
        if let ClusterEvent::LeaderChanged { .. } = event {
            println!("{}", cluster.explain());
        }
    }
}

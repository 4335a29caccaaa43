//! Prints the notifications of some channels, also after a failover.
//!
//! ```sh
//! cargo run -p aya-examples --bin listen -- "host=db1,db2 user=app dbname=app" orders payments
//! ```
//!
//! Notifications are not kept by the server for a listener that is away. When the connection had to
//! be made anew there may be a gap, and the program says so: what is to be done then is to look at
//! the tables.

#![expect(clippy::print_stdout, reason = "the notifications are what the program is for")]

use anyhow::{Context, Result};
use tokio::signal::ctrl_c;

use aya_db::{Cluster, Error, Signal};

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let conninfo = arguments.next().context("give a connection string")?;
    let mut channels: Vec<String> = arguments.collect();
    if channels.is_empty() {
        channels.push("orders".to_owned());
    }
    let cluster = Cluster::connect(&conninfo).await?;
    tokio::select! {
        failed = listen(&cluster, &channels) => failed.context("listen"),
        stopped = ctrl_c() => stopped.context("wait for Ctrl-C"),
    }
}

/// Returns only if no leader can be had within `failover_timeout`.
async fn listen(cluster: &Cluster, channels: &[String]) -> Result<(), Error> {
    let mut listener = cluster.listen(channels).await?;
    println!("listening to {}", channels.join(", "));
    loop {
        match listener.recv().await? {
            Signal::Notification(it) => println!("{}: {}", it.channel(), it.payload()),
            Signal::Gap => println!("gap: look at the tables, something may have been missed"),
        }
    }
}

//! How long a change of the leader key in etcd takes to be in the snapshot of every client.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use serde_json::json;
use tokio::time::sleep;

use aya_db::{Cluster, ClusterSnapshot};
use aya_db_core::observation::Source;
use aya_testkit::{EtcdCluster, Postgres, http_request};

use crate::figures::{micros, percentile};
use crate::statements::conninfo;

/// From the moment at which the key is sent to etcd until a client's snapshot names the leader.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Delays {
    /// How many clients there were, each with a watch of its own.
    pub clients: usize,
    /// How often the key was changed.
    pub changes: usize,
    /// Half of them knew sooner.
    pub p50_micros: f64,
    /// One in a hundred knew later.
    pub p99_micros: f64,
    /// The last one.
    pub max_micros: f64,
}

/// Changes the leader key `changes` times and waits each time until all clients know.
///
/// # Errors
/// When etcd or the server cannot be reached, or a client is not told within 10 s.
pub async fn measure(
    etcd: &EtcdCluster,
    server: &Postgres,
    clients: usize,
    changes: usize,
) -> Result<Delays> {
    let address = server.direct_address();
    let hand = etcd.members().first().context("there is no etcd member")?.direct_address();
    for name in NAMES {
        let member = json!({
            "conn_url": format!("postgres://{address}/postgres"),
            "state": "running",
            "role": "replica",
            "timeline": 1,
        });
        put(hand, &format!("members/{name}"), &member.to_string()).await?;
    }
    put(hand, "leader", NAMES[0]).await?;
    let endpoints: Vec<String> =
        etcd.members().iter().map(|it| it.direct_address().to_string()).collect();
    let conninfo = conninfo(server)?;
    let mut clusters = Vec::with_capacity(clients);
    for number in 0..clients {
        // Handles share what watches the cluster, unless a setting of that part differs.
        let apart = Duration::from_secs(3600) + Duration::from_millis(u64::try_from(number)?);
        let cluster = Cluster::builder()
            .text(&conninfo)
            .set("cluster_scope", SCOPE)
            .set("etcd_endpoints", endpoints.join(","))
            .set("probe_interval", apart.as_millis().to_string());
        clusters.push(cluster.connect().await?);
    }
    all_know(&clusters, NAMES[0], Instant::now()).await?;
    let mut delays = Vec::with_capacity(clients * changes);
    for turn in 1..=changes {
        let name = NAMES[turn % NAMES.len()];
        let began = Instant::now();
        let (told, written) =
            tokio::join!(all_know(&clusters, name, began), put(hand, "leader", name));
        written?;
        delays.extend(told?);
    }
    Ok(Delays {
        clients,
        changes,
        p50_micros: percentile(delays.clone(), 50),
        p99_micros: percentile(delays.clone(), 99),
        max_micros: percentile(delays, 100),
    })
}

/// Looks at every snapshot once a millisecond until all name the leader, and says after how long
/// each of them did.
async fn all_know(clusters: &[Cluster], name: &str, began: Instant) -> Result<Vec<f64>> {
    let mut delays = Vec::with_capacity(clusters.len());
    let mut waiting: Vec<&Cluster> = clusters.iter().collect();
    while !waiting.is_empty() {
        waiting.retain(|cluster| {
            let knows = names(&cluster.snapshot(), name);
            if knows {
                delays.push(micros(began.elapsed()));
            }
            !knows
        });
        ensure!(began.elapsed() < LIMIT, "{} clients do not know of {name}", waiting.len());
        sleep(LOOK).await;
    }
    Ok(delays)
}

fn names(snapshot: &ClusterSnapshot, name: &str) -> bool {
    let claim = snapshot.claims.get(&Source::Etcd);
    claim.and_then(|claim| claim.leader.as_ref()).is_some_and(|leader| &*leader.0 == name)
}

/// Writes one of Patroni's keys through etcd's JSON gateway.
async fn put(member: SocketAddr, key: &str, value: &str) -> Result<()> {
    let key = BASE64_STANDARD.encode(format!("/service/{SCOPE}/{key}"));
    let body = json!({ "key": key, "value": BASE64_STANDARD.encode(value) }).to_string();
    let answer = http_request(member, "POST", "/v3/kv/put", &body, LIMIT).await?;
    ensure!(answer.status == 200, "etcd refuses the key: {}", answer.body);
    Ok(())
}

const SCOPE: &str = "bench";
const NAMES: [&str; 2] = ["one", "two"];
const LIMIT: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(1);

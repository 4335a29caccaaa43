//! Writes a register and reads it back on a standby, which must show the write.

use anyhow::Result;
use aya_db::Cluster;

use super::Agent;
use crate::soak::history::Work;

pub(super) async fn work(mut agent: Agent) -> Result<()> {
    let cluster = agent.cluster.clone();
    let number = agent.number;
    let mut version = 0;
    while agent.goes_on().await {
        if agent.dice.below(4) == 0 {
            let op = agent.op();
            let sum = Box::pin(sum(&cluster));
            agent.note(op, Work::ReadSum, sum).await?;
            continue;
        }
        version += 1;
        let op = agent.op();
        let run = async {
            let rows = cluster.execute(SET, &[&number, &version]).await?;
            Ok(rows.cast_signed())
        };
        if agent.note(op, Work::Write { version }, run).await? {
            let op = agent.op();
            let back = Box::pin(read_back(&cluster, number));
            agent.note(op, Work::ReadBack, back).await?;
        }
    }
    Ok(())
}

async fn read_back(cluster: &Cluster, number: i32) -> Result<i64, aya_db::Error> {
    let token = cluster.causal_token().await?;
    let row = cluster.read().after(&token).query_one(GET, &[&number]).await?;
    Ok(row.get(0))
}

async fn sum(cluster: &Cluster) -> Result<i64, aya_db::Error> {
    Ok(cluster.read().query_one(SUM, &[]).await?.get(0))
}

/// A write of open fate that comes late changes nothing, so that it cannot undo a later one.
const SET: &str = "\
    update registers set version = $2, writes = writes + 1 where agent = $1 and version < $2";
const GET: &str = "select version from registers where agent = $1";
const SUM: &str = "select sum(balance)::bigint from accounts";

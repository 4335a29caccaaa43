//! Appends to a list whose order must stay.

use anyhow::Result;

use super::Agent;
use crate::soak::history::Work;

pub(super) async fn work(mut agent: Agent) -> Result<()> {
    let cluster = agent.cluster.clone();
    let mut seq = 0;
    while agent.goes_on().await {
        seq += 1;
        let op = agent.op();
        let run = async {
            let rows = cluster.execute(APPEND, &[&agent.number, &seq]).await?;
            Ok(rows.cast_signed())
        };
        agent.note(op, Work::Append { seq }, run).await?;
    }
    Ok(())
}

/// Says in the row which one it follows.
const APPEND: &str = "\
    insert into appends (agent, seq, after) \
    select $1, $2, coalesce(max(seq), 0) from appends where agent = $1";

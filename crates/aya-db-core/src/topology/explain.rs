//! The picture of the cluster in words, with its reasons.

use std::fmt::Write;

use crate::Moment;
use crate::snapshot::{
    ClusterSnapshot, Health, Leadership, Node, NodeRole, SourceState, Switchover, SwitchoverStage,
};

/// Describes the cluster as of `now`, over several lines: the leadership, the sources, the
/// servers, the reasons.
pub fn explain(snapshot: &ClusterSnapshot, now: Moment) -> String {
    let mut text = String::new();
    write_all(&mut text, snapshot, now).expect("a string takes every text");
    text
}

fn write_all(out: &mut String, snapshot: &ClusterSnapshot, now: Moment) -> std::fmt::Result {
    match &snapshot.leadership {
        Leadership::Unknown => {
            writeln!(out, "leader: unknown for {}", ago(now, snapshot.unconfirmed_since))?;
        }
        Leadership::Claimed { node, by, since } => {
            let since = ago(now, *since);
            writeln!(out, "leader: {node}, claimed by {by} for {since}, not confirmed")?;
        }
        Leadership::Confirmed { node, timeline, since, confirmed_at } => {
            let on = crate::topology::draft::on_timeline(*timeline);
            let (since, last) = (ago(now, *since), ago(now, *confirmed_at));
            writeln!(out, "leader: {node}{on}, confirmed for {since}, last {last} ago")?;
        }
    }
    write!(out, "generation: {}", snapshot.generation.0)?;
    if let Some(system) = snapshot.system_identifier {
        write!(out, ", database cluster {system}")?;
    }
    if let Some(highest) = snapshot.highest_timeline {
        write!(out, ", highest timeline {highest}")?;
    }
    writeln!(out)?;
    if let Some(switchover) = &snapshot.switchover {
        writeln!(out, "switchover: {}", under_way(switchover, now))?;
    }
    writeln!(out, "sources:")?;
    for (source, state) in &snapshot.sources {
        match state {
            SourceState::Pending => write!(out, "  {source}: not heard yet")?,
            SourceState::Live { heard_at, revision } => {
                write!(out, "  {source}: heard {} ago", ago(now, *heard_at))?;
                if let Some(revision) = revision {
                    write!(out, ", revision {revision}")?;
                }
            }
            SourceState::Lost { since, reason } => {
                write!(out, "  {source}: lost for {}: {reason}", ago(now, *since))?;
            }
        }
        if let Some(claim) = snapshot.claims.get(source) {
            match &claim.leader {
                Some(leader) => write!(out, ", names {leader}")?,
                None => write!(out, ", names no leader")?,
            }
        }
        writeln!(out)?;
    }
    writeln!(out, "servers:")?;
    for (id, node) in &snapshot.nodes {
        writeln!(out, "  {id}: {}", describe(snapshot, node, now))?;
    }
    writeln!(out, "reasons:")?;
    for reason in &snapshot.reasons {
        writeln!(out, "  {:>10} {}", seconds(reason.at.0), reason.text)?;
    }
    Ok(())
}

fn describe(snapshot: &ClusterSnapshot, node: &Node, now: Moment) -> String {
    let mut words = vec![match node.role {
        NodeRole::Unknown => "role unknown".to_owned(),
        NodeRole::Primary => "primary".to_owned(),
        NodeRole::Standby => "standby".to_owned(),
        NodeRole::StalePrimary => "stale primary, refused".to_owned(),
    }];
    words.push(match node.health {
        Health::Untried => "not asked yet".to_owned(),
        Health::Up => "up".to_owned(),
        Health::Suspect => "suspect".to_owned(),
        Health::Down(cause) => format!("down: {cause}"),
    });
    if let Some(at) = node.answered_at {
        words.push(format!("answered {} ago", ago(now, at)));
    }
    if let Some(timeline) = node.timeline {
        words.push(format!("timeline {timeline}"));
    }
    if let Some(lsn) = node.lsn {
        words.push(format!("at {lsn}"));
    }
    if let Some(bytes) = node.lag_bytes {
        words.push(format!("{bytes} bytes behind"));
    }
    if node.is_foreign(snapshot.system_identifier) {
        words.push("of another database cluster".to_owned());
    }
    if node.default_read_only {
        words.push("read-only by default".to_owned());
    }
    if node.synchronous {
        words.push("synchronous".to_owned());
    }
    if node.no_load_balance {
        words.push("no load balancing".to_owned());
    }
    if let Some(member) = &node.member {
        let state = node.reported_state.as_deref().unwrap_or("in no state");
        words.push(format!("member {member} ({state})"));
    }
    words.join(", ")
}

fn under_way(switchover: &Switchover, now: Moment) -> String {
    let Switchover { cause, since, stage } = switchover;
    let when = if switchover.has_begun(now) {
        format!("for {}", ago(now, *since))
    } else {
        format!("in {}", seconds(since.since(now)))
    };
    let stage = match stage {
        SwitchoverStage::Shown => "",
        SwitchoverStage::Withdrawn => ", no longer shown, and no leader is confirmed yet",
        SwitchoverStage::TakenOver => ", taken over and still shown",
    };
    format!("{cause}, {when}{stage}")
}

fn ago(now: Moment, then: Moment) -> String {
    seconds(now.since(then))
}

fn seconds(span: std::time::Duration) -> String {
    format!("{}.{:03} s", span.as_secs(), span.subsec_millis())
}

use aya_db_core::observation::{ClusterReport, MemberReport, MemberRole, TimelineSwitch};
use aya_db_core::{MemberName, NodeId};
use serde_json::Value;

use super::value::{self, Warnings, member_name, no_load_balance, timeline};
use super::{Decoded, Warning, request};

/// Reads the answer to `GET /cluster`. `None` if it is not one: no object with a list `members`.
pub fn decode_cluster(json: &Value) -> Option<Decoded> {
    let rows = json.get("members")?.as_array()?;
    let mut warnings = Warnings::default();
    let mut report = ClusterReport::default();
    for (index, row) in rows.iter().enumerate() {
        match decode_member(row) {
            Ok((member, standing)) => {
                match standing {
                    Standing::Leads => report.leader = Some(member.name.clone()),
                    Standing::Synchronous => report.sync_standbys.push(member.name.clone()),
                    Standing::Follows => {}
                }
                report.members.push(member);
            }
            Err(problem) => warnings.add(format!("members[{index}]"), problem),
        }
    }
    report.paused = json.get("pause") == Some(&Value::Bool(true));
    report.switchover = request::of_answer(json, &mut warnings);
    Some(Decoded { report, warnings: warnings.into_vec() })
}

/// Reads the answer to `GET /history`, and tells of the rows that it passed over.
pub fn decode_history(json: &Value) -> (Vec<TimelineSwitch>, Vec<Warning>) {
    let mut warnings = Warnings::default();
    let switches = value::history(json, "history", &mut warnings);
    (switches, warnings.into_vec())
}

enum Standing {
    Leads,
    Synchronous,
    Follows,
}

fn decode_member(row: &Value) -> Result<(MemberReport, Standing), &'static str> {
    let text = |field: &str| row.get(field).and_then(Value::as_str);
    let name = text("name").and_then(member_name).ok_or("a member without a name")?;
    let host = text("host").filter(|host| !host.is_empty()).ok_or("a member without a host")?;
    let port = match row.get("port") {
        None | Some(Value::Null) => 5432,
        Some(port) => port
            .as_u64()
            .and_then(|port| u16::try_from(port).ok())
            .filter(|port| *port > 0)
            .ok_or("a member with an impossible port")?,
    };
    let (role, standing) = role_of_answer(text("role").unwrap_or_default());
    Ok((member(row, name, NodeId::new(host, port), role), standing))
}

fn member(row: &Value, name: MemberName, node: NodeId, role: MemberRole) -> MemberReport {
    MemberReport {
        name,
        node,
        role,
        state: row.get("state").and_then(Value::as_str).unwrap_or_default().to_owned(),
        timeline: row.get("timeline").and_then(timeline),
        lsn: row.get("lsn").and_then(value::lsn),
        lag_bytes: row.get("lag").and_then(Value::as_u64),
        no_load_balance: no_load_balance(row.get("tags")),
    }
}

fn role_of_answer(text: &str) -> (MemberRole, Standing) {
    match text {
        "leader" | "master" | "primary" => (MemberRole::Primary, Standing::Leads),
        "standby_leader" => (MemberRole::StandbyLeader, Standing::Leads),
        "sync_standby" | "quorum_standby" => (MemberRole::Replica, Standing::Synchronous),
        "replica" => (MemberRole::Replica, Standing::Follows),
        _ => (MemberRole::Other, Standing::Follows),
    }
}

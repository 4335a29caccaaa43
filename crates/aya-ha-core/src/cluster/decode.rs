use std::collections::BTreeMap;

use aya_db_core::{Lsn, Timeline};
use serde_json::Value;

use super::{Cluster, Holder, Initialize, Keys, Member, Request, Stored, Switch, SyncKey};
use crate::sync::Names;

impl Cluster {
    /// What the keys say.
    pub fn decode(keys: &Keys) -> Self {
        let mut cluster = Self { revision: keys.revision, ..Self::default() };
        for (name, stored) in &keys.stored {
            if let Err(problem) = cluster.read(name, stored) {
                cluster.warnings.push((name.clone(), problem));
            }
        }
        cluster
    }

    fn read(&mut self, name: &str, stored: &Stored) -> Result<(), &'static str> {
        if let Some(member) = name.strip_prefix("members/") {
            let decoded = Member::decode(member, &stored.value, stored.modified)?;
            self.members.insert(member.to_owned(), decoded);
            return Ok(());
        }
        match name {
            "initialize" => self.initialize = initialize(text(stored)?),
            "leader" => self.leader = holder(stored)?,
            "config" => self.config = Some((object(stored)?, stored.modified)),
            "status" => self.optime = optime(&json(stored)?),
            "optime/leader" if self.optime.is_none() => self.optime = lsn(&json(stored)?),
            "sync" => self.sync = sync(stored)?,
            "failover" => self.request = request(stored)?,
            "history" => self.history = history(&json(stored)?)?,
            "failsafe" => self.failsafe = failsafe(&object(stored)?),
            _ => {}
        }
        Ok(())
    }
}

fn text(stored: &Stored) -> Result<&str, &'static str> {
    std::str::from_utf8(&stored.value).map(str::trim).map_err(|_| "not UTF-8")
}

fn json(stored: &Stored) -> Result<Value, &'static str> {
    serde_json::from_slice(&stored.value).map_err(|_| "not JSON")
}

fn object(stored: &Stored) -> Result<Value, &'static str> {
    let value = json(stored)?;
    if value.is_object() { Ok(value) } else { Err("not a JSON object") }
}

fn initialize(text: &str) -> Initialize {
    if text.is_empty() { Initialize::Running } else { Initialize::Done(text.to_owned()) }
}

fn holder(stored: &Stored) -> Result<Option<Holder>, &'static str> {
    let name = text(stored)?;
    if name.is_empty() {
        return Err("names nobody");
    }
    Ok(Some(Holder { name: name.to_owned(), lease: stored.lease, taken: stored.modified }))
}

fn optime(value: &Value) -> Option<Lsn> {
    match value {
        Value::Object(status) => status.get("optime").and_then(lsn),
        bare => lsn(bare),
    }
}

/// An absent standby is none; an empty value says that nobody is synchronous.
fn sync(stored: &Stored) -> Result<SyncKey, &'static str> {
    let modified = Some(stored.modified);
    if stored.value.is_empty() {
        return Ok(SyncKey { modified, ..SyncKey::default() });
    }
    let value = object(stored)?;
    let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default();
    let standbys: Names = names(text("sync_standby"));
    let quorum = value.get("quorum").and_then(Value::as_u64).unwrap_or_default();
    Ok(SyncKey {
        leader: Some(text("leader")).filter(|name| !name.is_empty()).map(str::to_owned),
        standbys,
        quorum: usize::try_from(quorum).map_err(|_| "an impossible quorum")?,
        modified,
    })
}

fn names(list: &str) -> Names {
    list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// A request that names nobody is none: it is what a request leaves behind.
fn request(stored: &Stored) -> Result<Option<Request>, &'static str> {
    let value = object(stored)?;
    let text = |field: &str| {
        value.get(field).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let (leader, candidate) = (text("leader"), text("member"));
    if leader.is_none() && candidate.is_none() {
        return Ok(None);
    }
    let scheduled_at = text("scheduled_at");
    Ok(Some(Request { leader, candidate, scheduled_at, modified: stored.modified }))
}

/// Rows of timeline, log position, reason, time and new leader; old ones end after the reason.
fn history(value: &Value) -> Result<Vec<Switch>, &'static str> {
    let rows = value.as_array().ok_or("not a list")?;
    let mut switches: Vec<_> = rows.iter().filter_map(switch).collect();
    switches.sort_by_key(|switch| switch.timeline);
    if switches.len() == rows.len() {
        Ok(switches)
    } else {
        Err("a row that is no timeline switch")
    }
}

fn switch(row: &Value) -> Option<Switch> {
    let row = row.as_array()?;
    let text = |at: usize| row.get(at).and_then(Value::as_str).map(str::to_owned);
    let timeline = u32::try_from(row.first()?.as_u64()?).ok()?;
    Some(Switch {
        timeline: Timeline(timeline),
        at: lsn(row.get(1)?)?,
        reason: text(2).unwrap_or_default(),
        time: text(3),
        new_leader: text(4),
    })
}

fn failsafe(value: &Value) -> BTreeMap<String, String> {
    let entries = value.as_object().into_iter().flatten();
    entries.filter_map(|(name, url)| Some((name.clone(), url.as_str()?.to_owned()))).collect()
}

/// A log position as a count of bytes, as Patroni writes it.
pub(super) fn lsn(value: &Value) -> Option<Lsn> {
    match value {
        Value::Number(number) => number.as_u64().map(Lsn),
        Value::String(text) => text.parse().ok().map(Lsn),
        _ => None,
    }
}

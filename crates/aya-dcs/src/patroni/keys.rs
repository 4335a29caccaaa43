use std::collections::BTreeMap;

use aya_db_core::observation::{ClusterReport, MemberReport, TimelineSwitch};
use aya_db_core::{Lsn, MemberName, SystemIdentifier};
use serde_json::Value;

use super::value::{self, Warnings, member_name};
use super::{Decoded, Scope, member, request};
use crate::{Batch, Entry, Event, Range, Revision};

/// The keys of one cluster as of one revision: a range, kept up to date by the batches of a
/// watch.
#[derive(Debug, Clone)]
pub struct Keys {
    prefix: String,
    values: BTreeMap<String, Vec<u8>>,
    revision: Revision,
}

impl Keys {
    /// The keys that a range of [`Scope::prefix`] found.
    pub fn new(scope: &Scope, range: Range) -> Self {
        let mut keys =
            Self { prefix: scope.prefix(), values: BTreeMap::new(), revision: range.revision };
        for entry in range.entries {
            keys.put(entry);
        }
        keys
    }

    /// Applies the changes of a watch that was opened at [`Keys::revision`].
    pub fn apply(&mut self, batch: Batch) {
        for event in batch.events {
            match event {
                Event::Put(entry) => self.put(entry),
                Event::Deleted { key, .. } => {
                    if let Some(name) = key.strip_prefix(&self.prefix) {
                        self.values.remove(name);
                    }
                }
            }
        }
        self.revision = self.revision.max(batch.revision);
    }

    /// The revision up to which the keys are known.
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// Whether the cluster has no key at all: it does not exist, or not yet.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// What the keys say.
    pub fn decode(&self) -> Decoded {
        let mut warnings = Warnings::default();
        let leader_lsn = self.leader_lsn(&mut warnings);
        let report = ClusterReport {
            leader: self.text("leader", &mut warnings).and_then(member_name),
            members: self.members(leader_lsn, &mut warnings),
            system_identifier: self.system_identifier(&mut warnings),
            history: self.history(&mut warnings),
            leader_lsn,
            sync_standbys: self.sync_standbys(&mut warnings),
            switchover: self
                .values
                .get("failover")
                .and_then(|value| request::of_key(value, &mut warnings)),
            paused: self
                .json("config", &mut warnings)
                .is_some_and(|config| config.get("pause") == Some(&Value::Bool(true))),
            revision: Some(self.revision.0),
        };
        Decoded { report, warnings: warnings.into_vec() }
    }

    fn put(&mut self, entry: Entry) {
        if let Some(name) = entry.key.strip_prefix(&self.prefix) {
            self.values.insert(name.to_owned(), entry.value);
        }
    }

    fn members(&self, leader_lsn: Option<Lsn>, warnings: &mut Warnings) -> Vec<MemberReport> {
        let mut members = Vec::new();
        for (key, value) in &self.values {
            let Some(name) = key.strip_prefix("members/").and_then(member_name) else { continue };
            match member::decode(&name, value, leader_lsn) {
                Ok(member) => members.push(member),
                Err(problem) => warnings.add(key, problem),
            }
        }
        members
    }

    /// Empty while a bootstrap runs.
    fn system_identifier(&self, warnings: &mut Warnings) -> Option<SystemIdentifier> {
        let text = self.text("initialize", warnings).filter(|text| !text.is_empty())?;
        let identifier = text.parse().ok().map(SystemIdentifier);
        if identifier.is_none() {
            warnings.add("initialize", "not a system identifier");
        }
        identifier
    }

    fn history(&self, warnings: &mut Warnings) -> Vec<TimelineSwitch> {
        let Some(json) = self.json("history", warnings) else { return Vec::new() };
        value::history(&json, "history", warnings)
    }

    /// From `status`, or from `optime/leader` where members older than Patroni 2.1 take part.
    fn leader_lsn(&self, warnings: &mut Warnings) -> Option<Lsn> {
        let (key, found) = match self.json("status", warnings) {
            Some(Value::Object(status)) => ("status", status.get("optime").cloned()?),
            Some(bare) => ("status", bare),
            None => ("optime/leader", self.json("optime/leader", warnings)?),
        };
        let position = value::lsn(&found);
        if position.is_none() {
            warnings.add(key, "not a log position");
        }
        position
    }

    fn sync_standbys(&self, warnings: &mut Warnings) -> Vec<MemberName> {
        let Some(sync) = self.json("sync", warnings) else { return Vec::new() };
        let names = sync.get("sync_standby").and_then(Value::as_str).unwrap_or_default();
        names.split(',').filter_map(member_name).collect()
    }

    fn text(&self, key: &str, warnings: &mut Warnings) -> Option<&str> {
        let text = std::str::from_utf8(self.values.get(key)?);
        if text.is_err() {
            warnings.add(key, "not UTF-8");
        }
        text.ok().map(str::trim)
    }

    /// An absent or empty value is none.
    fn json(&self, key: &str, warnings: &mut Warnings) -> Option<Value> {
        let value = self.values.get(key).filter(|value| !value.is_empty())?;
        let json = serde_json::from_slice(value);
        if json.is_err() {
            warnings.add(key, "not JSON");
        }
        json.ok()
    }
}

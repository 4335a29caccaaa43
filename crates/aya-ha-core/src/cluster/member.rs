use aya_db_core::{Lsn, NodeId, Timeline};
use serde_json::Value;

use super::Tags;
use super::decode::lsn;
use crate::config::Address;

/// One node as it announces itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Where its PostgreSQL answers.
    pub conn_url: Option<String>,
    /// Where its REST interface answers, with the path `/patroni`.
    pub api_url: Option<String>,
    /// `running`, `starting`, `stopped` and so on.
    pub state: String,
    /// `primary`, `replica`, `standby_leader`, `demoted` and so on.
    pub role: String,
    /// The protocol's version: Patroni's.
    pub version: Option<String>,
    /// The timeline it is on.
    pub timeline: Option<Timeline>,
    /// How far its log goes.
    pub lsn: Option<Lsn>,
    /// How far a standby's log is received.
    pub received: Option<Lsn>,
    /// How far it is replayed.
    pub replayed: Option<Lsn>,
    /// `streaming` or `in archive recovery`.
    pub replication_state: Option<String>,
    /// What it wants heeded.
    pub tags: Tags,
    /// Whether the first checkpoint after its promotion is still to come: then nobody can rewind from it.
    pub awaits_checkpoint: bool,
    /// The profile that its daemon follows; only ours say one.
    pub profile: Option<String>,
    /// The revision that wrote its entry.
    pub modified: u64,
}

impl Member {
    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.state == "running"
    }

    /// Whether it runs and gets the leader's log as it is written.
    pub fn is_streaming(&self) -> bool {
        self.is_running() && self.replication_state.as_deref() == Some("streaming")
    }

    /// Where its PostgreSQL answers.
    pub fn node(&self) -> Option<NodeId> {
        let (_, rest) = self.conn_url.as_ref()?.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
        let Address { host, port } = Address::parse(address, 5432)?;
        Some(NodeId::new(&host, port))
    }

    /// From its entry.
    pub(super) fn decode(name: &str, value: &[u8], modified: u64) -> Result<Self, &'static str> {
        let text = std::str::from_utf8(value).map_err(|_| "not UTF-8")?.trim();
        let name = name.to_owned();
        if !text.starts_with('{') && text.contains("://") {
            let conn_url = Some(text.to_owned());
            return Ok(Self { name, conn_url, modified, ..Self::default() });
        }
        let json: Value = serde_json::from_str(text).map_err(|_| "not JSON")?;
        let fields = json.as_object().ok_or("not a JSON object")?;
        let text = |field: &str| fields.get(field).and_then(Value::as_str).map(str::to_owned);
        let timeline = fields.get("timeline").and_then(Value::as_u64);
        let tags = fields.get("tags").and_then(Value::as_object);
        let aya = fields.get("aya").and_then(|aya| aya.get("profile"));
        Ok(Self {
            name,
            conn_url: text("conn_url"),
            api_url: text("api_url"),
            state: text("state").unwrap_or_default(),
            role: text("role").unwrap_or_default(),
            version: text("version"),
            timeline: timeline.and_then(|number| u32::try_from(number).ok()).map(Timeline),
            lsn: fields.get("xlog_location").and_then(lsn),
            received: fields.get("receive_lsn").and_then(lsn),
            replayed: fields.get("replay_lsn").and_then(lsn),
            replication_state: text("replication_state"),
            tags: tags.cloned().map(Tags::new).unwrap_or_default(),
            awaits_checkpoint: fields.get("checkpoint_after_promote") == Some(&Value::Bool(false)),
            profile: aya.and_then(Value::as_str).map(str::to_owned),
            modified,
        })
    }
}

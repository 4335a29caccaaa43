use std::collections::BTreeMap;

use aya_db_core::{Lsn, Timeline};
use serde_json::Value;

use crate::view::Receiver;

/// What the server says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// Whether it recovers what another writes.
    pub in_recovery: bool,
    /// The identifier of its data.
    pub system_identifier: String,
    /// Its version, as a number.
    pub version: u32,
    /// When it was started, as it prints that.
    pub started: String,
    /// The timeline it is on.
    pub timeline: Timeline,
    /// The timeline of its last checkpoint.
    pub checkpoint_timeline: Timeline,
    /// Of a primary: how far its log is flushed.
    pub flushed: Lsn,
    /// Of a standby: how far its log is received.
    pub received: Lsn,
    /// Of a standby: how far its log is replayed.
    pub replayed: Lsn,
    /// When the last replayed transaction was committed, as it prints that.
    pub replayed_at: Option<String>,
    /// Whether its replay is held up.
    pub replay_paused: bool,
    /// Whether a standby's log comes as it is written.
    pub streaming: bool,
    /// `synchronous_standby_names`.
    pub standby_names: String,
    /// Who receives from it, by name.
    pub receivers: BTreeMap<String, Receiver>,
    /// The rows of `pg_stat_replication`, as Patroni shows them.
    pub replication: Value,
}

impl Probe {
    /// How far its log goes.
    pub fn lsn(&self) -> Lsn {
        if self.in_recovery { self.received.max(self.replayed) } else { self.flushed }
    }

    /// From the answer to [`QUESTION`]; `None` if it is none.
    pub fn read(answer: &Value) -> Option<Self> {
        let lsn = |field: &str| Lsn(answer.get(field).and_then(Value::as_u64).unwrap_or_default());
        let number = |field: &str| {
            answer.get(field).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok())
        };
        let text = |field: &str| answer.get(field).and_then(Value::as_str).map(str::to_owned);
        let flag = |field: &str| answer.get(field).and_then(Value::as_bool);
        let replication = answer.get("replication").cloned().unwrap_or_default();
        let receivers = replication.as_array().into_iter().flatten().filter_map(receiver).collect();
        Some(Self {
            in_recovery: flag("in_recovery")?,
            system_identifier: text("system_identifier")?,
            version: number("version")?,
            started: text("started")?,
            timeline: Timeline(number("timeline")?),
            checkpoint_timeline: Timeline(number("checkpoint_timeline")?),
            flushed: lsn("flushed"),
            received: lsn("received"),
            replayed: lsn("replayed"),
            replayed_at: text("replayed_at"),
            replay_paused: flag("replay_paused").unwrap_or(false),
            streaming: text("receiver").as_deref() == Some("streaming"),
            standby_names: text("standby_names")?,
            receivers,
            replication,
        })
    }
}

fn receiver(row: &Value) -> Option<(String, Receiver)> {
    let text = |field: &str| row.get(field).and_then(Value::as_str);
    let flushed = Lsn(row.get("flushed").and_then(Value::as_u64).unwrap_or_default());
    let streaming = text("state") == Some("streaming");
    Some((text("application_name")?.to_owned(), Receiver { streaming, flushed }))
}

/// One question for everything, so that the parts fit together. Positions are counts of bytes, as the
/// store has them. Of a standby the receiver knows the timeline while it runs, and the control file else.
pub const QUESTION: &str = "\
select json_build_object(
  'in_recovery', r.recovers,
  'system_identifier', (select system_identifier::text from pg_control_system()),
  'version', current_setting('server_version_num')::int,
  'started', pg_postmaster_start_time()::text,
  'timeline', case when r.recovers
    then coalesce((select received_tli from pg_stat_wal_receiver where received_tli > 0),
                  (select greatest(min_recovery_end_timeline, c.timeline_id) from pg_control_recovery()))
    else ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int end,
  'checkpoint_timeline', c.timeline_id,
  'flushed', case when not r.recovers then pg_current_wal_flush_lsn() - '0/0'::pg_lsn end,
  'received', pg_last_wal_receive_lsn() - '0/0'::pg_lsn,
  'replayed', pg_last_wal_replay_lsn() - '0/0'::pg_lsn,
  'replayed_at', pg_last_xact_replay_timestamp()::text,
  'replay_paused', case when r.recovers then pg_is_wal_replay_paused() else false end,
  'receiver', (select status from pg_stat_wal_receiver),
  'standby_names', current_setting('synchronous_standby_names'),
  'replication', (select coalesce(json_agg(json_build_object(
      'usename', usename, 'application_name', application_name, 'client_addr', client_addr,
      'state', state, 'sync_state', sync_state, 'sync_priority', sync_priority,
      'flushed', flush_lsn - '0/0'::pg_lsn)), '[]') from pg_stat_replication)
)::text
from (select pg_is_in_recovery() as recovers) r, pg_control_checkpoint() c";

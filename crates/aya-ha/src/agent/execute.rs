//! Does what was decided: each write to the store only while what it was decided on is still there.

use std::collections::BTreeMap;

use aya_db_core::Lsn;
use aya_dcs::patroni::Scope;
use aya_dcs::{Compare, LeaseId, Revision, Txn};
use aya_ha_core::cluster::{Cluster, encode};
use aya_ha_core::plan::Action;
use aya_ha_core::sync::Voters;
use aya_ha_core::view::View;
use serde_json::Value;

/// The transaction of an action that writes to the store; `None` of the others.
pub(super) fn transaction(
    action: &Action,
    view: &View,
    scope: &Scope,
    first: &Value,
) -> Option<Txn> {
    let me = view.me.name.as_bytes();
    let lease = view.lease_id.map(LeaseId);
    let leader = scope.key("leader");
    let leads = || Txn::new().when(Compare::ValueIs(leader.clone(), me.to_vec()));
    Some(match action {
        Action::ClaimBootstrap => {
            let key = scope.key("initialize");
            Txn::new().when(Compare::Absent(key.clone())).put(&key, b"", lease)
        }
        Action::FinishBootstrap => {
            let identifier = view.postgres.system_identifier.clone().unwrap_or_default();
            let txn = Txn::new()
                .when(Compare::Absent(leader.clone()))
                .put(&scope.key("initialize"), identifier.as_bytes(), None)
                .put(&leader, me, lease);
            match &view.cluster.config {
                Some(_) => txn,
                None => txn.put(&scope.key("config"), first.to_string().as_bytes(), None),
            }
        }
        Action::TakeLock => {
            let txn = Txn::new().when(Compare::Absent(leader.clone())).put(&leader, me, lease);
            txn.when(unchanged(scope, "sync", view.cluster.sync.modified))
        }
        Action::RenewLock => leads().put(&leader, me, lease),
        Action::ReleaseLock { end } => {
            let txn = leads().delete(&leader);
            match end {
                Some(end) => txn.put(&scope.key("status"), &status(*end), None),
                None => txn,
            }
        }
        Action::WriteSync(voters) => {
            let key = scope.key("sync");
            let value = encode::sync(&view.me.name, voters);
            leads()
                .when(unchanged(scope, "sync", view.cluster.sync.modified))
                .put(&key, &value, None)
        }
        Action::ClearRequest => {
            let modified = view.cluster.request.as_ref()?.modified;
            let key = scope.key("failover");
            let when = unchanged(scope, "failover", Some(modified));
            Txn::new().when(when).put(&key, &encode::request(None), None)
        }
        Action::WriteHistory(switches) => {
            leads().put(&scope.key("history"), &encode::history(switches), None)
        }
        Action::WriteStatus(lsn) => leads().put(&scope.key("status"), &status(*lsn), None),
        Action::Ask(_)
        | Action::Checkpoint
        | Action::WaitFor(_)
        | Action::Begin(_)
        | Action::Refuse(_) => return None,
    })
}

/// Whether a write would change nothing, so that it need not be done.
pub(super) fn is_done(action: &Action, cluster: &Cluster, me: &str) -> bool {
    match action {
        Action::WriteSync(Voters { names, quorum }) => {
            cluster.sync.leader.as_deref() == Some(me)
                && cluster.sync.standbys == *names
                && cluster.sync.quorum == *quorum
        }
        _ => false,
    }
}

fn status(end: Lsn) -> Vec<u8> {
    encode::status(end, &BTreeMap::new())
}

fn unchanged(scope: &Scope, name: &str, modified: Option<u64>) -> Compare {
    let key = scope.key(name);
    match modified {
        Some(modified) => Compare::ModifiedAt(key, Revision(modified)),
        None => Compare::Absent(key),
    }
}

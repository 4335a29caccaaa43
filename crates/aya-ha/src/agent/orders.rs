//! Does what people ask for by the REST interface.

use std::sync::Arc;
use std::time::Duration;

use aya_dcs::etcd::EtcdStore;
use aya_dcs::patroni::Scope;
use aya_dcs::{Compare, Outcome, Revision, Txn, Writer};
use aya_ha_core::cluster::{Cluster, Request, encode};
use aya_ha_core::plan::Job;
use aya_ha_core::rest::{Answer, Order};
use serde_json::Value;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout_at};

use super::keys::Seen;
use super::node::Agent;

impl Agent {
    /// Does what somebody asked for: what the store alone is needed for beside everything else, work on the
    /// server as other work.
    pub(super) fn obey(&mut self, order: Order, tell: oneshot::Sender<Answer>) {
        let job = match order {
            Order::Reload => {
                let reloaded = self.server.reconfigure(self.dynamic.clone());
                let answer = reloaded.map_or_else(
                    |error| Answer::text(503, error.to_string()),
                    |()| Answer::text(202, "reload scheduled"),
                );
                let _gone = tell.send(answer);
                return;
            }
            Order::Restart => Job::Restart,
            Order::Reinitialize => {
                let leader = Cluster::decode(&self.seen.borrow().keys).leader;
                Job::Reinitialize { from: leader.map(|it| it.name).unwrap_or_default() }
            }
            order @ (Order::Configure { .. } | Order::Switch(_) | Order::CancelSwitch) => {
                let (store, seen) = (Arc::clone(&self.store), self.seen.clone());
                let loop_wait = self.dynamic.loop_wait;
                let means = Means { store, scope: self.scope.clone(), seen, loop_wait };
                tokio::spawn(async move {
                    let _gone = tell.send(means.obey(order).await);
                });
                return;
            }
        };
        if self.work.is_some() {
            let _gone = tell.send(Answer::text(503, "other work is under way"));
            return;
        }
        let cluster = Cluster::decode(&self.seen.borrow().keys);
        let view = self.view(cluster);
        self.rests_until = None;
        self.begin(&job, &view);
        if matches!(job, Job::Reinitialize { .. }) {
            let _gone = tell.send(Answer::text(200, "reinitialize started"));
        } else {
            self.ordered = Some(tell);
        }
    }
}

/// What an order needs to be done.
pub(super) struct Means {
    pub(super) store: Arc<EtcdStore>,
    pub(super) scope: Scope,
    pub(super) seen: watch::Receiver<Seen>,
    pub(super) loop_wait: Duration,
}

impl Means {
    /// Does an order that only the store is needed for; the others are the agent's.
    pub(super) async fn obey(mut self, order: Order) -> Answer {
        match order {
            Order::Configure { config, seen } => self.configure(&config, seen).await,
            Order::Switch(request) => self.switch(&request).await,
            Order::CancelSwitch => match self.request(None).await {
                Ok(()) => Answer::text(200, "scheduled switchover deleted"),
                Err(answer) => answer,
            },
            Order::Restart | Order::Reload | Order::Reinitialize => Answer::text(503, "not here"),
        }
    }

    async fn configure(&self, config: &Value, seen: Option<u64>) -> Answer {
        let key = self.scope.key("config");
        let txn = Txn::new().put(&key, config.to_string().as_bytes(), None);
        let txn = match seen {
            Some(seen) => txn.when(Compare::ModifiedAt(key, Revision(seen))),
            None => txn,
        };
        match self.store.commit(txn).await {
            Ok(Outcome::Done(_)) => Answer::document(200, config.clone()),
            Ok(Outcome::Refused(_)) => Answer::text(409, "the configuration has changed meanwhile"),
            Err(error) => Answer::text(503, error.to_string()),
        }
    }

    /// Writes the request, and waits until another leads or the request is cleared without it.
    async fn switch(&mut self, request: &Request) -> Answer {
        let old = self.cluster().leader.map(|leader| leader.name);
        if let Err(answer) = self.request(Some(request)).await {
            return answer;
        }
        if request.scheduled_at.is_some() {
            return Answer::text(202, "Switchover scheduled");
        }
        let verb = if request.leader.is_some() { "switched over" } else { "failed over" };
        let deadline = Instant::now() + 2 * self.loop_wait.max(Duration::from_secs(10));
        loop {
            if timeout_at(deadline, self.seen.changed()).await.is_err() {
                return Answer::text(503, "the leader has not changed in time");
            }
            let cluster = self.cluster();
            let new =
                cluster.leader.map(|leader| leader.name).filter(|name| Some(name) != old.as_ref());
            match (new, cluster.request) {
                (Some(new), None) if request.candidate.as_ref().is_none_or(|it| *it == new) => {
                    return Answer::text(200, format!("Successfully {verb} to \"{new}\""));
                }
                (Some(new), None) => {
                    return Answer::text(200, format!("Failed over to \"{new}\" instead"));
                }
                (None, None) if old.is_some() && self.cluster().leader.is_some() => {
                    return Answer::text(503, "the request was refused");
                }
                _ => {}
            }
        }
    }

    async fn request(&self, request: Option<&Request>) -> Result<(), Answer> {
        let txn = Txn::new().put(&self.scope.key("failover"), &encode::request(request), None);
        match self.store.commit(txn).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Answer::text(503, "failed to write failover key into DCS")),
        }
    }

    fn cluster(&self) -> Cluster {
        Cluster::decode(&self.seen.borrow().keys)
    }
}

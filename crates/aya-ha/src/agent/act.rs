//! Does the actions of a decision, and writes what the node says of itself.

use std::time::Duration;

use anyhow::bail;
use aya_dcs::{LeaseId, Outcome, Txn, Writer};
use aya_ha_core::cluster::encode;
use aya_ha_core::plan::Action;
use aya_ha_core::view::{Answer, Asked, Store, View};
use tokio::time::timeout;

use super::announce::{Standing, announcement, essence};
use super::node::Agent;
use super::{execute, peers};
use crate::clock;

impl Agent {
    /// Does one action, and says whether those after it may be done.
    pub(super) async fn act(&mut self, action: &Action, view: &View) -> anyhow::Result<bool> {
        if execute::is_done(action, &view.cluster, &view.me.name) {
            return Ok(true);
        }
        let first = &self.server.config().bootstrap.dcs;
        if let Some(txn) = execute::transaction(action, view, &self.scope, first) {
            let done = self.commit(action, txn).await;
            if matches!(action, Action::WriteStatus(_)) {
                self.memory.status_at = Some(view.now);
            }
            if matches!(action, Action::ClaimBootstrap) && done {
                self.memory.bootstraps = true;
            }
            return Ok(done);
        }
        match action {
            Action::Ask(names) => self.ask(names.iter().cloned(), view),
            Action::Checkpoint => self.checkpoint(),
            Action::WaitFor(standbys) => {
                if let Err(error) = self.server.wait_for(standbys) {
                    tracing::error!(%error, "synchronous_standby_names is not set");
                    return Ok(false);
                }
                self.nudge.notify_one();
            }
            Action::Begin(job) => self.begin(job, view),
            Action::Refuse(why) => bail!("{why}"),
            _ => {}
        }
        Ok(true)
    }

    /// Writes this node's entry: at once when something about it changed, and now and then where only its
    /// positions did.
    pub(super) async fn announce(&mut self, view: &View) {
        let Some(lease) = view.lease_id.map(LeaseId).filter(|_| view.lease_holds()) else { return };
        let probe = self.sight.borrow().probe.clone();
        let standing = probe.map(|it| Standing { received: it.received, replayed: it.replayed });
        let own = announcement(view, &self.server, standing);
        let key = format!("members/{}", view.me.name);
        let is_there = view.cluster.members.contains_key(&view.me.name);
        let fresh = self.announced.as_ref().is_some_and(|(last, on, at)| {
            let recent = view.now.since(*at) < view.settings.loop_wait;
            *on == lease && (*last == own || (recent && essence(last) == essence(&own)))
        });
        if fresh && is_there || view.store != Store::Current {
            return;
        }
        let txn = Txn::new().put(&self.scope.key(&key), &encode::member(&own), Some(lease));
        match self.store.commit(txn).await {
            Ok(_) => self.announced = Some((own, lease, view.now)),
            Err(error) => tracing::debug!(%error, "this node's entry is not written"),
        }
    }

    async fn commit(&mut self, action: &Action, txn: Txn) -> bool {
        match self.store.commit(txn).await {
            Ok(Outcome::Done(revision)) => {
                let arrived = self.seen.wait_for(|seen| seen.keys.revision >= revision.0);
                let _late = timeout(ARRIVAL, arrived).await;
                true
            }
            Ok(Outcome::Refused(_)) => {
                tracing::info!(?action, "the store has changed meanwhile");
                self.wait_for_keys().await;
                false
            }
            Err(error) => {
                tracing::warn!(?action, %error, "not known whether it was written");
                self.wait_for_keys().await;
                false
            }
        }
    }

    /// What was decided from is out of date: the change that made it so is on its way.
    async fn wait_for_keys(&mut self) {
        let _late = timeout(ARRIVAL, self.seen.changed()).await;
        self.seen.mark_changed();
    }

    fn ask(&mut self, names: impl Iterator<Item = String>, view: &View) {
        let at = clock::now();
        let names: Vec<_> = names.collect();
        let answers = names.iter().map(|name| (name.clone(), Answer::Awaited)).collect();
        self.memory.peers = Some(Asked { at, answers });
        for name in names {
            let url = view.cluster.members.get(&name).and_then(|member| member.api_url.clone());
            let (http, tell) = (self.http.clone(), self.answers.0.clone());
            let patience = view.settings.peer_timeout;
            tokio::spawn(async move {
                let answer = peers::ask(&http, url, patience).await;
                let _gone = tell.send((at, name, answer)).await;
            });
        }
        // Where there is nobody to ask, the next pass is what answers.
        self.seen.mark_changed();
    }
}

/// How long a change of the store takes to arrive by the watch.
const ARRIVAL: Duration = Duration::from_millis(500);

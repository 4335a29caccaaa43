//! The writing side.

use std::time::Duration;

use etcd_client::{Compare as EtcdCompare, CompareOp, Error, PutOptions, Txn as EtcdTxn, TxnOp};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{sleep, timeout};

use super::EtcdStore;
use super::error::{classify, combine};
use super::member::{Member, revision};
use crate::{Compare, LeaseId, Outcome, Renewal, Revision, StoreError, Txn, Write, Writer};

impl Writer for EtcdStore {
    async fn grant(&self, ttl: Duration) -> Result<LeaseId, StoreError> {
        let seconds = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        // A member that is slow and not dead may grant a second one, which ends unused.
        self.first_answer(|member| async move { member.grant(seconds).await }).await
    }

    async fn renew(&self, lease: LeaseId) -> Result<Renewal, StoreError> {
        self.first_answer(|member| async move { member.renew(lease).await }).await
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), StoreError> {
        self.first_answer(|member| async move { member.revoke(lease).await }).await
    }

    async fn commit(&self, txn: Txn) -> Result<Outcome, StoreError> {
        let member = self.connected().await?;
        let outcome = member.commit(&txn).await;
        if outcome.is_err() {
            self.discard(member.url());
        }
        outcome
    }
}

impl EtcdStore {
    /// The member in use, or the first that can be connected to.
    async fn connected(&self) -> Result<Member, StoreError> {
        let mut failures = Vec::new();
        if let Some(member) = self.in_use() {
            return Ok(member);
        }
        for index in self.others(None) {
            match self.open(index).await {
                Ok(member) => {
                    self.use_member(index, member.clone());
                    return Ok(member);
                }
                Err(error) => failures.push(error),
            }
        }
        Err(combine(failures))
    }

    /// Asks the member in use, and a little later the others beside it, until one answers: a member that
    /// hangs delays nobody by more than that. For what may be done twice.
    async fn first_answer<T, Ask, Answer>(&self, ask: Ask) -> Result<T, StoreError>
    where
        Ask: Fn(Member) -> Answer,
        Answer: Future<Output = Result<T, StoreError>> + Send,
    {
        let mut attempts = FuturesUnordered::new();
        let mut failures = Vec::new();
        let mut first = self.in_use();
        let mut waiting = self.others(first.as_ref()).into_iter();
        loop {
            let ask = &ask;
            let known = first.take();
            let next = if known.is_some() { None } else { waiting.next() };
            if known.is_some() || next.is_some() {
                attempts.push(Box::pin(async move {
                    let index = next;
                    let member = match (known, next) {
                        (Some(member), _) => member,
                        (None, Some(index)) => self.open(index).await?,
                        (None, None) => return Err(combine(Vec::new())),
                    };
                    let answer = ask(member.clone()).await;
                    if answer.is_err() {
                        self.discard(member.url());
                    }
                    answer.map(|answer| (index, member, answer))
                }));
            }
            tokio::select! {
                outcome = attempts.next() => match outcome {
                    Some(Ok((index, member, answer))) => {
                        if let Some(index) = index {
                            self.use_member(index, member);
                        }
                        return Ok(answer);
                    }
                    Some(Err(error)) => failures.push(error),
                    None => return Err(combine(failures)),
                },
                () = sleep(HEDGE), if waiting.len() > 0 => {}
            }
        }
    }
}

impl Member {
    async fn grant(&self, seconds: i64) -> Result<LeaseId, StoreError> {
        let mut client = self.client().lease_client();
        let granted = self.within("grant a lease", client.grant(seconds, None)).await?;
        self.is_fresh(granted.header())?;
        Ok(LeaseId(granted.id()))
    }

    async fn renew(&self, LeaseId(lease): LeaseId) -> Result<Renewal, StoreError> {
        let mut client = self.client().lease_client();
        match timeout(DEADLINE, client.keep_alive(lease)).await {
            Ok(Ok(_)) => Ok(Renewal::Held),
            // The library's own words for an answer without time to live.
            Ok(Err(Error::LeaseKeepAliveError(text))) if text == "lease not found" => {
                Ok(Renewal::Gone)
            }
            Ok(Err(error)) => Err(classify(self.url(), &error)),
            Err(_) => Err(self.silent("renew a lease")),
        }
    }

    async fn revoke(&self, LeaseId(lease): LeaseId) -> Result<(), StoreError> {
        let mut client = self.client().lease_client();
        match self.within("revoke a lease", client.revoke(lease)).await {
            Err(StoreError::Unavailable { detail }) if detail.contains(NOT_FOUND) => Ok(()),
            outcome => outcome.map(|_| ()),
        }
    }

    async fn commit(&self, txn: &Txn) -> Result<Outcome, StoreError> {
        let when: Vec<_> = txn.when.iter().map(compare).collect();
        let then: Vec<_> = txn.then.iter().map(operation).collect();
        let mut client = self.client().kv_client();
        let request = client.txn(EtcdTxn::new().when(when).and_then(then));
        let answer = self.within("commit", request).await?;
        // What is answered has been done by a majority: only a read can be out of date.
        let at = answer.header().map_or(0, etcd_client::ResponseHeader::revision);
        let at: Revision = revision(at);
        Ok(if answer.succeeded() { Outcome::Done(at) } else { Outcome::Refused(at) })
    }

    async fn within<T>(
        &self,
        task: &str,
        request: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, StoreError> {
        match timeout(DEADLINE, request).await {
            Ok(answer) => answer.map_err(|error| classify(self.url(), &error)),
            Err(_) => Err(self.silent(task)),
        }
    }
}

fn compare(compare: &Compare) -> EtcdCompare {
    match compare {
        Compare::Absent(key) => EtcdCompare::create_revision(key.as_str(), CompareOp::Equal, 0),
        Compare::ModifiedAt(key, Revision(at)) => {
            let at = i64::try_from(*at).unwrap_or(i64::MAX);
            EtcdCompare::mod_revision(key.as_str(), CompareOp::Equal, at)
        }
        Compare::ValueIs(key, value) => {
            EtcdCompare::value(key.as_str(), CompareOp::Equal, value.clone())
        }
    }
}

fn operation(write: &Write) -> TxnOp {
    match write {
        Write::Put { key, value, lease } => {
            let options = lease.map(|LeaseId(lease)| PutOptions::new().with_lease(lease));
            TxnOp::put(key.as_str(), value.clone(), options)
        }
        Write::Delete(key) => TxnOp::delete(key.as_str(), None),
    }
}

/// One answer of one member.
const DEADLINE: Duration = Duration::from_millis(1_000);

/// A healthy member answers well within this, also when its disk is busy.
const HEDGE: Duration = Duration::from_millis(250);

/// What etcd says of a lease that is not there.
const NOT_FOUND: &str = "requested lease not found";

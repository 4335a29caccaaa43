use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use etcd_client::{EventType, WatchResponse, WatchStream};
use tokio::time::{Instant, sleep_until};

use super::error::{classify, from_cancel_reason};
use super::member::{Member, entry, revision};
use super::store::Current;
use crate::{Batch, Event, Revision, StoreError, Watch};

/// A watch on one member of etcd.
pub struct EtcdWatch {
    current: Arc<Current>,
    member: Member,
    stream: WatchStream,
    prefix: String,
    /// Everything up to here has been told.
    told: Revision,
    /// A linearizable read that is under way.
    proof: Option<Proof>,
    next_proof: Instant,
    /// The newest entry of the last read, where the watch had not told of it yet.
    overdue: Option<Revision>,
}

impl EtcdWatch {
    pub(super) fn new(
        current: Arc<Current>,
        member: Member,
        stream: WatchStream,
        prefix: &str,
        after: Revision,
    ) -> Self {
        Self {
            current,
            member,
            stream,
            prefix: prefix.to_owned(),
            told: after,
            proof: None,
            next_proof: Instant::now() + PROOF_INTERVAL,
            overdue: None,
        }
    }

    async fn step(&mut self) -> Result<Option<Batch>, StoreError> {
        let idle = self.proof.is_none();
        let proof = async {
            match &mut self.proof {
                Some(proof) => proof.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            message = self.stream.message() => match message {
                Ok(Some(response)) => self.receive(response),
                Ok(None) => Err(self.unavailable("ended the watch")),
                Err(error) => Err(classify(self.member.url(), &error)),
            },
            newest = proof => {
                self.proof = None;
                self.next_proof = Instant::now() + PROOF_INTERVAL;
                self.prove(newest?).map(Some)
            }
            () = sleep_until(self.next_proof), if idle => {
                let (member, prefix) = (self.member.clone(), self.prefix.clone());
                self.proof = Some(Box::pin(async move { member.newest(&prefix).await }));
                Ok(None)
            }
        }
    }

    fn receive(&mut self, mut response: WatchResponse) -> Result<Option<Batch>, StoreError> {
        if response.compact_revision() > 0 {
            return Err(StoreError::Compacted { at: revision(response.compact_revision()) });
        }
        if response.canceled() {
            return Err(from_cancel_reason(self.member.url(), response.cancel_reason()));
        }
        if response.created() {
            return Ok(None);
        }
        let at = response.take_header().map_or(self.told, |header| revision(header.revision()));
        self.told = self.told.max(at);
        let events: Vec<_> = response.events().iter().filter_map(event).collect();
        Ok((!events.is_empty()).then_some(Batch { events, revision: self.told }))
    }

    /// A read that found an entry newer than all that the watch told, twice in a row: the watch
    /// is stuck, though its member lives.
    fn prove(&mut self, newest: Revision) -> Result<Batch, StoreError> {
        if self.overdue.is_some_and(|overdue| overdue > self.told) {
            return Err(self.unavailable("the watch falls behind"));
        }
        self.overdue = Some(newest);
        Ok(Batch { events: Vec::new(), revision: self.told })
    }

    fn unavailable(&self, problem: &str) -> StoreError {
        StoreError::Unavailable { detail: format!("{}: {problem}", self.member.url()) }
    }
}

impl Watch for EtcdWatch {
    async fn next(&mut self) -> Result<Batch, StoreError> {
        loop {
            match self.step().await {
                Ok(Some(batch)) => return Ok(batch),
                Ok(None) => {}
                Err(error) => {
                    if !matches!(error, StoreError::Compacted { .. }) {
                        self.current.discard(self.member.url());
                    }
                    return Err(error);
                }
            }
        }
    }
}

type Proof = Pin<Box<dyn Future<Output = Result<Revision, StoreError>> + Send>>;

fn event(event: &etcd_client::Event) -> Option<Event> {
    let kv = event.kv()?.clone();
    match event.event_type() {
        EventType::Put => entry(kv).map(Event::Put),
        EventType::Delete => {
            let at = revision(kv.mod_revision());
            Some(Event::Deleted { key: String::from_utf8(kv.into_key_value().0).ok()?, at })
        }
    }
}

/// How often a quiet watch proves that its member lives and has a quorum. etcd answers pings of
/// HTTP/2 more frequent than one in five seconds by hanging up, so the proof is a read.
const PROOF_INTERVAL: Duration = Duration::from_millis(500);

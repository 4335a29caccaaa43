use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::sleep;
use tonic::transport::Endpoint;

use super::error::combine;
use super::member::Member;
use super::{Credentials, EtcdSettings, EtcdWatch};
use crate::{Range, Revision, Store, StoreError};

/// An etcd cluster. Connects when first read, and to another member whenever one fails.
pub struct EtcdStore {
    members: Vec<(String, Endpoint)>,
    credentials: Option<Credentials>,
    current: Arc<Current>,
    /// The newest term of the members' leader that any of them spoke of.
    newest_term: Arc<AtomicU64>,
}

impl EtcdStore {
    /// Checks the settings; connects to nobody yet. `first` chooses the member to ask first,
    /// modulo their number, so that many processes need not all ask the same one.
    pub fn new(settings: &EtcdSettings, first: usize) -> Result<Self, StoreError> {
        let members = settings.dialable()?;
        let first = first % members.len();
        let current = Arc::new(Current(Mutex::new(Chosen { index: first, member: None })));
        Ok(Self {
            members,
            credentials: settings.credentials.clone(),
            current,
            newest_term: Arc::default(),
        })
    }

    /// A member that answers: the current one, or the winner of a race.
    pub(super) async fn member(&self, prefix: &str) -> Result<Member, StoreError> {
        match self.current.member() {
            Some(member) => Ok(member),
            None => Ok(self.race(prefix).await?.0),
        }
    }

    /// Asks the members for `prefix` one after another, a little apart, and takes the first that
    /// answers. The one that failed last is asked last.
    async fn race(&self, prefix: &str) -> Result<(Member, Range), StoreError> {
        let count = self.members.len();
        let mut waiting = self.others(None).into_iter();
        let mut attempts = FuturesUnordered::new();
        let mut failures = Vec::new();
        loop {
            if let Some(index) = waiting.next() {
                attempts.push(Box::pin(self.attempt(index, prefix)));
            }
            tokio::select! {
                outcome = attempts.next() => match outcome {
                    Some(Ok((index, member, range))) => {
                        self.current.set(index, count, member.clone());
                        return Ok((member, range));
                    }
                    Some(Err(error)) => failures.push(error),
                    None => return Err(combine(failures)),
                },
                () = sleep(STAGGER), if waiting.len() > 0 => {}
            }
        }
    }

    async fn attempt(
        &self,
        index: usize,
        prefix: &str,
    ) -> Result<(usize, Member, Range), StoreError> {
        let member = self.open(index).await?;
        let range = member.range(prefix).await?;
        Ok((index, member, range))
    }

    pub(super) async fn open(&self, index: usize) -> Result<Member, StoreError> {
        let (url, endpoint) = &self.members[index];
        let newest = Arc::clone(&self.newest_term);
        Member::open(url, endpoint, self.credentials.as_ref(), newest).await
    }

    /// The members but this one, by their places, in the order in which they are asked.
    pub(super) fn others(&self, than: Option<&Member>) -> Vec<usize> {
        let (count, first) = (self.members.len(), self.current.first_to_ask());
        let places = (0..count).map(|offset| (first + offset) % count);
        places.filter(|index| than.is_none_or(|it| it.url() != self.members[*index].0)).collect()
    }

    pub(super) fn in_use(&self) -> Option<Member> {
        self.current.member()
    }

    pub(super) fn discard(&self, url: &str) {
        self.current.discard(url);
    }

    pub(super) fn use_member(&self, index: usize, member: Member) {
        self.current.set(index, self.members.len(), member);
    }
}

impl Store for EtcdStore {
    type Watch = EtcdWatch;

    async fn range(&self, prefix: &str) -> Result<Range, StoreError> {
        if let Some(member) = self.current.member() {
            match member.range(prefix).await {
                Ok(range) => return Ok(range),
                Err(_) => self.current.discard(member.url()),
            }
        }
        Ok(self.race(prefix).await?.1)
    }

    async fn keys(&self, prefix: &str, limit: u16) -> Result<Vec<String>, StoreError> {
        let member = self.member(prefix).await?;
        let keys = member.keys(prefix, limit).await;
        if keys.is_err() {
            self.current.discard(member.url());
        }
        keys
    }

    async fn watch(&self, prefix: &str, after: Revision) -> Result<EtcdWatch, StoreError> {
        let member = self.member(prefix).await?;
        match member.watch(prefix, Revision(after.0 + 1)).await {
            Ok(stream) => {
                let current = Arc::clone(&self.current);
                Ok(EtcdWatch::new(current, member, stream, prefix, after))
            }
            Err(error) => {
                self.current.discard(member.url());
                Err(error)
            }
        }
    }
}

/// The member in use, shared with the watches on it.
pub(super) struct Current(Mutex<Chosen>);

struct Chosen {
    /// The member to ask first when there is none in use.
    index: usize,
    member: Option<Member>,
}

impl Current {
    /// Stops using the member at `url`, unless another has taken its place already.
    pub(super) fn discard(&self, url: &str) {
        let mut chosen = self.lock();
        chosen.member.take_if(|member| member.url() == url);
    }

    fn member(&self) -> Option<Member> {
        self.lock().member.clone()
    }

    fn first_to_ask(&self) -> usize {
        self.lock().index
    }

    fn set(&self, index: usize, count: usize, member: Member) {
        *self.lock() = Chosen { index: (index + 1) % count, member: Some(member) };
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Chosen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A healthy member on the same network answers well within this; a frozen one delays us by it.
const STAGGER: Duration = Duration::from_millis(150);

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use etcd_client::{
    Channel, Client, ConnectOptions, GetOptions, ResponseHeader, SortOrder, SortTarget,
    WatchOptions, WatchStream,
};
use tokio::time::timeout;
use tonic::transport::Endpoint;

use super::error::{chain, classify, is_auth_disabled};
use super::settings::Credentials;
use crate::{Entry, LeaseId, Range, Revision, StoreError};

/// A channel to one member, authenticated.
#[derive(Clone)]
pub(super) struct Member {
    url: Arc<str>,
    client: Arc<Client>,
    /// The same channel without a user: a member without a quorum cannot authenticate anybody,
    /// and can still say that it has no leader.
    anonymous: Arc<Client>,
    /// The newest term that any member spoke of.
    newest_term: Arc<AtomicU64>,
}

impl Member {
    /// Connects to the member at `url` and authenticates.
    pub(super) async fn open(
        url: &str,
        endpoint: &Endpoint,
        credentials: Option<&Credentials>,
        newest_term: Arc<AtomicU64>,
    ) -> Result<Self, StoreError> {
        let channel = timeout(READ_DEADLINE, endpoint.connect())
            .await
            .map_err(|_| unavailable(url, "no connection in time"))?
            .map_err(|error| unavailable(url, &chain(&error)))?;
        let options = || ConnectOptions::new().with_require_leader(true);
        let anonymous =
            log_in(channel.clone(), options()).await.map_err(|error| classify(url, &error))?;
        let mut member =
            Self { url: url.into(), client: Arc::clone(&anonymous), anonymous, newest_term };
        let Some(Credentials { user, password }) = credentials else { return Ok(member) };
        let options = options().with_user(user, password).with_auto_token_refresh(true);
        match timeout(READ_DEADLINE, log_in(channel, options)).await {
            Ok(Ok(client)) => member.client = client,
            Ok(Err(error)) if is_auth_disabled(&error) => {}
            Ok(Err(error)) => return Err(classify(url, &error)),
            Err(_) => return Err(member.explain_silence("authenticate").await),
        }
        Ok(member)
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Refuses a member that speaks of an older term than another did: it has been cut off, and what it
    /// says may be out of date.
    pub(super) fn is_fresh(&self, header: Option<&ResponseHeader>) -> Result<(), StoreError> {
        let term = header.map_or(0, ResponseHeader::raft_term);
        let newest = self.newest_term.fetch_max(term, Ordering::Relaxed);
        if term == 0 || term >= newest {
            return Ok(());
        }
        Err(unavailable(&self.url, &format!("is of term {term}, and the store of {newest}")))
    }

    pub(super) fn silent(&self, task: &str) -> StoreError {
        unavailable(&self.url, &format!("did not {task} in time"))
    }

    /// Everything under `prefix`, by a linearizable read.
    pub(super) async fn range(&self, prefix: &str) -> Result<Range, StoreError> {
        let options = GetOptions::new().with_prefix();
        let mut response = self.read(prefix, options).await?;
        let revision = revision(response.header().map_or(0, |header| header.revision()));
        let entries = response.take_kvs().into_iter().filter_map(entry).collect();
        Ok(Range { entries, revision })
    }

    /// Up to `limit` keys under `prefix`, without their values.
    pub(super) async fn keys(&self, prefix: &str, limit: u16) -> Result<Vec<String>, StoreError> {
        let options = GetOptions::new().with_prefix().with_keys_only().with_limit(i64::from(limit));
        let response = self.read(prefix, options).await?;
        let keys = response.kvs().iter().filter_map(|kv| kv.key_str().ok().map(str::to_owned));
        Ok(keys.collect())
    }

    /// The revision of the newest entry under `prefix`, by a linearizable read: the proof that
    /// this member is alive and has a quorum.
    pub(super) async fn newest(&self, prefix: &str) -> Result<Revision, StoreError> {
        let options = GetOptions::new()
            .with_prefix()
            .with_keys_only()
            .with_sort(SortTarget::Mod, SortOrder::Descend)
            .with_limit(1);
        let response = self.read(prefix, options).await?;
        Ok(response.kvs().first().map_or(Revision(0), |kv| revision(kv.mod_revision())))
    }

    /// Opens a watch on `prefix` from `first` on.
    pub(super) async fn watch(
        &self,
        prefix: &str,
        first: Revision,
    ) -> Result<WatchStream, StoreError> {
        let first = i64::try_from(first.0).unwrap_or(i64::MAX);
        let options = WatchOptions::new().with_prefix().with_start_revision(first);
        let mut client = self.client.watch_client();
        match timeout(READ_DEADLINE, client.watch(prefix, Some(options))).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(classify(&self.url, &error)),
            Err(_) => Err(self.explain_silence("open a watch").await),
        }
    }

    async fn read(
        &self,
        prefix: &str,
        options: GetOptions,
    ) -> Result<etcd_client::GetResponse, StoreError> {
        let mut client = self.client.kv_client();
        match timeout(READ_DEADLINE, client.get(prefix, Some(options))).await {
            Ok(Ok(response)) => self.is_fresh(response.header()).map(|()| response),
            Ok(Err(error)) => Err(classify(&self.url, &error)),
            Err(_) => Err(self.explain_silence("answer a linearizable read").await),
        }
    }

    /// Whether a member that let a deadline pass is alive and without a leader, or silent.
    async fn explain_silence(&self, task: &str) -> StoreError {
        let url = &self.url;
        let mut client = self.anonymous.maintenance_client();
        match timeout(STATUS_DEADLINE, client.status()).await {
            Ok(Ok(status)) if status.leader() == 0 => {
                StoreError::NoLeader { detail: format!("{url}: knows no leader") }
            }
            Ok(Err(error)) => classify(url, &error),
            Ok(Ok(_)) | Err(_) => unavailable(url, &format!("did not {task} in time")),
        }
    }
}

/// The library's client is many kilobytes of channels; it is made and kept on the heap.
async fn log_in(
    channel: tonic::transport::Channel,
    options: ConnectOptions,
) -> Result<Arc<Client>, etcd_client::Error> {
    let client = Client::from_channel(Channel::Tonic(channel), Some(options));
    Ok(Arc::new(Box::pin(client).await?))
}

pub(super) fn entry(kv: etcd_client::KeyValue) -> Option<Entry> {
    let modified = revision(kv.mod_revision());
    let lease = Some(LeaseId(kv.lease())).filter(|LeaseId(lease)| *lease != 0);
    let (key, value) = kv.into_key_value();
    Some(Entry { key: String::from_utf8(key).ok()?, value, modified, lease })
}

pub(super) fn revision(number: i64) -> Revision {
    Revision(u64::try_from(number).unwrap_or_default())
}

fn unavailable(url: &str, problem: &str) -> StoreError {
    StoreError::Unavailable { detail: format!("{url}: {problem}") }
}

/// One answer of one member. A healthy one takes a few milliseconds; a frozen one is left for
/// the next after this.
const READ_DEADLINE: Duration = Duration::from_millis(1000);

/// One answer that a member gives out of its own memory.
const STATUS_DEADLINE: Duration = Duration::from_millis(250);

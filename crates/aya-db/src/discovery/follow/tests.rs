use std::time::Duration;

use aya_db_core::observation::{ClusterReport, Observation, Source};
use aya_dcs::memory::MemoryStore;
use aya_dcs::{Revision, StoreError};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;

struct Following {
    store: MemoryStore,
    heard: mpsc::Receiver<Observation>,
    cancel: CancellationToken,
    task: JoinHandle<()>,
    _pace: watch::Sender<Pace>,
}

impl Following {
    fn start(store: &MemoryStore) -> Self {
        let (observations, heard) = mpsc::channel(16);
        let (pace, paces) = watch::channel(Pace::Calm);
        let cancel = CancellationToken::new();
        let (followed, token) = (store.clone(), cancel.clone());
        let scope = Scope::new("service", "batman").unwrap();
        let task = tokio::spawn(async move {
            follow(&followed, &scope, observations, &token, paces).await;
        });
        Self { store: store.clone(), heard, cancel, task, _pace: pace }
    }

    async fn next(&mut self) -> Observation {
        timeout(Duration::from_secs(30), self.heard.recv())
            .await
            .expect("an observation in time")
            .expect("the source goes on")
    }

    async fn report(&mut self) -> ClusterReport {
        match self.next().await {
            Observation::Reported { source: Source::Etcd, report } => report,
            other => panic!("not a report: {other:?}"),
        }
    }

    async fn lost(&mut self) -> String {
        match self.next().await {
            Observation::SourceLost { source: Source::Etcd, reason } => reason,
            other => panic!("not a loss: {other:?}"),
        }
    }

    async fn end(mut self) {
        self.cancel.cancel();
        timeout(Duration::from_secs(5), &mut self.task).await.expect("it ends").unwrap();
        assert_eq!(self.heard.recv().await, None, "nothing is left in the queue");
    }
}

fn leader(report: &ClusterReport) -> Option<&str> {
    report.leader.as_ref().map(|name| &*name.0)
}

#[tokio::test(start_paused = true)]
async fn changes_of_the_keys_are_told_once() {
    let store = MemoryStore::new();
    store.put("/service/batman/leader", b"a");
    let mut following = Following::start(&store);
    assert_eq!(leader(&following.report().await), Some("a"));
    store.put("/service/robin/leader", b"x");
    store.put("/service/batman/leader", b"a");
    store.put("/service/batman/leader", b"b");
    assert_eq!(leader(&following.report().await), Some("b"));
    store.delete("/service/batman/leader");
    store.put("/service/batman/config", b"{}");
    assert_eq!(leader(&following.report().await), None);
    following.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_scope_is_lost_at_once_and_found_when_it_appears() {
    let store = MemoryStore::new();
    let mut following = Following::start(&store);
    assert!(following.lost().await.contains("no keys under /service/"));
    store.put("/service/robin/leader", b"x");
    store.put("/service/batman/leader", b"a");
    assert_eq!(leader(&following.report().await), Some("a"));
    following.end().await;

    let elsewhere = MemoryStore::new();
    elsewhere.put("/service/robin/leader", b"x");
    let mut following = Following::start(&elsewhere);
    assert_eq!(following.lost().await, "no such scope: batman; found under /service/: robin");
    following.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_told_once_and_ends_with_a_report() {
    let faults = [
        StoreError::NoLeader { detail: "n1: no leader".to_owned() },
        StoreError::Unavailable { detail: "n1: refused".to_owned() },
        StoreError::AuthRejected { detail: "n1: authentication failed".to_owned() },
    ];
    for fault in faults {
        let store = MemoryStore::new();
        store.put("/service/batman/leader", b"a");
        let mut following = Following::start(&store);
        following.report().await;
        let started = tokio::time::Instant::now();
        store.fail(fault.clone());
        assert_eq!(following.lost().await, fault.to_string());
        let told_after = started.elapsed();
        let lasting = matches!(fault, StoreError::AuthRejected { .. });
        assert_eq!(
            told_after < Duration::from_secs(1),
            lasting,
            "{fault} told after {told_after:?}"
        );
        let silence = timeout(Duration::from_secs(60), following.heard.recv()).await;
        assert!(silence.is_err(), "told again: {silence:?}");
        store.put("/service/batman/leader", b"b");
        store.heal();
        assert_eq!(leader(&following.report().await), Some("b"));
        following.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn compacted_changes_are_read_anew() {
    let store = MemoryStore::new();
    store.put("/service/batman/leader", b"a");
    let mut following = Following::start(&store);
    following.report().await;
    for value in [b"b", b"c", b"d"] {
        following.store.put("/service/batman/leader", value);
    }
    following.store.compact(Revision(5));
    assert_eq!(leader(&following.report().await), Some("d"));
    following.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_monitor_holds_the_source_back_and_a_gone_one_ends_it() {
    let store = MemoryStore::new();
    store.put("/service/batman/leader", b"first");
    let following = Following::start(&store);
    for turn in 0..200_u8 {
        store.put("/service/batman/leader", &[b'a' + turn % 20]);
        tokio::task::yield_now().await;
    }
    assert!(following.heard.len() <= 16);
    drop(following.heard);
    timeout(Duration::from_secs(5), following.task).await.expect("it ends").unwrap();
}

//! Against real members of etcd.

mod cluster;
mod tls;

use std::time::{Duration, Instant};

use tokio::time::timeout;

use self::cluster::Etcd;
use super::*;
use crate::contract::{self, Rig};
use crate::{Event, Range, Renewal, Revision, Store, StoreError, Txn, Watch, Writer};

struct EtcdRig {
    store: EtcdStore,
    hand: etcd_client::Client,
}

impl Rig for EtcdRig {
    type Store = EtcdStore;

    fn store(&self) -> &EtcdStore {
        &self.store
    }

    async fn put(&self, key: &str, value: &[u8]) -> Revision {
        let response = self.hand.kv_client().put(key, value, None).await.unwrap();
        member::revision(response.header().unwrap().revision())
    }

    async fn delete(&self, key: &str) -> Revision {
        let response = self.hand.kv_client().delete(key, None).await.unwrap();
        member::revision(response.header().unwrap().revision())
    }

    async fn compact(&self, revision: Revision) {
        let revision = i64::try_from(revision.0).unwrap();
        self.hand.kv_client().compact(revision, None).await.unwrap();
    }

    /// Leases end by etcd's own clock, so here time has to pass in truth.
    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

fn settings(etcd: &Etcd) -> EtcdSettings {
    EtcdSettings { endpoints: etcd.endpoints(), ..EtcdSettings::default() }
}

async fn rig(etcd: &Etcd) -> EtcdRig {
    let hand = etcd_client::Client::connect(etcd.endpoints(), None).await.unwrap();
    EtcdRig { store: EtcdStore::new(&settings(etcd), 0).unwrap(), hand }
}

/// Reads until the value is there, whatever fails meanwhile.
async fn value_seen(store: &EtcdStore, wanted: &[u8]) {
    let shows = |range: &Range| range.entries.iter().any(|entry| entry.value == wanted);
    let search = async {
        while !store.range("/k/").await.is_ok_and(|range| shows(&range)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), search).await.expect("the value is seen in time");
}

async fn first_error(watch: &mut EtcdWatch, patience: Duration) -> StoreError {
    let search = async {
        loop {
            if let Err(error) = watch.next().await {
                return error;
            }
        }
    };
    timeout(patience, search).await.expect("the watch fails in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn live_etcd_keeps_the_contract_of_a_store() {
    let etcd = Etcd::start(1, &[]).await;
    contract::check(&rig(&etcd).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_a_killed_or_frozen_member_is_left_for_another_within_two_seconds() {
    let mut etcd = Etcd::start(3, &[]).await;
    for fault in ["kill", "freeze"] {
        let store = EtcdStore::new(&settings(&etcd), 0).unwrap();
        let range = store.range("/k/").await.unwrap();
        let mut watch = store.watch("/k/", range.revision).await.unwrap();
        watch.next().await.unwrap();
        let started = Instant::now();
        match fault {
            "kill" => etcd.kill(0),
            _ => etcd.signal(0, "-STOP"),
        }
        first_error(&mut watch, Duration::from_secs(5)).await;
        let noticed = started.elapsed();
        value_is_written_and_seen(&etcd, &store, fault).await;
        assert!(noticed < Duration::from_secs(2), "{fault} noticed after {noticed:?}");
        match fault {
            "kill" => {
                etcd.launch(0);
                etcd.ready(0).await;
            }
            _ => etcd.signal(0, "-CONT"),
        }
    }
}

/// A lease of two seconds outlives every fault only if the others are asked in time.
#[tokio::test(flavor = "multi_thread")]
async fn live_a_lease_is_kept_while_members_die_or_freeze() {
    let mut etcd = Etcd::start(3, &[]).await;
    let store = EtcdStore::new(&settings(&etcd), 0).unwrap();
    let lease = store.grant(Duration::from_secs(5)).await.unwrap();
    store.commit(Txn::new().put("/k/leader", b"1", Some(lease))).await.unwrap();
    for (member, fault) in [(0, "-STOP"), (0, "-CONT"), (1, "-STOP"), (1, "-CONT"), (2, "-KILL")] {
        if fault == "-KILL" {
            etcd.kill(member);
        } else {
            etcd.signal(member, fault);
        }
        let renewed = async {
            // A member that led takes a while to be replaced, and nothing is renewed meanwhile.
            loop {
                match store.renew(lease).await {
                    Ok(renewal) => return renewal,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        };
        let renewal = timeout(Duration::from_secs(10), renewed).await.expect("a renewal in time");
        assert_eq!(renewal, Renewal::Held, "{fault} {member}");
    }
}

async fn value_is_written_and_seen(etcd: &Etcd, store: &EtcdStore, value: &str) {
    let hand = etcd_client::Client::connect(&etcd.endpoints()[1..2], None).await.unwrap();
    let mut written = false;
    while !written {
        written = timeout(Duration::from_secs(1), hand.kv_client().put("/k/a", value, None))
            .await
            .is_ok_and(|put| put.is_ok());
    }
    value_seen(store, value.as_bytes()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_a_lost_quorum_is_told_and_its_return_too() {
    let mut etcd = Etcd::start(3, &[]).await;
    let rig = rig(&etcd).await;
    rig.put("/k/a", b"before").await;
    let store = EtcdStore::new(&settings(&etcd), 0).unwrap();
    let range = store.range("/k/").await.unwrap();
    let mut watch = store.watch("/k/", range.revision).await.unwrap();
    watch.next().await.unwrap();
    etcd.kill(1);
    etcd.kill(2);
    first_error(&mut watch, Duration::from_secs(5)).await;
    let no_leader = async {
        while !matches!(store.range("/k/").await, Err(StoreError::NoLeader { .. })) {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), no_leader).await.expect("no leader is told");
    etcd.launch(1);
    etcd.launch(2);
    value_seen(&store, b"before").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_credentials_are_asked_for_renewed_and_refused() {
    let etcd = Etcd::start(1, &["--auth-token=simple", "--auth-token-ttl=1"]).await;
    let hand = etcd_client::Client::connect(etcd.endpoints(), None).await.unwrap();
    hand.kv_client().put("/k/a", "1", None).await.unwrap();
    let mut auth = hand.auth_client();
    let with = |user: &str, password: &str| {
        let credentials = Credentials { user: user.to_owned(), password: password.to_owned() };
        let settings = EtcdSettings { credentials: Some(credentials), ..settings(&etcd) };
        EtcdStore::new(&settings, 0).unwrap()
    };

    let store = with("root", "p@ss");
    assert!(store.range("/k/").await.is_ok(), "a password for an etcd without users does no harm");
    auth.user_add("root", "p@ss", None).await.unwrap();
    auth.user_grant_role("root", "root").await.unwrap();
    auth.auth_enable().await.unwrap();
    assert_eq!(store.range("/k/").await.unwrap().entries[0].value, b"1");

    for (user, password) in [("root", "wr0ng-secret"), ("nobody", "p@ss")] {
        let error = with(user, password).range("/k/").await.unwrap_err();
        assert!(matches!(error, StoreError::AuthRejected { .. }), "{error:?}");
        assert!(!error.to_string().contains("wr0ng-secret"));
    }
    let error = EtcdStore::new(&settings(&etcd), 0).unwrap().range("/k/").await.unwrap_err();
    assert!(matches!(error, StoreError::AuthRejected { .. }), "{error:?}");

    let deleted = |log: &str| log.matches("deleted a simple token").count();
    let before = deleted(&etcd.log(0));
    let started = Instant::now();
    while deleted(&etcd.log(0)) == before {
        assert!(started.elapsed() < Duration::from_secs(15), "a token expires");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(store.range("/k/").await.is_ok(), "an expired token is renewed");

    let options = etcd_client::ConnectOptions::new().with_user("root", "p@ss");
    let root = etcd_client::Client::connect(etcd.endpoints(), Some(options)).await.unwrap();
    let range = store.range("/k/").await.unwrap();
    let mut watch = store.watch("/k/", range.revision).await.unwrap();
    root.auth_client().user_add("other", "x", None).await.unwrap();
    assert!(store.range("/k/").await.is_ok(), "a token of an older auth revision is renewed");
    let root = etcd_client::Client::connect(
        etcd.endpoints(),
        Some(etcd_client::ConnectOptions::new().with_user("root", "p@ss")),
    )
    .await
    .unwrap();
    root.kv_client().put("/k/a", "2", None).await.unwrap();
    let told = timeout(Duration::from_secs(5), async {
        loop {
            match watch.next().await {
                Ok(batch) if batch.events.is_empty() => {}
                Ok(batch) => return Ok(batch.events),
                Err(error) => return Err(error),
            }
        }
    });
    match told.await.expect("the watch goes on or fails") {
        Ok(events) => assert!(matches!(&events[0], Event::Put(entry) if entry.value == b"2")),
        Err(error) => assert!(matches!(error, StoreError::AuthRejected { .. }), "{error}"),
    }
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_without_their_secrets() {
    for (endpoint, tls, problem) in [
        ("ftp://h:1", None, "neither http nor https"),
        ("http://user:s3cret@h:1", None, "belongs into the settings"),
        ("http://h:1", Some(EtcdTls::default()), "scheme is http"),
        ("http://h h:1", None, "invalid"),
    ] {
        let settings =
            EtcdSettings { endpoints: vec![endpoint.to_owned()], tls, ..EtcdSettings::default() };
        let Err(error) = EtcdStore::new(&settings, 0) else { panic!("{endpoint} is accepted") };
        assert!(error.to_string().contains(problem), "{error}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
    assert!(EtcdStore::new(&EtcdSettings::default(), 0).is_err());
}

//! What every [`Store`] and every [`Writer`] promises. Each implementation brings a [`Rig`] and runs [`check`].

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;

use crate::{
    Compare, Entry, Event, Outcome, Renewal, Revision, Store, StoreError, Txn, Watch, Writer,
};

/// A store, and the hand that writes into it.
pub(crate) trait Rig {
    type Store: Writer;

    fn store(&self) -> &Self::Store;
    fn put(&self, key: &str, value: &[u8]) -> impl Future<Output = Revision>;
    fn delete(&self, key: &str) -> impl Future<Output = Revision>;
    fn compact(&self, revision: Revision) -> impl Future<Output = ()>;
    /// Lets this much time pass for leases.
    fn pass(&self, time: Duration) -> impl Future<Output = ()>;
}

/// Every promise, in turn, each under its own prefix.
pub(crate) async fn check(rig: &impl Rig) {
    an_empty_prefix_is_an_empty_range(rig).await;
    a_range_is_ordered_and_stays_within_its_prefix(rig).await;
    a_range_sees_every_acknowledged_write(rig).await;
    a_watch_tells_the_changes_after_its_revision_in_order(rig).await;
    a_watch_stays_within_its_prefix(rig).await;
    two_watches_tell_the_same(rig).await;
    a_dropped_wait_loses_nothing(rig).await;
    a_watch_from_compacted_changes_is_refused(rig).await;
    of_two_who_want_a_key_one_gets_it(rig).await;
    a_refused_transaction_writes_nothing(rig).await;
    keys_vanish_with_their_lease_and_not_before(rig).await;
}

async fn an_empty_prefix_is_an_empty_range(rig: &impl Rig) {
    let range = rig.store().range("/contract/empty/").await.unwrap();
    assert_eq!(range.entries, []);
    assert!(range.revision >= Revision(1));
}

async fn a_range_is_ordered_and_stays_within_its_prefix(rig: &impl Rig) {
    rig.put("/contract/order/b", b"2").await;
    rig.put("/contract/order/a", b"1").await;
    let last = rig.put("/contract/order0", b"outside").await;
    let keys = rig.store().keys("/contract/order", 2).await.unwrap();
    assert_eq!(keys, ["/contract/order/a", "/contract/order/b"]);
    let range = rig.store().range("/contract/order/").await.unwrap();
    let seen: Vec<_> = range.entries.iter().map(|e| (e.key.as_str(), &e.value[..])).collect();
    assert_eq!(seen, [("/contract/order/a", &b"1"[..]), ("/contract/order/b", &b"2"[..])]);
    assert!(range.entries[0].modified > range.entries[1].modified);
    assert!(range.revision >= last);
}

async fn a_range_sees_every_acknowledged_write(rig: &impl Rig) {
    for round in 0..20_u8 {
        let written = rig.put("/contract/fresh/key", &[round]).await;
        let range = rig.store().range("/contract/fresh/").await.unwrap();
        let entry = &range.entries[0];
        assert_eq!((entry.value.as_slice(), entry.modified), (&[round][..], written));
    }
}

async fn a_watch_tells_the_changes_after_its_revision_in_order(rig: &impl Rig) {
    let before = rig.put("/contract/watch/a", b"old").await;
    let first = rig.put("/contract/watch/a", b"new").await;
    let mut watch = rig.store().watch("/contract/watch/", before).await.unwrap();
    let second = rig.delete("/contract/watch/a").await;
    let third = rig.put("/contract/watch/b", b"").await;
    let (events, told) = collect(&mut watch, 3).await;
    let expected = [
        put("/contract/watch/a", b"new", first),
        Event::Deleted { key: "/contract/watch/a".to_owned(), at: second },
        put("/contract/watch/b", b"", third),
    ];
    assert_eq!(events, expected);
    assert!(told >= third);
}

async fn a_watch_stays_within_its_prefix(rig: &impl Rig) {
    let before = rig.put("/contract/inside/a", b"0").await;
    let mut watch = rig.store().watch("/contract/inside/", before).await.unwrap();
    rig.put("/contract/inside0", b"no").await;
    rig.put("/contract/insid", b"no").await;
    let written = rig.put("/contract/inside/a", b"yes").await;
    let (events, _) = collect(&mut watch, 1).await;
    assert_eq!(events, [put("/contract/inside/a", b"yes", written)]);
}

async fn two_watches_tell_the_same(rig: &impl Rig) {
    let before = rig.put("/contract/two/a", b"0").await;
    let mut one = rig.store().watch("/contract/two/", before).await.unwrap();
    let mut two = rig.store().watch("/contract/two/", before).await.unwrap();
    for value in 0..10_u8 {
        rig.put("/contract/two/a", &[value]).await;
    }
    assert_eq!(collect(&mut one, 10).await.0, collect(&mut two, 10).await.0);
}

async fn a_dropped_wait_loses_nothing(rig: &impl Rig) {
    let before = rig.put("/contract/drop/a", b"0").await;
    let mut watch = rig.store().watch("/contract/drop/", before).await.unwrap();
    for _ in 0..3 {
        let waited = timeout(Duration::from_millis(1), watch.next()).await;
        assert!(waited.is_err() || waited.is_ok_and(|batch| batch.unwrap().events.is_empty()));
    }
    let written = rig.put("/contract/drop/a", b"1").await;
    let (events, _) = collect(&mut watch, 1).await;
    assert_eq!(events, [put("/contract/drop/a", b"1", written)]);
}

async fn a_watch_from_compacted_changes_is_refused(rig: &impl Rig) {
    let old = rig.put("/contract/compact/a", b"1").await;
    rig.put("/contract/compact/a", b"2").await;
    let newest = rig.put("/contract/compact/a", b"3").await;
    rig.compact(newest).await;
    let refusal = match rig.store().watch("/contract/compact/", old).await {
        Ok(mut watch) => first_error(&mut watch).await,
        Err(error) => error,
    };
    assert_eq!(refusal, StoreError::Compacted { at: newest });
    let range = rig.store().range("/contract/compact/").await.unwrap();
    assert_eq!(range.entries[0].value, b"3");
    let mut watch = rig.store().watch("/contract/compact/", range.revision).await.unwrap();
    let after = rig.put("/contract/compact/a", b"4").await;
    assert_eq!(collect(&mut watch, 1).await.0, [put("/contract/compact/a", b"4", after)]);
}

async fn of_two_who_want_a_key_one_gets_it(rig: &impl Rig) {
    let key = "/contract/race/leader";
    let claim = |name: &str| {
        let txn = Txn::new().when(Compare::Absent(key.to_owned())).put(key, name.as_bytes(), None);
        rig.store().commit(txn)
    };
    let (one, two) = tokio::join!(claim("one"), claim("two"));
    let (one, two) = (one.unwrap(), two.unwrap());
    let winner = match (one, two) {
        (Outcome::Done(_), Outcome::Refused(_)) => "one",
        (Outcome::Refused(_), Outcome::Done(_)) => "two",
        both => panic!("{both:?}"),
    };
    let range = rig.store().range("/contract/race/").await.unwrap();
    assert_eq!(range.entries[0].value, winner.as_bytes());
    let release =
        Txn::new().when(Compare::ValueIs(key.to_owned(), winner.as_bytes().to_vec())).delete(key);
    assert!(matches!(rig.store().commit(release).await, Ok(Outcome::Done(_))));
    assert_eq!(rig.store().range("/contract/race/").await.unwrap().entries, []);
}

async fn a_refused_transaction_writes_nothing(rig: &impl Rig) {
    let (held, free) = ("/contract/txn/held", "/contract/txn/free");
    let written = rig.put(held, b"1").await;
    for compare in [
        Compare::Absent(held.to_owned()),
        Compare::ModifiedAt(held.to_owned(), Revision(written.0 - 1)),
        Compare::ValueIs(held.to_owned(), b"2".to_vec()),
        Compare::ValueIs(free.to_owned(), Vec::new()),
    ] {
        let holds = Compare::ModifiedAt(held.to_owned(), written);
        let txn = Txn::new().when(holds).when(compare.clone()).put(free, b"", None).delete(held);
        let outcome = rig.store().commit(txn).await.unwrap();
        assert!(matches!(outcome, Outcome::Refused(_)), "{compare:?}");
    }
    let range = rig.store().range("/contract/txn/").await.unwrap();
    assert_eq!(range.entries.len(), 1);
    let txn = Txn::new()
        .when(Compare::ModifiedAt(held.to_owned(), written))
        .when(Compare::Absent(free.to_owned()))
        .put(held, b"2", None)
        .put(free, b"3", None);
    let Ok(Outcome::Done(at)) = rig.store().commit(txn).await else { panic!("refused") };
    let range = rig.store().range("/contract/txn/").await.unwrap();
    assert!(range.entries.len() == 2 && range.entries.iter().all(|entry| entry.modified == at));
}

async fn keys_vanish_with_their_lease_and_not_before(rig: &impl Rig) {
    let (leased, kept) = ("/contract/lease/leased", "/contract/lease/kept");
    let lease = rig.store().grant(Duration::from_secs(2)).await.unwrap();
    let txn = Txn::new().put(leased, b"1", Some(lease)).put(kept, b"2", None);
    let Ok(Outcome::Done(at)) = rig.store().commit(txn).await else { panic!("refused") };
    let entries = rig.store().range("/contract/lease/").await.unwrap().entries;
    let leases: Vec<_> = entries.iter().map(|entry| entry.lease).collect();
    assert_eq!(leases, [None, Some(lease)]);
    for _ in 0..3 {
        rig.pass(Duration::from_millis(1_200)).await;
        assert_eq!(rig.store().renew(lease).await, Ok(Renewal::Held));
    }
    let mut watch = rig.store().watch("/contract/lease/", at).await.unwrap();
    rig.pass(Duration::from_secs(3)).await;
    let (events, _) = collect(&mut watch, 1).await;
    assert!(matches!(&events[0], Event::Deleted { key, .. } if key == leased), "{events:?}");
    assert_eq!(rig.store().renew(lease).await, Ok(Renewal::Gone));
    assert_eq!(rig.store().range("/contract/lease/").await.unwrap().entries.len(), 1);
    let lease = rig.store().grant(Duration::from_secs(60)).await.unwrap();
    rig.store().commit(Txn::new().put(leased, b"1", Some(lease))).await.unwrap();
    rig.store().revoke(lease).await.unwrap();
    rig.store().revoke(lease).await.unwrap();
    assert_eq!(rig.store().range("/contract/lease/").await.unwrap().entries.len(), 1);
}

fn put(key: &str, value: &[u8], modified: Revision) -> Event {
    Event::Put(Entry { key: key.to_owned(), value: value.to_vec(), modified, lease: None })
}

async fn collect(watch: &mut impl Watch, count: usize) -> (Vec<Event>, Revision) {
    let mut events = Vec::new();
    let mut told = Revision(0);
    while events.len() < count {
        let batch = timeout(PATIENCE, watch.next()).await.expect("changes in time").unwrap();
        assert!(batch.revision >= told, "a watch goes back from {told} to {}", batch.revision);
        told = batch.revision;
        events.extend(batch.events);
    }
    (events, told)
}

async fn first_error(watch: &mut impl Watch) -> StoreError {
    loop {
        if let Err(error) = timeout(PATIENCE, watch.next()).await.expect("a refusal in time") {
            return error;
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(10);

//! Waits that are given up, and servers that fall silent.

use std::time::{Duration, Instant};

use aya_db_core::Fate;
use aya_pgwire::{Poller, TransactionStatus};
use aya_session::{Loss, SurvivorError};

use crate::support::{Client, Servers, error_of, patience, value_of};

#[test]
fn live_a_wait_that_is_given_up_can_be_taken_up_again() {
    let server = Servers::one();
    let mut client = Client::open(&server.these.conninfo());
    let soon = Instant::now() + Duration::from_millis(50);
    let queries: [&[u8]; 2] = [b"begin", b"select 7 from pg_sleep(0.5)"];
    let error = client.session.run(&queries, &mut Poller::new().until(soon)).unwrap_err();
    assert!(matches!(error, SurvivorError::TimedOut), "{error}");
    assert!(client.session.is_busy());
    assert!(matches!(client.try_run(&["select 1"]), Err(SurvivorError::OutOfTurn(_))));
    let reply = client.session.resume(&mut patience()).unwrap();
    assert_eq!(value_of(&reply), "7");
    assert_eq!(client.session.status(), TransactionStatus::Open);
}

#[test]
fn live_a_statement_may_be_cancelled_while_its_wait_is_given_up() {
    let server = Servers::one();
    let mut client = Client::open(&format!("{} commit_resolution=lsn", server.these.conninfo()));
    let soon = Instant::now() + Duration::from_millis(50);
    let queries: [&[u8]; 1] = [b"select pg_sleep(600)"];
    client.session.run(&queries, &mut Poller::new().until(soon)).unwrap_err();
    client.session.canceller().unwrap().cancel(&mut patience()).unwrap();
    let reply = client.session.resume(&mut patience()).unwrap();
    assert!(error_of(&reply).unwrap().starts_with("57014"));
    assert_eq!(client.value("select 1"), "1");
}

#[test]
fn live_an_exchange_that_is_abandoned_takes_its_transaction_with_it() {
    let server = Servers::one();
    let mut client = Client::open(&server.these.conninfo());
    let soon = Instant::now() + Duration::from_millis(50);
    let queries: [&[u8]; 2] = [b"begin", b"select pg_sleep(600)"];
    client.session.run(&queries, &mut Poller::new().until(soon)).unwrap_err();
    let broken = client.session.abandon().unwrap();
    assert_eq!((broken.loss(), broken.fate()), (Loss::Transaction, Fate::RolledBack));
    assert_eq!(client.session.status(), TransactionStatus::Failed);
    client.run(&["rollback"]);
    assert_eq!(client.value("select 1"), "1");
}

#[test]
fn live_a_server_that_falls_silent_is_left() {
    let server = Servers::one();
    let mut client = Client::open(&format!("{} silence_timeout=400ms", server.these.conninfo()));
    client.run(&["begin", "select 1"]);
    server.these.proxy().black_hole();
    let heal = std::thread::scope(|scope| {
        let waits = scope.spawn(|| {
            let began = Instant::now();
            while began.elapsed() < Duration::from_millis(1200) {
                std::thread::yield_now();
            }
            server.these.proxy().heal();
        });
        let value = client.value("select 2");
        waits.join().unwrap();
        value
    });
    assert_eq!(heal, "2");
    assert_eq!(client.session.status(), TransactionStatus::Open);
}

#[test]
fn live_a_server_that_is_only_slow_is_kept() {
    let server = Servers::one();
    let mut client = Client::open(&format!("{} silence_timeout=200ms", server.these.conninfo()));
    let generation = client.session.generation();
    assert_eq!(client.value("select 1 from pg_sleep(1.5)"), "1");
    assert_eq!(client.session.generation(), generation);
}

//! Open transactions whose server is lost.

use aya_db_core::Fate;
use aya_pgwire::TransactionStatus;
use aya_session::{Loss, SurvivorError};
use aya_testkit::{Postgres, Snip};

use crate::support::{Client, Servers, error_of, number, once_at, tags};

#[test]
fn live_an_open_transaction_goes_on_after_a_promotion() {
    let mut pair = Servers::pair();
    let more = "target_session_attrs=read-write";
    let mut client = Client::open(&pair.conninfo(more));
    client.run(&["create table t (id int, note text)"]);
    pair.catch_up();
    client.run(&["begin isolation level repeatable read", "insert into t values (1, 'a')"]);
    client.run(&["savepoint s"]);
    let refused = client.try_run(&["insert into nowhere values (1)"]).unwrap();
    assert!(error_of(&refused).unwrap().starts_with("42P01"));
    client.run(&["rollback to s"]);
    assert_eq!(client.value("select count(*) from t"), "1");
    pair.fail_over();
    assert_eq!(client.value("select note from t"), "a");
    assert_eq!(client.session.status(), TransactionStatus::Open);
    assert_eq!(client.value("show transaction_isolation"), "repeatable read");
    assert_eq!(tags(&client.run(&["commit"])), ["COMMIT"]);
    assert_eq!(number(&pair.on_standby("select count(*) from t")), 1);
}

#[test]
fn live_a_commit_after_a_promotion_commits_the_replayed_transaction() {
    let mut pair = Servers::pair();
    let mut client = Client::open(&pair.conninfo("target_session_attrs=read-write"));
    client.run(&["create table t (id int)"]);
    pair.catch_up();
    client.run(&["begin", "insert into t values (1)"]);
    pair.fail_over();
    assert_eq!(tags(&client.run(&["commit"])), ["COMMIT"]);
    assert_eq!(number(&pair.on_standby("select count(*) from t")), 1);
}

#[test]
fn live_a_difference_ends_the_transaction() {
    let server = Servers::one();
    server.sql("create table t (id int); insert into t values (1); grant all on t to app");
    let mut client = Client::open(&server.these.conninfo());
    client.run(&["begin", "select * from t"]);
    server.sql("insert into t values (2)");
    server.these.proxy().drop_connections();
    let error = client.try_run(&["select 1"]).unwrap_err();
    let SurvivorError::Broken(broken) = error else { panic!("{error}") };
    assert_eq!(
        (broken.loss(), broken.fate(), broken.code()),
        (Loss::ReplayDiverged, Fate::RolledBack, "AYA-3015")
    );
    assert!(broken.reason().unwrap().contains("statement 1 (select"), "{broken}");
    assert!(broken.is_retryable() && broken.sqlstate().code() == "40001");
    assert_eq!(client.session.status(), TransactionStatus::Failed);
    assert!(client.try_run(&["insert into t values (3)"]).is_err());
    assert!(client.try_run(&["commit"]).is_err());
    assert_eq!(tags(&client.run(&["rollback"])), ["ROLLBACK"]);
    assert_eq!(client.value("select count(*) from t"), "2");
}

#[test]
fn live_without_replay_a_lost_transaction_is_an_error_until_it_is_rolled_back() {
    let server = Servers::one();
    let mut client = Client::open(&format!("{} transaction_replay=off", server.these.conninfo()));
    client.run(&["begin", "select 1"]);
    server.these.proxy().drop_connections();
    let error = client.try_run(&["select 1"]).unwrap_err();
    let SurvivorError::Broken(broken) = error else { panic!("{error}") };
    assert_eq!((broken.loss(), broken.fate()), (Loss::Transaction, Fate::RolledBack));
    assert_eq!(tags(&client.run(&["rollback"])), ["ROLLBACK"]);
    assert_eq!(client.value("select 2"), "2");
}

#[test]
fn live_a_transaction_that_a_text_has_begun_is_not_replayed() {
    let server = Servers::one();
    let mut client = Client::open(&server.these.conninfo());
    client.run(&["begin; select 1"]);
    assert_eq!(client.session.status(), TransactionStatus::Open);
    server.these.proxy().drop_connections();
    let error = client.try_run(&["select 1"]).unwrap_err();
    let SurvivorError::Broken(broken) = error else { panic!("{error}") };
    assert_eq!((broken.loss(), broken.code()), (Loss::Transaction, "AYA-3014"));
    assert!(broken.reason().unwrap().contains("several statements"), "{broken}");
}

#[test]
fn live_a_rollback_needs_no_server() {
    let server = Servers::one();
    let mut client = Client::open(&server.these.conninfo());
    client.run(&["begin", "select 1"]);
    server.these.proxy().refuse();
    server.these.proxy().drop_connections();
    assert_eq!(tags(&client.run(&["rollback"])), ["ROLLBACK"]);
    assert_eq!(client.session.status(), TransactionStatus::Idle);
    server.these.proxy().heal();
    assert_eq!(client.value("select 2"), "2");
}

#[test]
fn live_what_a_replayed_transaction_has_set_is_restored_after_it() {
    let mut server = Servers::one();
    let mut client = Client::open(&server.these.conninfo());
    client.run(&["begin", "set work_mem = '9MB'"]);
    server.these.proxy().drop_connections();
    client.run(&["commit"]);
    server.restart();
    assert_eq!(client.value("show work_mem"), "9MB");
}

#[test]
fn live_a_commit_that_only_read_is_read_again() {
    let server: Servers<Postgres> = Servers::one();
    let mut client = Client::open(&format!("{} commit_resolution=lsn", server.these.conninfo()));
    client.run(&["begin", "select 1"]);
    server.these.proxy().snip(Some(once_at("commit", |_| Snip::Answer(0))));
    assert_eq!(tags(&client.run(&["commit"])), ["COMMIT"]);
    assert_eq!(client.session.status(), TransactionStatus::Idle);
}

#[test]
fn live_statements_in_another_encoding_are_replayed_as_they_were() {
    let server = Servers::one();
    let mut client = Client::open(&server.these.conninfo());
    client.run(&["set client_encoding = 'LATIN1'"]);
    client.run(&["begin", "create temporary table e (t text)"]);
    let mut wait = crate::support::patience();
    client.session.run(&[b"insert into e values ('\xe9')"], &mut wait).unwrap();
    server.these.proxy().drop_connections();
    assert_eq!(client.value("select encode(convert_to(t, 'UTF8'), 'hex') from e"), "c3a9");
}

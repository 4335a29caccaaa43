//! Commits whose answer is lost: committed or not, each row is there once.

use aya_db_core::Fate;
use aya_session::{COMMIT_LEDGER_SQL, Loss, SurvivorError};
use aya_testkit::{Postgres, Snip};

use crate::support::{Client, Servers, number, once_at, tags};

/// Ways to lose the answer: nothing of it reaches the server, a part does, all of it does, and a part of
/// the answer comes back.
const CUTS: [fn(usize) -> Snip; 4] =
    [|_| Snip::Drop(0), |length| Snip::Drop(length - 1), Snip::Drop, |_| Snip::Answer(3)];

fn served(way: &str) -> (Servers<Postgres>, Client) {
    let server = Servers::one();
    if way == "ledger" {
        server.sql(COMMIT_LEDGER_SQL);
    }
    server.sql("create table t (id int); grant all on t to app");
    let client = Client::open(&format!("{} commit_resolution={way}", server.these.conninfo()));
    (server, client)
}

fn an_autocommit_write(way: &str) {
    let (server, mut client) = served(way);
    for cut in CUTS {
        for words in ["insert", "commit"] {
            server.sql("truncate t");
            client.run(&["select 1"]);
            server.these.proxy().snip(Some(once_at(words, cut)));
            let reply = client.run(&["insert into t values (1) returning id"]);
            assert_eq!(tags(&reply), ["INSERT 0 1"], "{words}");
            assert_eq!(server.number("select count(*) from t"), 1, "{words}");
        }
    }
}

#[test]
fn live_an_autocommit_write_is_there_once_by_history() {
    an_autocommit_write("lsn");
}

#[test]
fn live_an_autocommit_write_is_there_once_by_ledger() {
    an_autocommit_write("ledger");
}

fn a_transaction(way: &str) {
    let (server, mut client) = served(way);
    for cut in CUTS {
        for words in ["begin", "insert", "select 5", "commit"] {
            server.sql("truncate t");
            client.run(&["select 1"]);
            server.these.proxy().snip(Some(once_at(words, cut)));
            client.run(&["begin", "insert into t values (1)"]);
            assert_eq!(client.value("select 5"), "5");
            let reply = client.run(&["commit"]);
            assert_eq!(tags(&reply), ["COMMIT"], "{words}");
            assert_eq!(server.number("select count(*) from t"), 1, "{words}");
        }
    }
}

#[test]
fn live_a_transaction_is_there_once_by_history() {
    a_transaction("lsn");
}

#[test]
fn live_a_transaction_is_there_once_by_ledger() {
    a_transaction("ledger");
}

#[test]
fn live_without_resolution_a_lost_commit_is_unknown() {
    let (server, mut client) = served("off");
    client.run(&["begin", "insert into t values (1)"]);
    server.these.proxy().snip(Some(once_at("commit", |_| Snip::Answer(0))));
    let error = client.try_run(&["commit"]).unwrap_err();
    let SurvivorError::Broken(broken) = error else { panic!("{error}") };
    assert_eq!((broken.loss(), broken.fate()), (Loss::CommitUnknown, Fate::Unknown));
    assert!(broken.text().contains("server closed the connection unexpectedly"), "{broken}");
    assert_eq!(client.value("select count(*) from t"), "1");
}

#[test]
fn live_a_statement_that_may_not_run_in_a_block_is_run_by_itself() {
    let (server, mut client) = served("lsn");
    assert_eq!(tags(&client.run(&["vacuum t"])), ["VACUUM"]);
    server.these.proxy().snip(Some(once_at("vacuum", |_| Snip::Answer(0))));
    let error = client.try_run(&["vacuum t"]).unwrap_err();
    let SurvivorError::Broken(broken) = error else { panic!("{error}") };
    assert_eq!((broken.loss(), broken.fate()), (Loss::CommitUnknown, Fate::Unknown));
}

#[test]
fn live_a_text_that_commits_on_its_way_stays_unknown() {
    let (server, mut client) = served("lsn");
    client.run(&["begin"]);
    server.these.proxy().snip(Some(once_at("insert", |_| Snip::Answer(0))));
    let error = client.try_run(&["insert into t values (1); commit"]).unwrap_err();
    let SurvivorError::Broken(broken) = error else { panic!("{error}") };
    assert_eq!((broken.loss(), broken.fate()), (Loss::CommitUnknown, Fate::Unknown));
    assert_eq!(client.value("select count(*) from t"), "1");
}

#[test]
fn live_statements_for_transactions_are_refused_outside_of_them() {
    let (_server, mut client) = served("lsn");
    for sql in ["declare c cursor for select 1", "savepoint a", "lock t"] {
        let reply = client.try_run(&[sql]).unwrap();
        assert!(crate::support::error_of(&reply).unwrap().starts_with("25P01"), "{sql}");
    }
}

#[test]
fn live_an_error_of_the_commit_is_the_statements_answer() {
    let (server, mut client) = served("lsn");
    server.sql(
        "alter table t add unique (id) deferrable initially deferred; insert into t values (1)",
    );
    let reply = client.try_run(&["insert into t values (1)"]).unwrap();
    assert!(crate::support::error_of(&reply).unwrap().starts_with("23505"));
    assert_eq!(client.session.status(), aya_pgwire::TransactionStatus::Idle);
}

#[test]
fn live_a_read_whose_answer_is_lost_runs_again_and_may_not_write() {
    let (server, mut client) = served("lsn");
    server.sql(
        "create function w() returns int language sql as 'insert into t values (9) returning 1'",
    );
    server.these.proxy().snip(Some(once_at("select 7", |_| Snip::Answer(0))));
    assert_eq!(client.value("select 7"), "7");
    server.these.proxy().snip(Some(once_at("select w", |_| Snip::Answer(0))));
    let error = client.try_run(&["select w()"]).unwrap_err();
    let SurvivorError::Broken(broken) = error else { panic!("{error}") };
    assert_eq!(broken.fate(), Fate::Unknown);
    assert_eq!(server.number("select count(*) from t"), 1);
}

/// Whether the standby has the commit when its primary is lost.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standby {
    HasIt,
    LacksIt,
}

fn after_a_promotion(way: &str, standby: Standby) {
    let mut pair = Servers::pair();
    pair.on_primary(COMMIT_LEDGER_SQL);
    pair.on_primary("create table t (id int); grant all on t to app");
    let more = format!("target_session_attrs=read-write commit_resolution={way}");
    let mut client = Client::open(&pair.conninfo(&more));
    client.run(&["begin", "insert into t values (1)"]);
    pair.catch_up();
    if standby == Standby::LacksIt {
        pair.cut_off();
    }
    // The commit arrives, its answer does not, and nobody is let in to ask.
    pair.these.primary.proxy().refuse();
    pair.these.primary.proxy().snip(Some(once_at("commit", |_| Snip::Answer(0))));
    std::thread::scope(|scope| {
        let commits = scope.spawn(|| client.run(&["commit"]));
        pair.until_on_primary("select count(*) = 1 from t");
        if standby == Standby::HasIt {
            pair.catch_up();
        }
        pair.fail_over();
        assert_eq!(tags(&commits.join().unwrap()), ["COMMIT"]);
    });
    assert_eq!(number(&pair.on_standby("select count(*) from t")), 1);
    assert_eq!(client.value("select count(*) from t"), "1");
}

#[test]
fn live_a_commit_that_the_new_leader_has_is_kept_by_history() {
    after_a_promotion("lsn", Standby::HasIt);
}

#[test]
fn live_a_commit_that_the_new_leader_has_is_kept_by_ledger() {
    after_a_promotion("ledger", Standby::HasIt);
}

#[test]
fn live_a_commit_that_the_new_leader_lacks_is_replayed_by_history() {
    after_a_promotion("lsn", Standby::LacksIt);
}

#[test]
fn live_a_commit_that_the_new_leader_lacks_is_replayed_by_ledger() {
    after_a_promotion("ledger", Standby::LacksIt);
}

fn a_commit_that_waits_for_ever(way: &str) {
    let (server, _) = served(way);
    let more = format!("commit_resolution={way} failover_timeout=2");
    let mut client = Client::open(&format!("{} {more}", server.these.conninfo()));
    server.sql("alter system set synchronous_standby_names = 'nobody'");
    server.sql("select pg_reload_conf()");
    // The server begins to wait a moment later.
    let id = (1..).find(|id| waits_and_is_cut(&server, &mut client, *id)).unwrap();
    // It was left alone, and stands once its standby has it.
    server.sql("alter system set synchronous_standby_names = ''");
    server.sql("select pg_reload_conf()");
    server.until(&format!("select count(*) = 1 from t where id = {id}"));
    assert_eq!(client.value(&format!("select count(*) from t where id = {id}")), "1");
}

/// Commits, and cuts the connection while the commit waits for a standby; `false` if it did not wait.
fn waits_and_is_cut(server: &Servers<Postgres>, client: &mut Client, id: i32) -> bool {
    client.run(&["begin", &format!("insert into t values ({id})")]);
    let waiting = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'";
    std::thread::scope(|scope| {
        let commits = scope.spawn(|| client.try_run(&["commit"]));
        while server.number(waiting) == 0 {
            if commits.is_finished() {
                return false;
            }
        }
        server.these.proxy().drop_connections();
        let SurvivorError::Broken(broken) = commits.join().unwrap().unwrap_err() else {
            panic!("another error")
        };
        assert_eq!((broken.loss(), broken.fate()), (Loss::CommitUnknown, Fate::Unknown));
        true
    })
}

#[test]
fn live_a_commit_that_waits_for_its_standby_is_left_alone() {
    a_commit_that_waits_for_ever("lsn");
    a_commit_that_waits_for_ever("ledger");
}

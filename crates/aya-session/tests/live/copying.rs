//! COPY whose server is lost on the way.

use std::os::fd::AsFd;

use aya_db_core::Fate;
use aya_pgwire::{Interest, Wait};
use aya_session::{End, Loss, SurvivorError};
use aya_testkit::{Postgres, Snip};

use crate::support::{Client, Servers, error_of, once_at, patience, tags};

fn served(more: &str) -> (Servers<Postgres>, Client) {
    let server = Servers::one();
    server.sql("create table t (id int); grant all on t to app");
    let client = Client::open(&format!("{} {more}", server.these.conninfo()));
    (server, client)
}

fn copy_in(client: &mut Client, server: &Servers<Postgres>, first: &[&str]) {
    let begun = client.run(first);
    assert_eq!(begun.end, End::CopyIn);
    client.session.copy_data(b"1\n2", &mut patience()).unwrap();
    server.these.proxy().drop_connections();
    client.session.copy_data(b"2\n", &mut patience()).unwrap();
    // Without resolution, a loss that is noticed only with the answer leaves an unknown outcome.
    let socket = client.session.connection().unwrap().as_fd();
    patience().wait(socket, Interest::Read, None).unwrap();
    client.session.copy_data(b"3\n", &mut patience()).unwrap();
    let reply = client.session.copy_done(&mut patience()).unwrap();
    assert_eq!(tags(&reply), ["COPY 3"]);
}

#[test]
fn live_copied_data_is_sent_again() {
    for more in ["commit_resolution=lsn", "commit_resolution=off"] {
        let (server, mut client) = served(more);
        copy_in(&mut client, &server, &["copy t from stdin"]);
        assert_eq!(server.number("select sum(id) from t"), 26, "{more}");
    }
}

#[test]
fn live_copied_data_is_sent_again_within_a_transaction() {
    let (server, mut client) = served("commit_resolution=lsn");
    copy_in(&mut client, &server, &["begin", "copy t from stdin"]);
    server.these.proxy().drop_connections();
    assert_eq!(client.value("select sum(id) from t"), "26");
    client.run(&["commit"]);
    assert_eq!(server.number("select sum(id) from t"), 26);
}

#[test]
fn live_a_copy_whose_commit_is_in_doubt_is_there_once() {
    for cut in [Snip::Drop, |_| Snip::Drop(0)] {
        let (server, mut client) = served("commit_resolution=lsn");
        client.run(&["copy t from stdin"]);
        client.session.copy_data(b"1\n", &mut patience()).unwrap();
        server.these.proxy().snip(Some(once_at("commit", cut)));
        let reply = client.session.copy_done(&mut patience()).unwrap();
        assert_eq!(tags(&reply), ["COPY 1"]);
        assert_eq!(server.number("select count(*) from t"), 1);
    }
}

#[test]
fn live_more_data_than_is_kept_is_lost_with_its_server() {
    let (server, mut client) = served("replay_max_bytes=3");
    client.run(&["begin", "copy t from stdin"]);
    client.session.copy_data(b"1\n2\n", &mut patience()).unwrap();
    server.these.proxy().drop_connections();
    let sent = client.session.copy_data(b"3\n", &mut patience());
    let ended = sent.and_then(|()| client.session.copy_done(&mut patience()).map(drop));
    let SurvivorError::Broken(broken) = ended.unwrap_err() else { panic!("another error") };
    assert_eq!((broken.loss(), broken.fate()), (Loss::Transaction, Fate::RolledBack));
    assert!(broken.reason().unwrap().contains("replay_max_bytes"), "{broken}");
}

#[test]
fn live_a_copy_that_is_given_up_fails_with_the_reason() {
    let (_server, mut client) = served("commit_resolution=lsn");
    client.run(&["copy t from stdin"]);
    let reply = client.session.copy_fail(b"no more", &mut patience()).unwrap();
    assert!(error_of(&reply).unwrap().contains("no more"));
    assert_eq!(client.value("select count(*) from t"), "0");
}

#[test]
fn live_data_of_a_copy_is_told_once() {
    let (server, mut client) = served("");
    server.sql("insert into t select generate_series(1, 10000)");
    server.these.proxy().snip(Some(once_at("copy t", |_| Snip::Answer(0))));
    let begun = client.run(&["copy t to stdout"]);
    assert_eq!(begun.end, End::CopyOut);
    let mut lines = 0;
    while let Some(data) = client.session.copy_next(&mut patience()).unwrap() {
        lines += data.len();
    }
    assert_eq!(tags(&client.session.resume(&mut patience()).unwrap()), ["COPY 10000"]);
    assert_eq!(lines, 10_000);
}

#[test]
fn live_a_copy_of_which_data_was_seen_is_not_repeated() {
    let (server, mut client) = served("");
    server.sql("insert into t select generate_series(1, 2000000)");
    client.run(&["begin", "copy t to stdout"]);
    assert!(client.session.copy_next(&mut patience()).unwrap().is_some());
    server.these.proxy().drop_connections();
    let error = loop {
        match client.session.copy_next(&mut patience()) {
            Ok(data) => assert!(data.is_some(), "all of it came"),
            Err(error) => break error,
        }
    };
    let SurvivorError::Broken(broken) = error else { panic!("{error}") };
    assert_eq!(broken.loss(), Loss::Transaction);
    assert!(broken.reason().unwrap().contains("COPY TO STDOUT"), "{broken}");
}

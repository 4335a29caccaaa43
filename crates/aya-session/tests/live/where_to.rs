//! To which server a session goes.

use aya_session::SurvivorError;

use crate::support::{Client, Servers, hosts, patience, value_of};

#[test]
fn live_a_session_goes_where_it_is_told_to() {
    let pair = Servers::pair();
    let recovery = "select pg_is_in_recovery()";
    for (wanted, found) in [
        ("read-write", "f"),
        ("primary", "f"),
        ("standby", "t"),
        ("read-only", "t"),
        ("prefer-standby", "t"),
        ("any", "f"),
    ] {
        let mut client = Client::open(&pair.conninfo(&format!("target_session_attrs={wanted}")));
        assert_eq!(client.value(recovery), found, "{wanted}");
    }
    let only = hosts(&[pair.these.standby.client_address()]);
    let error = Client::try_open(&format!("{only} target_session_attrs=read-write")).err().unwrap();
    let SurvivorError::NoServer(error) = error else { panic!("{error}") };
    assert!(error.text().contains("server is in hot standby mode"), "{error}");
    let mut client = Client::open(&format!("{only} target_session_attrs=prefer-primary"));
    assert_eq!(client.value(recovery), "t");
}

#[test]
fn live_a_primary_that_was_left_behind_is_not_taken() {
    let mut pair = Servers::pair();
    let mut client = Client::open(&pair.conninfo("target_session_attrs=read-write"));
    client.run(&["create table t (id int)"]);
    pair.catch_up();
    pair.fail_over();
    client.run(&["insert into t values (1)"]);
    let new = client.session.node().cloned();
    // The old primary is back, and believes that it leads; it comes first in the list.
    let Servers { runtime, these } = &mut pair;
    runtime.block_on(these.primary.start()).unwrap();
    these.standby.proxy().drop_connections();
    assert_eq!(client.value("select count(*) from t"), "1");
    assert_eq!(client.session.node().cloned(), new);
}

#[test]
fn live_a_refused_connection_is_told_at_once() {
    let server = Servers::one();
    let conninfo = server.these.conninfo();
    server.these.proxy().refuse();
    let error = Client::try_open(&conninfo).err().unwrap();
    let SurvivorError::NoServer(error) = error else { panic!("{error}") };
    assert!(error.text().contains("Connection refused"), "{error}");
    server.these.proxy().heal();
    let error = Client::try_open(&conninfo.replace("password='app'", "password=no")).err().unwrap();
    let SurvivorError::NoServer(error) = error else { panic!("{error}") };
    assert!(error.text().contains("password authentication failed"), "{error}");
}

#[test]
fn live_a_read_on_a_standby_waits_for_what_its_token_stands_for() {
    let pair = Servers::pair();
    let mut writer = Client::open(&pair.conninfo("target_session_attrs=read-write"));
    let mut reader = Client::open(&pair.conninfo("target_session_attrs=standby"));
    writer.run(&["create table t (id int)"]);
    for id in 1..=20 {
        writer.run(&[&format!("insert into t values ({id})")]);
        let token = writer.session.token(&mut patience()).unwrap().unwrap();
        reader.session.stand_behind(token);
        let count = match id % 2 {
            0 => value_of(&reader.run(&["begin", "select count(*) from t"])),
            _ => reader.value("select count(*) from t"),
        };
        assert_eq!(count, id.to_string());
        if id % 2 == 0 {
            reader.run(&["commit"]);
        }
    }
    assert!(reader.session.token(&mut patience()).unwrap().is_none());
}

#[test]
fn live_a_session_that_any_server_serves_follows_the_leader() {
    let mut pair = Servers::pair();
    let mut client = Client::open(&pair.conninfo(""));
    client.run(&["create table t (id int)"]);
    pair.catch_up();
    client.run(&["begin", "insert into t values (1)"]);
    let before = pair.visits();
    pair.these.primary.kill().unwrap();
    std::thread::scope(|scope| {
        let commits = scope.spawn(|| client.run(&["commit"]));
        // It comes to a standby that is not promoted yet, and does not stay there.
        let end = std::time::Instant::now() + crate::support::LIMIT;
        while pair.visits() == before {
            assert!(std::time::Instant::now() < end, "it does not come");
        }
        pair.runtime.block_on(pair.these.promote()).unwrap();
        commits.join().unwrap();
    });
    assert_eq!(client.value("select count(*) from t where not pg_is_in_recovery()"), "1");
}

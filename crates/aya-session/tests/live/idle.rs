//! Sessions that are lost while nothing runs, and what they hold.

use aya_db_core::Fate;
use aya_pgwire::Event;
use aya_session::{Loss, Options, Survival, Survivor, SurvivorError};
use aya_testkit::Snip;

use crate::support::{Client, Servers, error_of, once_at, patience, tags, target};

#[test]
fn live_an_idle_session_outlives_the_restart_of_its_server() {
    let mut server = Servers::one();
    let mut client = Client::open(&server.these.conninfo());
    assert_eq!(client.value("select 1"), "1");
    let before = (client.session.generation(), client.session.fd());
    server.restart();
    assert_eq!(client.value("select 2"), "2");
    assert_eq!(client.session.generation(), before.0 + 1);
    assert!(before.1.is_some() && client.session.fd().is_some());
}

#[test]
fn live_what_is_set_stays_set_in_any_encoding() {
    let mut server = Servers::one();
    let mut client = Client::open(&server.these.conninfo());
    client.run(&["set client_encoding = 'LATIN1'"]);
    client.session.run(&[b"set app.name to 'caf\xe9 \\ ''x'''"], &mut patience()).unwrap();
    client.run(&["set search_path = \"Weird,Path\", public"]);
    client.run(&["begin", "set statement_timeout = '77s'", "commit"]);
    client.run(&["begin", "set lock_timeout = '66s'", "rollback"]);
    server.restart();
    assert_eq!(client.value("show client_encoding"), "LATIN1");
    assert_eq!(
        client.value("select encode(convert_to(current_setting('app.name'), 'LATIN1'), 'hex')"),
        "636166e9205c20277827"
    );
    assert_eq!(client.value("show search_path"), "\"Weird,Path\", public");
    assert_eq!(client.value("show statement_timeout"), "77s");
    assert_eq!(client.value("show lock_timeout"), "0");
}

#[test]
fn live_a_setting_whose_answer_is_lost_is_set_again() {
    let mut server = Servers::one();
    let mut client = Client::open(&format!("{} commit_resolution=lsn", server.these.conninfo()));
    for cut in [|_| Snip::Answer(0), Snip::Drop, |_| Snip::Drop(0)] {
        server.these.proxy().snip(Some(once_at("set work_mem", cut)));
        client.run(&["set work_mem = '7MB'"]);
        assert_eq!(client.value("show work_mem"), "7MB");
        client.run(&["reset work_mem"]);
    }
    // The setting is answered, and the question what it has changed is not.
    for cut in [|_| Snip::Answer(0), Snip::Drop, |_| Snip::Drop(0)] {
        client.run(&["set lock_timeout = '66s'"]);
        server.these.proxy().snip(Some(once_at("as state (kind", cut)));
        client.run(&["set work_mem = '8MB'"]);
        assert_eq!(client.value("show work_mem"), "8MB");
        assert_eq!(client.value("show lock_timeout"), "66s");
        server.these.proxy().snip(Some(once_at("as state (kind", cut)));
        client.run(&["set work_mem to default"]);
        assert_eq!(client.value("show work_mem"), "4MB");
        server.restart();
        assert_eq!(client.value("show lock_timeout"), "66s");
    }
    server.these.proxy().snip(Some(once_at("create temp", |_| Snip::Answer(0))));
    client.run(&["create temp table scratch (id int)"]);
    assert_eq!(client.value("select count(*) from scratch"), "0");
}

#[test]
fn live_prepared_statements_come_back_without_what_stood_beside_them() {
    let mut server = Servers::one();
    server.sql("create table t (id int); grant all on t to app");
    let mut client = Client::open(&server.these.conninfo());
    client.run(&[
        "insert into t values (1); prepare \"my p\" (int) as select $1 + 1; prepare q as table t",
    ]);
    server.restart();
    assert_eq!(client.value("execute \"my p\" (41)"), "42");
    assert_eq!(client.value("execute q"), "1");
    assert_eq!(server.number("select count(*) from t"), 1);
}

#[test]
fn live_a_session_that_listens_comes_back_when_it_is_polled() {
    let mut server = Servers::one();
    let mut client = Client::open(&server.these.conninfo());
    client.run(&["listen \"News; today\""]);
    server.restart();
    let generation = client.session.generation();
    // The end is seen and cured.
    while client.session.generation() == generation {
        client.session.poll(&mut patience()).unwrap();
    }
    server.sql("notify \"News; today\", 'x'");
    let end = std::time::Instant::now() + crate::support::LIMIT;
    loop {
        let events = client.session.poll(&mut patience()).unwrap();
        if events.iter().any(|it| matches!(it, Event::Notification(n) if &*n.payload == b"x")) {
            break;
        }
        assert!(std::time::Instant::now() < end, "no notification");
    }
}

#[test]
fn live_what_cannot_be_restored_is_told_once() {
    let mut server = Servers::one();
    let mut client = Client::open(&server.these.conninfo());
    client.run(&["create temporary table scratch (id int)"]);
    client.run(&["select pg_advisory_lock(7)"]);
    server.restart();
    let error = client.try_run(&["select 1"]).unwrap_err();
    let SurvivorError::Broken(broken) = error else { panic!("{error}") };
    assert_eq!(
        (broken.loss(), broken.fate(), broken.code()),
        (Loss::SessionState, Fate::NotSent, "AYA-3016")
    );
    let told = broken.reason().unwrap();
    assert!(told.contains("scratch") && told.contains("advisory lock"), "{told}");
    assert_eq!(client.value("select 2"), "2");
}

#[test]
fn live_a_child_process_gets_a_connection_of_its_own() {
    let server = Servers::one();
    let mut client = Client::open(&server.these.conninfo());
    client.run(&["set work_mem = '5MB'"]);
    let pid = client.value("select pg_backend_pid()");
    client.session.inherit();
    assert_ne!(client.value("select pg_backend_pid()"), pid);
    assert_eq!(client.value("show work_mem"), "5MB");

    client.run(&["begin", "select 1"]);
    client.session.inherit();
    let error = client.try_run(&["select 1"]).unwrap_err();
    let SurvivorError::Broken(broken) = error else { panic!("{error}") };
    assert_eq!(broken.loss(), Loss::Transaction);
    client.run(&["rollback"]);
    assert_eq!(client.value("select 3"), "3");
    assert_eq!(error_of(&client.try_run(&["selec"]).unwrap()).unwrap()[..5], *"42601");
}

#[test]
fn live_a_session_that_is_not_to_survive_ends_with_its_connection() {
    let server = Servers::one();
    let conninfo = server.these.superuser_conninfo() + " replication=database";
    let options = Options { survival: Survival::Off, ..Options::default() };
    let session = Survivor::open(target(&conninfo), options, &mut patience()).unwrap();
    let mut client = Client { session };
    assert_eq!(tags(&client.run(&["IDENTIFY_SYSTEM"])), ["IDENTIFY_SYSTEM"]);
    let pid = client.session.connection().unwrap().session().cancel_key().unwrap().process_id();
    server.sql(&format!("select pg_terminate_backend({pid}, 30000)"));
    for _ in 0..2 {
        let error = client.try_run(&["IDENTIFY_SYSTEM"]).unwrap_err();
        let SurvivorError::Broken(broken) = error else { panic!("{error}") };
        assert_eq!(broken.loss(), Loss::Connection);
        let text = broken.text();
        assert!(text.contains("terminating connection due to administrator command"), "{text}");
        assert!(text.contains("server closed the connection unexpectedly"), "{text}");
    }
}

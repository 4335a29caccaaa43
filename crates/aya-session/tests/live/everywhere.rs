//! Connections that are cut at every message in turn.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use aya_pgwire::{Interest, Interrupted, Poller, Readiness, Wait};
use aya_session::{COMMIT_LEDGER_SQL, Loss, Reply, SurvivorError};
use aya_testkit::{Postgres, Snip, Snipper};

use crate::support::{Client, Servers, patience, tags, value_of};

/// How a connection is cut, given the length of the message.
const CUTS: [fn(usize) -> Snip; 6] = [
    |_| Snip::Drop(0),
    |length| Snip::Drop(length / 2),
    Snip::Drop,
    |_| Snip::Answer(0),
    |_| Snip::Answer(7),
    |_| Snip::Answer(60),
];

/// Cuts the connection at the message of this number; the number of those that came is counted.
fn cut_at(number: usize, cut: fn(usize) -> Snip) -> (Snipper, Arc<AtomicUsize>) {
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let snipper = Snipper::new(move |piece| {
        (count.fetch_add(1, Ordering::SeqCst) == number).then(|| cut(piece.len()))
    });
    (snipper, seen)
}

fn work(client: &mut Client, id: i64) {
    let insert = format!("insert into t values ({id}) returning id");
    assert_eq!(client.value(&insert), id.to_string());
    client.run(&["begin", &format!("insert into t values ({})", id + 1)]);
    assert_eq!(
        client.value(&format!("select id from t where id = {}", id + 1)),
        (id + 1).to_string()
    );
    client.run(&["set work_mem = '7MB'"]);
    assert_eq!(tags(&client.run(&["commit"])), ["COMMIT"]);
    // Cut between the answer to COMMIT and that to the question how the session stands, it says so.
    match client.try_run(&["show work_mem"]) {
        Ok(reply) => assert_eq!(value_of(&reply), "7MB"),
        Err(SurvivorError::Broken(broken)) => assert_eq!(broken.loss(), Loss::SessionState),
        Err(error) => panic!("{error}"),
    }
    client.run(&["begin", &format!("insert into t values ({})", id + 2)]);
    assert_eq!(tags(&client.run(&["rollback"])), ["ROLLBACK"]);
}

fn everywhere(way: &str) {
    let server: Servers<Postgres> = Servers::one();
    server.sql(COMMIT_LEDGER_SQL);
    server.sql("create table t (id int); grant all on t to app");
    let conninfo = format!("{} commit_resolution={way}", server.these.conninfo());
    let mut id = 0;
    for cut in CUTS {
        for number in 0.. {
            let mut client = Client::open(&conninfo);
            let (snipper, seen) = cut_at(number, cut);
            server.these.proxy().snip(Some(snipper));
            work(&mut client, id);
            server.these.proxy().snip(None);
            let rows = server.sql(&format!("select id from t where id >= {id} order by id"));
            let expected = [id, id + 1].map(|id| vec![Some(id.to_string())]);
            assert_eq!(rows, expected, "cut at message {number}");
            id += 3;
            if seen.load(Ordering::SeqCst) <= number {
                assert!(number > 5, "only {number} messages");
                break;
            }
        }
    }
}

#[test]
fn live_each_row_is_there_once_wherever_it_is_cut_by_history() {
    everywhere("lsn");
}

#[test]
fn live_each_row_is_there_once_wherever_it_is_cut_by_ledger() {
    everywhere("ledger");
}

/// Gives up a wait now and then, each time after a few more.
struct Restless {
    inner: Poller<'static>,
    left: u32,
    then: u32,
}

impl Wait for Restless {
    fn wait(
        &mut self,
        socket: BorrowedFd<'_>,
        interest: Interest,
        deadline: Option<Instant>,
    ) -> Result<Readiness, Interrupted> {
        if self.left == 0 {
            self.then += 1;
            self.left = self.then;
            return Err(Interrupted);
        }
        self.left -= 1;
        self.inner.wait(socket, interest, deadline)
    }
}

/// Runs queries, and takes them up again as often as the wait is given up.
fn insist(client: &mut Client, queries: &[&str], given_up: &mut u32) -> Reply {
    let queries: Vec<&[u8]> = queries.iter().map(|query| query.as_bytes()).collect();
    let mut wait = Restless { inner: patience(), left: 0, then: 0 };
    let mut done = client.session.run(&queries, &mut wait);
    while let Err(SurvivorError::Interrupted) = done {
        *given_up += 1;
        done = client.session.resume(&mut wait);
    }
    done.unwrap()
}

#[test]
fn live_a_wait_may_be_given_up_anywhere_and_taken_up_again() {
    let server: Servers<Postgres> = Servers::one();
    server.sql("create table t (id int); grant all on t to app");
    let conninfo = format!("{} commit_resolution=lsn", server.these.conninfo());
    let mut given_up = 0;
    for number in 0..12 {
        let mut client = Client::open(&conninfo);
        let (snipper, _) = cut_at(number, Snip::Drop);
        server.these.proxy().snip(Some(snipper));
        let insert = format!("insert into t values ({number})");
        assert_eq!(tags(&insist(&mut client, &[&insert], &mut given_up)), ["INSERT 0 1"]);
        insist(&mut client, &["begin", &insert], &mut given_up);
        assert_eq!(value_of(&insist(&mut client, &["select 1"], &mut given_up)), "1");
        assert_eq!(tags(&insist(&mut client, &["commit"], &mut given_up)), ["COMMIT"]);
        server.these.proxy().snip(None);
        let rows = server.number(&format!("select count(*) from t where id = {number}"));
        assert_eq!(rows, 2, "cut at message {number}");
    }
    assert!(given_up > 48, "the wait was given up {given_up} times");
}

#[test]
fn live_a_long_statement_that_is_cut_midway_runs_once() {
    let server: Servers<Postgres> = Servers::one();
    server.sql("create table t (id int); grant all on t to app");
    let mut client = Client::open(&format!("{} commit_resolution=lsn", server.these.conninfo()));
    let insert = format!("insert into t select length('{}')", "x".repeat(8 << 20));
    for number in [0, 5, 50] {
        let (snipper, seen) = cut_at(number, |length| Snip::Drop(length / 2));
        server.these.proxy().snip(Some(snipper));
        assert_eq!(tags(&client.run(&[&insert])), ["INSERT 0 1"]);
        assert!(seen.load(Ordering::SeqCst) > number, "it is cut");
    }
    assert_eq!(server.number("select count(*) from t where id = 8 << 20"), 3);
    // It is more than a transaction keeps for its replay.
    client.run(&["begin", &insert]);
    server.these.proxy().snip(None);
    server.these.proxy().drop_connections();
    let error = client.try_run(&["select 1"]).unwrap_err();
    let SurvivorError::Broken(broken) = error else { panic!("{error}") };
    assert!(broken.reason().unwrap().contains("replay_max_bytes"), "{broken}");
}

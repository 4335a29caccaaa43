//! Connections that are cut at every message in turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aya_session::{COMMIT_LEDGER_SQL, Loss, SurvivorError};
use aya_testkit::{Postgres, Snip, Snipper};

use crate::support::{Client, Servers, tags, value_of};

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

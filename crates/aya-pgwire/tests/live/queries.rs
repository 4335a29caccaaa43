//! Queries, their results, and what comes along with them.

use std::time::{Duration, Instant};

use aya_pgwire::{
    Answer, ConnectionError, Event, Field, Format, Interrupted, Poller, Stop, TransactionStatus,
};

use crate::support::{Client, Server, patience};

#[test]
fn live_every_result_of_a_query_is_kept() {
    let server = Server::start();
    let mut client = Client::open(&server.postgres.conninfo());
    client.query("create table t (id int primary key, name varchar(20), n numeric(10,2))");
    let answers = client.query(
        "insert into t values (1, 'a', 1.5), (2, null, 2.25); select * from t order by id; \
         ; update t set n = 0 where id > 99; select; show datestyle",
    );
    let tags: Vec<_> = answers
        .iter()
        .map(|answer| match answer {
            Answer::Table(table) => format!("table {} {}", table.rows.len(), table.tag),
            Answer::Done(tag) => tag.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        tags,
        ["INSERT 0 2", "table 2 SELECT 2", "UPDATE 0", "table 1 SELECT 1", "table 1 SHOW"]
    );
    let Answer::Table(table) = &answers[1] else { panic!() };
    let oid: u32 = client.value("select 't'::regclass::oid").parse().unwrap();
    let told: Vec<_> = table
        .columns
        .iter()
        .map(|it| (&*it.name, it.table_oid, it.number, it.type_oid, it.type_size, it.type_modifier))
        .collect();
    let expected = [
        (&b"id"[..], oid, 1, 23, 4, -1),
        (b"name", oid, 2, 1043, -1, 24),
        (b"n", oid, 3, 1700, -1, ((10 << 16) | 2) + 4),
    ];
    assert_eq!(told, expected);
    let rows: Vec<Vec<_>> = table.rows.iter().map(|row| row.cells().collect()).collect();
    let first = [Some(&b"1"[..]), Some(b"a"), Some(b"1.50")];
    assert_eq!(rows, [first, [Some(b"2"), None, Some(b"2.25")]]);
    assert_eq!(client.query(""), [Answer::Empty]);
    assert_eq!(client.query(" -- nothing"), [Answer::Empty]);
    assert_eq!(client.status(), TransactionStatus::Idle);
}

#[test]
fn live_binary_cursors_tell_their_format() {
    let server = Server::start();
    let mut client = Client::open(&server.postgres.conninfo());
    client.query("begin");
    client.query("declare c binary cursor for select 7");
    let table = client.table("fetch c");
    assert_eq!(table.columns[0].format, Format::Binary);
    assert_eq!(table.rows.get(0).unwrap().cell(0), Some(&[0, 0, 0, 7][..]));
}

#[test]
fn live_queries_sent_ahead_are_answered_in_turn() {
    let server = Server::start();
    let mut client = Client::open(&server.postgres.conninfo());
    client.query("create table t (id int primary key)");
    let queries: [&[u8]; 4] =
        [b"begin", b"insert into t values (1)", b"insert into t values (1)", b"select 1"];
    let answers = client.pipeline(&queries);
    let [Answer::Done(_), Answer::Done(_), Answer::Error(twice), Answer::Error(after)] =
        &answers[..]
    else {
        panic!("{answers:?}")
    };
    assert_eq!(twice.get(Field::Code), Some(&b"23505"[..]));
    assert_eq!(after.get(Field::Code), Some(&b"25P02"[..]));
    let ready: Vec<_> = client
        .asides
        .iter()
        .filter_map(|event| match event {
            Event::Ready(status) => Some(*status),
            _ => None,
        })
        .collect();
    use TransactionStatus::{Failed, Idle, Open};
    assert_eq!(ready, [Idle, Open, Open, Failed, Failed]);
    client.query("rollback");
    // Outside a transaction each stands for itself.
    let many: Vec<Vec<u8>> =
        (0..500).map(|n| format!("insert into t values ({})", n / 2).into_bytes()).collect();
    let many: Vec<&[u8]> = many.iter().map(Vec::as_slice).collect();
    let answers = client.pipeline(&many);
    let done = answers.iter().filter(|answer| matches!(answer, Answer::Done(_))).count();
    assert_eq!((answers.len(), done), (500, 250));
    assert_eq!(client.value("select count(*) from t"), "250");
}

#[test]
fn live_a_large_result_and_a_large_query() {
    let server = Server::start();
    let mut client = Client::open(&server.postgres.conninfo());
    let table = client.table("select n, repeat('x', 20) from generate_series(1, 300000) n");
    assert_eq!(table.rows.len(), 300_000);
    let sum: u64 = table
        .rows
        .iter()
        .map(|row| std::str::from_utf8(row.cell(0).unwrap()).unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(sum, 300_000 * 300_001 / 2);
    // Much goes while much comes: neither side waits for the other for good.
    let text = "y".repeat(8 << 20);
    let query = format!("select 1 from generate_series(1, 300000); select length('{text}')");
    let answers = client.pipeline(&[query.as_bytes(), query.as_bytes()]);
    assert_eq!(answers.len(), 4);
    let Answer::Table(table) = &answers[3] else { panic!() };
    assert_eq!(table.rows.get(0).unwrap().cell(0), Some(text.len().to_string().as_bytes()));
    assert_eq!(client.value(&format!("select '{text}'")).len(), text.len());
}

#[test]
fn live_notices_and_notifications_come_in_order() {
    let server = Server::start();
    let mut client = Client::open(&server.postgres.conninfo());
    let mut other = Client::open(&server.postgres.conninfo());
    client.query("listen \"Kanal\"");
    client.asides.clear();
    client.query("do $$ begin raise notice 'one'; raise warning 'two' using hint = 'h'; end $$");
    let [Event::Notice(one), Event::Notice(two), Event::Ready(_)] = &client.asides[..] else {
        panic!("{:?}", client.asides)
    };
    assert_eq!(one.report(None, b"UTF8"), b"NOTICE:  one\n");
    assert_eq!(two.report(None, b"UTF8"), b"WARNING:  two\nHINT:  h\n");
    other.query("notify \"Kanal\", 'load'");
    // It comes by itself, while the client is idle.
    let event = client.connection.next_event(&mut patience()).unwrap();
    let Event::Notification(told) = event else { panic!("{event:?}") };
    assert_eq!((&*told.channel, &*told.payload), (&b"Kanal"[..], &b"load"[..]));
    let sender = other.connection.session().cancel_key().unwrap().process_id();
    assert_eq!(told.process_id, sender);
}

#[test]
fn live_another_thread_cancels() {
    let server = Server::start();
    let mut client = Client::open(&server.postgres.conninfo());
    let canceller = client.connection.canceller().unwrap();
    let question = "select count(*) = 1 from pg_stat_activity where wait_event = 'PgSleep'";
    let answers = std::thread::scope(|scope| {
        let answers = scope.spawn(|| client.query("select pg_sleep(600)"));
        server.until(question);
        canceller.cancel(&mut patience()).unwrap();
        answers.join().unwrap()
    });
    let [Answer::Error(error)] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(error.get(Field::Code), Some(&b"57014"[..]));
    assert_eq!(client.value("select 1"), "1");
}

#[test]
fn live_a_wait_that_gives_up_loses_nothing() {
    let server = Server::start();
    let mut client = Client::open(&server.postgres.conninfo());
    client.connection.session_mut().query(b"select pg_sleep(0.3), 5").unwrap();
    let mut hurry = Poller::new().until(Instant::now() + Duration::from_millis(20));
    let error = client.connection.run(&mut hurry, &mut |_| {}).unwrap_err();
    assert!(matches!(error, ConnectionError::TimedOut), "{error}");
    let (wake, alarm) = std::os::unix::net::UnixStream::pair().unwrap();
    drop(alarm);
    let mut asked = 0;
    let mut ask = || {
        asked += 1;
        Err(Interrupted)
    };
    let fd = std::os::fd::AsFd::as_fd(&wake);
    let mut woken = Poller::new().waking_by(fd).asking(&mut ask);
    let error = client.connection.run(&mut woken, &mut |_| {}).unwrap_err();
    assert!(matches!(error, ConnectionError::Interrupted) && !error.is_loss(), "{error}");
    assert_eq!(asked, 1);
    let answers = client.answers();
    let [Answer::Table(table)] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(table.rows.get(0).unwrap().cell(1), Some(&b"5"[..]));
    client.connection.session_mut().query(b"select 1").unwrap();
    assert_eq!(client.stop(), Stop::Ready(TransactionStatus::Idle));
}

//! The face that never blocks, with `poll(2)` in the test's own hands.

use std::os::fd::{AsFd, AsRawFd};

use aya_pgwire::{
    Answer, Connecting, Connection, Event, Interest, Interrupted, Polled, Progress, Readiness, Wait,
};

use crate::support::{Client, Server, patience, target};

#[test]
fn live_a_connection_is_made_and_used_step_by_step() {
    let server = Server::start();
    let mut connecting = Connecting::new(target(&server.postgres.conninfo()));
    let mut waits = 0;
    let mut connection: Connection = loop {
        match connecting.poll().unwrap() {
            Progress::Done(connection) => break *connection,
            Progress::Wait(interest) => {
                waits += 1;
                assert!(connecting.deadline().is_some());
                patience().wait(connecting.fd().unwrap(), interest, None).unwrap();
            }
        }
    };
    assert!(waits >= 1);
    connection.session_mut().query(b"select 1; select pg_sleep(0.1)").unwrap();
    let (mut answers, mut waits) = (0, 0);
    loop {
        match connection.poll_event().unwrap() {
            Polled::Event(Event::Answer(Answer::Table(_))) => answers += 1,
            Polled::Event(Event::Ready(_)) => break,
            Polled::Event(other) => panic!("{other:?}"),
            Polled::Wait(interest) => {
                assert_eq!(interest, Interest::Read);
                waits += 1;
                patience().wait(connection.as_fd(), interest, None).unwrap();
            }
        }
    }
    assert_eq!(answers, 2);
    assert!(waits >= 1);
}

#[test]
fn live_a_full_socket_asks_for_both() {
    let server = Server::start();
    let mut connection = Client::open(&server.postgres.conninfo()).connection;
    let text = "z".repeat(32 << 20);
    connection.session_mut().query(format!("select length('{text}')").as_bytes()).unwrap();
    let mut wanted = Vec::new();
    while let Some(interest) = connection.poll_flush().unwrap() {
        wanted.push(interest);
        patience().wait(connection.as_fd(), interest, None).unwrap();
    }
    assert!(wanted.contains(&Interest::ReadOrWrite));
    assert!(connection.session().unsent().is_empty());
    loop {
        match connection.poll_event().unwrap() {
            Polled::Event(Event::Ready(_)) => break,
            Polled::Event(_) => {}
            Polled::Wait(interest) => {
                patience().wait(connection.as_fd(), interest, None).unwrap();
            }
        }
    }
}

/// A caller with a hook around every wait, which counts them.
struct Hooked(Vec<(i32, Interest)>);

impl Wait for Hooked {
    fn wait(
        &mut self,
        socket: std::os::fd::BorrowedFd<'_>,
        interest: Interest,
        deadline: Option<std::time::Instant>,
    ) -> Result<Readiness, Interrupted> {
        self.0.push((socket.as_raw_fd(), interest));
        patience().wait(socket, interest, deadline)
    }
}

#[test]
fn live_one_round_trip_is_one_wait() {
    let server = Server::start();
    let mut connection = Client::open(&server.postgres.conninfo()).connection;
    for _ in 0..20 {
        let mut hooked = Hooked(Vec::new());
        connection.session_mut().query(b"select 1").unwrap();
        connection.run(&mut hooked, &mut |_| {}).unwrap();
        assert_eq!(hooked.0, [(connection.as_raw_fd(), Interest::Read)]);
    }
}

//! Signals, ends and silences.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use aya_pgwire::{ConnectionError, Event, Interrupted, Poller};
use nix::sys::pthread::{pthread_kill, pthread_self};
use nix::sys::signal::Signal;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::peer::{Peer, patience, read_untyped, welcome};

#[test]
fn a_signal_asks_whether_to_go_on() {
    // Tokio's handler makes the signal harmless; the wait is ended all the same.
    let runtime = Runtime::new().unwrap();
    let _entered = runtime.enter();
    let _handled = signal(SignalKind::user_defined1()).unwrap();
    let (finish, finished) = mpsc::channel();
    let peer = Peer::start(move |mut stream| {
        welcome(&mut stream);
        finished.recv().unwrap();
        stream.write_all(b"A\0\0\0\x0c\0\0\0\x01c\0p\0").unwrap();
    });
    let mut connection = peer.connect("sslmode=disable").unwrap();
    let waiting = pthread_self();
    let (asked, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let stop = Arc::clone(&asked);
    let killer = thread::spawn(move || {
        while !stop.load(Ordering::SeqCst) {
            pthread_kill(waiting, Signal::SIGUSR1).unwrap();
            thread::yield_now();
        }
    });
    let mut ask = || {
        asked.store(true, Ordering::SeqCst);
        match seen.swap(true, Ordering::SeqCst) {
            // The first time it goes on; the second time it does not.
            false => {
                asked.store(false, Ordering::SeqCst);
                Ok(())
            }
            true => Err(Interrupted),
        }
    };
    let mut wait = Poller::new().asking(&mut ask);
    let error = connection.next_event(&mut wait).unwrap_err();
    assert!(matches!(error, ConnectionError::Interrupted), "{error:?}");
    killer.join().unwrap();
    finish.send(()).unwrap();
    let event = connection.next_event(&mut patience()).unwrap();
    assert!(matches!(event, Event::Notification(_)), "{event:?}");
    drop(connection);
    peer.join();
}

#[test]
fn a_stream_that_never_pauses_is_interrupted_all_the_same() {
    let (finish, finished) = mpsc::channel::<()>();
    let peer = Peer::start(move |mut stream| {
        welcome(&mut stream);
        let notice = b"N\0\0\0\x09Mhi\0\0".repeat(1000);
        while finished.try_recv().is_err() && stream.write_all(&notice).is_ok() {}
    });
    let mut connection = peer.connect("sslmode=disable").unwrap();
    let mut ask = || Err(Interrupted);
    let mut wait = Poller::new().asking(&mut ask);
    let error = loop {
        match connection.next_event(&mut wait) {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ConnectionError::Interrupted), "{error:?}");
    let mut hurry = Poller::new().until(Instant::now() + Duration::from_millis(20));
    let error = loop {
        match connection.next_event(&mut hurry) {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ConnectionError::TimedOut), "{error:?}");
    let _ = finish.send(());
    drop(connection);
    peer.join();
}

#[test]
fn a_byte_that_makes_no_sense_ends_the_connection() {
    let peer = Peer::start(|mut stream| {
        read_untyped(&mut stream);
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        let _ = stream.read(&mut [0]);
    });
    let error = peer.connect("sslmode=disable").unwrap_err();
    assert!(error.text().contains("bad message of type \"H\" from server"), "{}", error.text());
    peer.join();
}

#[test]
fn a_server_that_hangs_up_is_told_in_libpqs_words() {
    let peer = Peer::start(|mut stream| drop(read_untyped(&mut stream)));
    let error = peer.connect("sslmode=disable").unwrap_err();
    assert_eq!(
        error.text(),
        format!(
            "connection to server at \"127.0.0.1\", port {} failed: server closed the connection \
             unexpectedly\n\tThis probably means the server terminated abnormally\n\tbefore or \
             while processing the request.\n",
            peer.port
        )
    );
    peer.join();
}

#[test]
fn a_server_that_reads_nothing_ends_a_flush_by_its_deadline() {
    let (finish, finished) = mpsc::channel::<()>();
    let peer = Peer::start(move |mut stream| {
        welcome(&mut stream);
        finished.recv().unwrap();
    });
    let mut connection = peer.connect("sslmode=disable").unwrap();
    connection.session_mut().query(&vec![b' '; 64 << 20]).unwrap();
    let mut hurry = Poller::new().until(Instant::now() + Duration::from_millis(50));
    let error = connection.flush(&mut hurry).unwrap_err();
    assert!(matches!(error, ConnectionError::TimedOut), "{error:?}");
    assert!(!connection.session().unsent().is_empty());
    finish.send(()).unwrap();
    drop(connection);
    peer.join();
}

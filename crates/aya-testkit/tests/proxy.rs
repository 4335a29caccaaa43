//! Each verb of the fault proxy, seen from a client in front of an echo server.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use aya_testkit::{FaultProxy, Snip, Snipper};

const PATIENCE: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_millis(200);

/// An echo server for the rest of the test process, and a proxy before it.
async fn proxied() -> Result<FaultProxy> {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = server.local_addr()?;
    thread::spawn(move || {
        for stream in server.incoming().flatten() {
            thread::spawn(move || {
                let (mut from, mut to) = (&stream, &stream);
                std::io::copy(&mut from, &mut to)
            });
        }
    });
    FaultProxy::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), address).await
}

fn dial(proxy: &FaultProxy) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&proxy.address(), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn echo(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"ping")?;
    stream.read_exact(&mut [0; 4])
}

fn is_silent(stream: &mut TcpStream) -> Result<bool> {
    stream.set_read_timeout(Some(SILENCE))?;
    let error = echo(stream).expect_err("nothing may come back");
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

fn is_closed(stream: &mut TcpStream) -> bool {
    let error = echo(stream).expect_err("the connection must be closed");
    !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn is_refused(proxy: &FaultProxy) -> bool {
    TcpStream::connect(proxy.address())
        .is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

#[tokio::test]
async fn cut_drops_and_refuses_until_healed_at_the_same_address() -> Result<()> {
    let proxy = proxied().await?;
    let address = proxy.address();
    let mut old = dial(&proxy)?;
    echo(&mut old)?;
    proxy.cut();
    assert!(is_closed(&mut old));
    assert!(is_refused(&proxy));
    proxy.heal();
    assert_eq!(proxy.address(), address);
    echo(&mut dial(&proxy)?)?;
    Ok(())
}

#[tokio::test]
async fn refuse_leaves_old_connections_alone() -> Result<()> {
    let proxy = proxied().await?;
    let mut old = dial(&proxy)?;
    echo(&mut old)?;
    proxy.refuse();
    assert!(is_refused(&proxy));
    echo(&mut old)?;
    Ok(())
}

#[tokio::test]
async fn a_black_hole_holds_bytes_and_lets_them_go_when_healed() -> Result<()> {
    let proxy = proxied().await?;
    let mut old = dial(&proxy)?;
    echo(&mut old)?;
    proxy.black_hole();
    assert!(is_silent(&mut old)?);
    assert!(is_silent(&mut dial(&proxy)?)?);
    proxy.heal();
    old.read_exact(&mut [0; 4])?;
    Ok(())
}

#[tokio::test]
async fn half_open_swallows_old_connections_and_serves_new_ones() -> Result<()> {
    let proxy = proxied().await?;
    let mut old = dial(&proxy)?;
    echo(&mut old)?;
    proxy.half_open();
    assert!(is_silent(&mut old)?);
    echo(&mut dial(&proxy)?)?;
    proxy.heal();
    assert!(is_closed(&mut old));
    Ok(())
}

#[tokio::test]
async fn delay_makes_both_ways_later_by_that_much() -> Result<()> {
    let proxy = proxied().await?;
    let mut stream = dial(&proxy)?;
    echo(&mut stream)?;
    let delay = Duration::from_millis(100);
    proxy.delay(delay);
    let begun = Instant::now();
    echo(&mut stream)?;
    assert!(begun.elapsed() >= 2 * delay, "{:?}", begun.elapsed());
    proxy.heal();
    let begun = Instant::now();
    echo(&mut stream)?;
    assert!(begun.elapsed() < 2 * delay, "{:?}", begun.elapsed());
    Ok(())
}

#[tokio::test]
async fn close_on_accept_closes_new_connections_only() -> Result<()> {
    let proxy = proxied().await?;
    let mut old = dial(&proxy)?;
    echo(&mut old)?;
    proxy.close_on_accept();
    assert!(is_closed(&mut dial(&proxy)?));
    echo(&mut old)?;
    Ok(())
}

#[tokio::test]
async fn drop_connections_leaves_new_ones_alone() -> Result<()> {
    let proxy = proxied().await?;
    let mut old = dial(&proxy)?;
    echo(&mut old)?;
    proxy.drop_connections();
    assert!(is_closed(&mut old));
    echo(&mut dial(&proxy)?)?;
    Ok(())
}

#[tokio::test]
async fn a_snipped_connection_ends_at_the_chosen_byte() -> Result<()> {
    let proxy = proxied().await?;
    for (snip, heard) in [(Snip::Drop(3), None), (Snip::Answer(2), Some(*b"pi"))] {
        proxy.snip(Some(Snipper::new(move |piece| (piece == b"ping").then_some(snip))));
        let mut stream = dial(&proxy)?;
        stream.write_all(b"pong")?;
        stream.read_exact(&mut [0; 4])?;
        stream.write_all(b"ping")?;
        if let Some(heard) = heard {
            let mut answer = [0; 2];
            stream.read_exact(&mut answer)?;
            assert_eq!(answer, heard);
        }
        assert!(matches!(stream.read(&mut [0; 4]), Ok(0..=3) | Err(_)));
        assert!(is_closed(&mut stream), "{snip:?}");
    }
    proxy.snip(Some(Snipper::new(|_| Some(Snip::Hold(0)))));
    let mut held = dial(&proxy)?;
    assert!(is_silent(&mut held)?);
    proxy.drop_connections();
    assert!(is_closed(&mut held));
    proxy.snip(None);
    echo(&mut dial(&proxy)?)?;
    Ok(())
}

//! Each script, seen from a client.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, Result};
use aya_testkit::{Script, ScriptedServer};
use tokio_postgres::NoTls;

fn dial(server: &ScriptedServer, patience: Duration) -> Result<TcpStream> {
    let stream = TcpStream::connect(server.address())?;
    stream.set_read_timeout(Some(patience))?;
    Ok(stream)
}

#[tokio::test]
async fn a_silent_server_accepts_and_never_answers() -> Result<()> {
    let server = ScriptedServer::start(Script::Silent).await?;
    let mut stream = dial(&server, Duration::from_millis(200))?;
    stream.write_all(b"anybody there?")?;
    let error = stream.read(&mut [0; 1]).expect_err("nothing may come back");
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_closing_server_ends_the_connection_unasked() -> Result<()> {
    let server = ScriptedServer::start(Script::CloseAtOnce).await?;
    let mut stream = dial(&server, Duration::from_secs(5))?;
    assert_eq!(stream.read(&mut [0; 1])?, 0);
    Ok(())
}

#[tokio::test]
async fn a_web_server_answers_a_start_up_message_with_a_page() -> Result<()> {
    let server = ScriptedServer::start(Script::Http).await?;
    let mut stream = dial(&server, Duration::from_secs(5))?;
    stream.write_all(b"\0\0\0\x08\x04\xd2\x16\x2f")?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    assert!(page.starts_with("HTTP/1.1 400"), "{page}");
    Ok(())
}

#[tokio::test]
async fn a_refusing_server_sends_its_sqlstate() -> Result<()> {
    for sqlstate in ["57P03", "57P01", "53300", "28P01", "3D000"] {
        let server = ScriptedServer::start(Script::fatal(sqlstate)).await?;
        let address = server.address();
        let conninfo = format!("host={} port={} user=app", address.ip(), address.port());
        let refused = tokio_postgres::connect(&conninfo, NoTls).await;
        let error = refused.err().context("the server let us in")?;
        assert_eq!(error.code().map(|code| code.code()), Some(sqlstate), "{error}");
    }
    Ok(())
}

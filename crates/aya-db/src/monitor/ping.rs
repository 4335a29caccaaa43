//! The question to which a live server answers one byte, whoever asks and however full it is.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use aya_db_core::conninfo::SocketSettings;

use crate::connect::{Address, dial};

/// What became of a ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pong {
    /// The server answered.
    Answered,
    /// It refused, reset or closed the connection.
    Refused,
    /// Nothing came, or the failure was ours.
    Nothing,
}

/// Sends SSLRequest to `address` and waits for the one byte that answers it (PostgreSQL
/// documentation, "Message Flow", "SSL Session Encryption").
pub(super) async fn ping(address: &Address, sockets: &SocketSettings, limit: Duration) -> Pong {
    let exchange = async {
        let mut stream = dial(address, sockets).await?;
        stream.write_all(&SSL_REQUEST).await?;
        stream.read_u8().await
    };
    match timeout(limit, exchange).await {
        Ok(Ok(_)) => Pong::Answered,
        Ok(Err(error)) => match error.kind() {
            io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::NotFound => Pong::Refused,
            _ => Pong::Nothing,
        },
        Err(_) => Pong::Nothing,
    }
}

/// Length 8, and the code 1234.5679 in place of a protocol version.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

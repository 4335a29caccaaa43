//! A server that follows a script instead of serving: the hosts a driver must survive meeting.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use crate::proxy::handle;

/// What a [`ScriptedServer`] does with each connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Script {
    /// Accepts and never says a word.
    Silent,
    /// Accepts and closes.
    CloseAtOnce,
    /// Answers whatever it hears with an HTTP error page.
    Http,
    /// Says no to encryption and answers the start-up message with a FATAL error.
    Fatal {
        /// The five characters of the SQLSTATE.
        sqlstate: String,
        /// The primary message.
        message: String,
    },
}

impl Script {
    /// [`Script::Fatal`] with the message PostgreSQL gives for a few well-known states.
    #[must_use]
    pub fn fatal(sqlstate: &str) -> Self {
        let message = match sqlstate {
            "57P03" => "the database system is starting up",
            "57P01" => "terminating connection due to administrator command",
            "53300" => "sorry, too many clients already",
            "28P01" => "password authentication failed for user \"app\"",
            "3D000" => "database \"app\" does not exist",
            _ => "scripted refusal",
        };
        Self::Fatal { sqlstate: sqlstate.to_owned(), message: message.to_owned() }
    }
}

/// A listener on a loopback port that follows one [`Script`] until dropped.
#[derive(Debug)]
pub struct ScriptedServer {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl ScriptedServer {
    /// Listens on a free port.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(script: Script) -> Result<Self> {
        let bound = handle().spawn(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).await?;
        let listener = bound.context("listen on a free port")?;
        let address = listener.local_addr()?;
        let task = handle().spawn(accept(listener, script));
        Ok(Self { address, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, script: Script) {
    let mut conversations = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        conversations.spawn(converse(stream, script.clone()));
        while conversations.try_join_next().is_some() {}
    }
}

async fn converse(mut stream: TcpStream, script: Script) {
    match script {
        Script::CloseAtOnce => {}
        Script::Silent => {
            let mut ignored = [0; 1024];
            while stream.read(&mut ignored).await.is_ok_and(|read| read > 0) {}
        }
        Script::Http => {
            let mut ignored = [0; 1024];
            if stream.read(&mut ignored).await.is_ok_and(|read| read > 0) {
                _ = stream.write_all(HTTP_PAGE).await;
                _ = stream.shutdown().await;
            }
        }
        Script::Fatal { sqlstate, message } => {
            if until_startup(&mut stream).await.is_ok() {
                _ = stream.write_all(&error_response(&sqlstate, &message)).await;
                _ = stream.shutdown().await;
            }
        }
    }
}

/// Reads start-up packets, refusing encryption, until the real one has come.
/// See "Message Formats" in PostgreSQL's protocol chapter.
async fn until_startup(stream: &mut TcpStream) -> Result<()> {
    loop {
        let length = usize::try_from(stream.read_u32().await?)?;
        let code = stream.read_u32().await?;
        let rest = length.checked_sub(8).context("the packet is too short")?;
        anyhow::ensure!(rest < MAX_PACKET, "the packet is too long");
        stream.read_exact(&mut vec![0; rest]).await?;
        match code {
            SSL_REQUEST | GSS_REQUEST => stream.write_all(b"N").await?,
            CANCEL_REQUEST => anyhow::bail!("a cancel request has no answer"),
            _ => return Ok(()),
        }
    }
}

fn error_response(sqlstate: &str, message: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for (field, value) in [(b'S', "FATAL"), (b'V', "FATAL"), (b'C', sqlstate), (b'M', message)] {
        body.push(field);
        body.extend_from_slice(value.as_bytes());
        body.push(0);
    }
    body.push(0);
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    let mut packet = vec![b'E'];
    packet.extend_from_slice(&length.to_be_bytes());
    packet.extend_from_slice(&body);
    packet
}

const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;
const MAX_PACKET: usize = 10_000;
const HTTP_PAGE: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\
    Content-Length: 31\r\nConnection: close\r\n\r\n<html>this is a website</html>\n";

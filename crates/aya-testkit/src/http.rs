//! One HTTP/1.0 request over a fresh connection: enough for the Patroni and etcd health pages.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// What a server answered to [`http_request`].
#[derive(Clone, Debug)]
pub struct HttpAnswer {
    /// The status code.
    pub status: u16,
    /// The body as text.
    pub body: String,
}

impl HttpAnswer {
    /// The body as JSON.
    ///
    /// # Errors
    /// When the body is not JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_str(&self.body).with_context(|| format!("read JSON from {:?}", self.body))
    }
}

/// Sends one request (an empty `body` sends none) and reads the whole answer.
///
/// # Errors
/// When the server cannot be reached, does not speak HTTP, or is not done `within`.
pub async fn http_request(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: &str,
    within: Duration,
) -> Result<HttpAnswer> {
    timeout(within, exchange(address, method, path, body))
        .await
        .with_context(|| format!("{method} http://{address}{path} gave no answer in {within:?}"))?
        .with_context(|| format!("{method} http://{address}{path}"))
}

async fn exchange(address: SocketAddr, method: &str, path: &str, body: &str) -> Result<HttpAnswer> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw).await?;
    let text = String::from_utf8_lossy(&raw);
    let (head, body) = text.split_once("\r\n\r\n").context("the answer has no header end")?;
    let status = head.split(' ').nth(1).context("the answer has no status")?;
    Ok(HttpAnswer { status: status.parse().context("read the status")?, body: body.to_owned() })
}

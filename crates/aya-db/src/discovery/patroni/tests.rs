use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::super::Login;
use super::*;

mod tls;

/// Answers by path: status, media type, body. A path that is missing gets 404, and `Hang`
/// nothing.
#[derive(Clone)]
enum Answer {
    Say(u16, &'static str, String),
    Hang,
}

#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<BTreeMap<&'static str, Answer>>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Script {
    fn json(&self, path: &'static str, body: &serde_json::Value) {
        self.say(path, Answer::Say(200, "application/json", body.to_string()));
    }

    fn say(&self, path: &'static str, answer: Answer) {
        self.answers.lock().unwrap().insert(path, answer);
    }

    fn requests_of(&self, start: &str) -> usize {
        self.requests.lock().unwrap().iter().filter(|line| line.starts_with(start)).count()
    }

    async fn serve(&self) -> (String, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = self.clone();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(script.clone().answer(stream));
            }
        });
        (url, task)
    }

    async fn answer(self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => request.push(byte),
                Err(_) => return,
            }
        }
        let request = String::from_utf8(request).unwrap();
        let path = request.split(' ').nth(1).unwrap().to_owned();
        let answer = self.answers.lock().unwrap().get(path.as_str()).cloned();
        self.requests.lock().unwrap().push(request);
        let (status, kind, body) = match answer {
            Some(Answer::Hang) => return std::future::pending().await,
            Some(Answer::Say(status, kind, body)) => (status, kind, body),
            None => (404, "text/plain", String::new()),
        };
        let head = format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: ");
        let text = format!("{head}{}\r\nconnection: close\r\n\r\n{body}", body.len());
        if stream.write_all(text.as_bytes()).await.is_ok() {
            let _ = stream.shutdown().await;
        }
    }
}

struct Polling {
    heard: mpsc::Receiver<Observation>,
    pace: watch::Sender<Pace>,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Polling {
    fn start(endpoints: Vec<String>, login: Option<Login>) -> Self {
        Self::with(SourceSettings { endpoints, login, tls: None })
    }

    fn with(settings: SourceSettings) -> Self {
        let (observations, heard) = mpsc::channel(16);
        let (pace, paces) = watch::channel(Pace::Calm);
        let cancel = CancellationToken::new();
        let scope = Scope::new("service", "batman").ok();
        let task = tokio::spawn(run(settings, scope, observations, cancel.clone(), paces));
        Self { heard, pace, cancel, task }
    }

    async fn next(&mut self) -> Observation {
        timeout(Duration::from_secs(10), self.heard.recv())
            .await
            .expect("an observation in time")
            .expect("the source goes on")
    }

    async fn report(&mut self) -> ClusterReport {
        match self.next().await {
            Observation::Reported { source: Source::Patroni, report } => report,
            other => panic!("not a report: {other:?}"),
        }
    }

    async fn lost(&mut self) -> String {
        match self.next().await {
            Observation::SourceLost { source: Source::Patroni, reason } => reason,
            other => panic!("not a loss: {other:?}"),
        }
    }

    async fn end(self) {
        self.cancel.cancel();
        timeout(Duration::from_secs(5), self.task).await.expect("it ends").unwrap();
    }
}

fn cluster(leader: &str, timeline: u32) -> serde_json::Value {
    let role = |name: &str| if name == leader { "leader" } else { "replica" };
    let member = |name: &str, port: u16| {
        json!({"name": name, "role": role(name), "state": "running", "host": "10.0.0.1",
               "port": port, "timeline": timeline})
    };
    json!({"members": [member("a", 5432), member("b", 5433)], "scope": "batman"})
}

#[tokio::test]
async fn the_cluster_and_its_history_are_told() {
    let script = Script::default();
    script.json("/cluster", &cluster("a", 2));
    script.json("/history", &json!([[1, 1000, "no recovery target specified", "t", "a"]]));
    let (url, server) = script.serve().await;
    let login = Login { user: "u".to_owned(), password: "p@ss".to_owned() };
    let mut polling = Polling::start(vec![url], Some(login));
    let report = polling.report().await;
    assert_eq!(report.leader.as_ref().map(|name| &*name.0), Some("a"));
    assert_eq!((report.members.len(), report.history.len()), (2, 1));
    script.json("/cluster", &cluster("b", 2));
    let report = polling.report().await;
    assert_eq!(report.leader.as_ref().map(|name| &*name.0), Some("b"));
    let authorized = |line: &String| line.contains("authorization: Basic dTpwQHNz");
    assert!(script.requests.lock().unwrap().iter().all(authorized));
    polling.end().await;
    server.abort();
}

#[tokio::test]
async fn unusable_answers_are_told_by_kind_and_never_quoted() {
    let html = "<html>s3cret</html>".to_owned();
    let other = json!({"members": [], "scope": "robin"}).to_string();
    let cases = [
        (Answer::Say(200, "text/html; charset=x", html.clone()), "with text/html, not with JSON"),
        (Answer::Say(200, "s3cret s3cret", html.clone()), "an unknown media type"),
        (Answer::Say(401, "text/html", html.clone()), "refuses the user"),
        (Answer::Say(503, "text/html", html.clone()), "503"),
        (Answer::Say(302, "text/html", html), "302"),
        (Answer::Say(200, "application/json", "{\"s3cret\":1}".to_owned()), "not Patroni's"),
        (Answer::Say(200, "application/json", other), "no such scope: batman; found: robin"),
        (Answer::Hang, "in time"),
    ];
    for (answer, expected) in cases {
        let script = Script::default();
        script.say("/cluster", answer);
        let (url, server) = script.serve().await;
        let mut polling = Polling::start(vec![url], None);
        let reason = polling.lost().await;
        assert!(reason.contains(expected), "{reason}");
        assert!(!reason.contains("s3cret"), "{reason}");
        script.json("/cluster", &cluster("a", 1));
        assert!(polling.report().await.leader.is_some(), "it recovers");
        polling.end().await;
        server.abort();
    }
}

#[tokio::test]
async fn an_endpoint_that_is_closed_or_hangs_is_passed_over() {
    let (good, hanging) = (Script::default(), Script::default());
    good.json("/cluster", &cluster("a", 1));
    hanging.say("/cluster", Answer::Hang);
    let (good_url, good_server) = good.serve().await;
    let (hanging_url, hanging_server) = hanging.serve().await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut polling = Polling::start(vec![format!("http://{closed}"), hanging_url, good_url], None);
    assert!(polling.report().await.leader.is_some(), "the third one is asked");
    polling.end().await;
    good_server.abort();
    hanging_server.abort();
}

#[tokio::test]
async fn a_hunt_finds_the_new_primary_without_asking_for_the_cluster_each_time() {
    let (old, new) = (Script::default(), Script::default());
    for script in [&old, &new] {
        script.json("/cluster", &cluster("a", 1));
        script.json("/history", &json!([]));
    }
    let (old_url, old_server) = old.serve().await;
    let (new_url, new_server) = new.serve().await;
    let mut polling = Polling::start(vec![old_url, new_url], None);
    polling.report().await;
    polling.pace.send_replace(Pace::Hunt);
    let checked = async {
        while new.requests_of("HEAD /primary") < 10 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(5), checked).await.expect("the primary is looked for");
    let asked = old.requests_of("GET /cluster") + new.requests_of("GET /cluster");
    assert!(asked <= 4, "the cluster was asked for {asked} times");
    new.json("/cluster", &cluster("b", 2));
    new.say("/primary", Answer::Say(200, "application/json", String::new()));
    let changed = Instant::now();
    let leader =
        async { while polling.report().await.leader.is_none_or(|name| &*name.0 != "b") {} };
    timeout(Duration::from_secs(5), leader).await.expect("the new leader is told");
    assert!(changed.elapsed() < Duration::from_millis(800), "{:?}", changed.elapsed());
    polling.end().await;
    old_server.abort();
    new_server.abort();
}

#[tokio::test]
async fn settings_that_cannot_work_are_told_without_their_secrets() {
    for endpoint in ["http://user:s3cret@h:1", "ftp://h:1", "no url"] {
        let mut polling = Polling::start(vec![endpoint.to_owned()], None);
        let reason = polling.lost().await;
        assert!(reason.contains("Patroni endpoint") && !reason.contains("s3cret"), "{reason}");
        polling.end().await;
    }
}

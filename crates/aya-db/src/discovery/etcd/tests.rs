//! Against real members of etcd.

#[path = "../../../../aya-dcs/src/etcd/tests/cluster.rs"]
mod cluster;

use std::time::{Duration, Instant};

use aya_db_core::observation::ClusterReport;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use self::cluster::Etcd;
use super::super::https;
use super::*;

/// Writes keys through etcd's JSON gateway.
struct Hand {
    http: reqwest::Client,
    urls: Vec<String>,
}

impl Hand {
    fn new(etcd: &Etcd) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_backend_preconfigured(https::client_config(None).unwrap())
            .timeout(Duration::from_secs(5))
            .build()
            .unwrap();
        let urls = etcd.endpoints().iter().map(|address| format!("http://{address}/v3")).collect();
        Self { http, urls }
    }

    async fn put(&self, member: usize, key: &str, value: &str) {
        let (key, value) = (BASE64_STANDARD.encode(key), BASE64_STANDARD.encode(value));
        self.call(member, "kv/put", &json!({"key": key, "value": value})).await;
    }

    async fn call(&self, member: usize, path: &str, body: &serde_json::Value) {
        let url = format!("{}/{path}", self.urls[member]);
        let answer = self.http.post(url).json(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
    }
}

struct Watcher {
    heard: mpsc::Receiver<Observation>,
    cancel: CancellationToken,
    task: JoinHandle<()>,
    _pace: watch::Sender<Pace>,
}

impl Watcher {
    fn start(endpoints: Vec<String>, login: Option<Login>) -> Self {
        let (observations, heard) = mpsc::channel(16);
        let (pace, paces) = watch::channel(Pace::Calm);
        let cancel = CancellationToken::new();
        let settings = SourceSettings { endpoints, login, tls: None };
        let scope = Scope::new("service", "batman").unwrap();
        let task = tokio::spawn(run(settings, scope, observations, cancel.clone(), paces));
        Self { heard, cancel, task, _pace: pace }
    }

    async fn wait(&mut self, wanted: impl Fn(&Observation) -> bool) -> Observation {
        let search = async {
            loop {
                let observation = self.heard.recv().await.expect("the source goes on");
                if wanted(&observation) {
                    return observation;
                }
            }
        };
        timeout(Duration::from_secs(20), search).await.expect("the observation in time")
    }

    async fn leader(&mut self, name: &str) -> ClusterReport {
        let named = |report: &ClusterReport| {
            report.leader.as_ref().is_some_and(|leader| &*leader.0 == name)
        };
        let wanted = |seen: &Observation| matches!(seen, Observation::Reported { report, .. } if named(report));
        match self.wait(wanted).await {
            Observation::Reported { report, .. } => report,
            other => panic!("{other:?}"),
        }
    }

    async fn lost(&mut self) -> String {
        match self.wait(|seen| matches!(seen, Observation::SourceLost { .. })).await {
            Observation::SourceLost { reason, .. } => reason,
            other => panic!("{other:?}"),
        }
    }

    async fn end(self) {
        self.cancel.cancel();
        timeout(Duration::from_secs(5), self.task).await.expect("it ends").unwrap();
    }
}

const LEADER: &str = "/service/batman/leader";

#[tokio::test(flavor = "multi_thread")]
async fn live_a_change_is_told_across_killed_and_frozen_members() {
    let mut etcd = Etcd::start(3, &[]).await;
    let hand = Hand::new(&etcd);
    hand.put(0, LEADER, "a").await;
    let mut watchers: Vec<_> = (0..3).map(|_| Watcher::start(etcd.endpoints(), None)).collect();
    for watcher in &mut watchers {
        watcher.leader("a").await;
    }
    etcd.signal(0, "-STOP");
    for (round, member) in [(0, 1), (1, 2)] {
        let name = format!("b{round}");
        while !written(&hand, member, &name).await {}
        let written = Instant::now();
        for watcher in &mut watchers {
            watcher.leader(&name).await;
        }
        let took = written.elapsed();
        assert!(took < Duration::from_secs(3), "{name} told {took:?} after it was written");
        if round == 0 {
            etcd.signal(0, "-CONT");
            etcd.ready(0).await;
            etcd.kill(1);
        }
    }
    for watcher in watchers {
        watcher.end().await;
    }
}

/// During an election of etcd a write may be refused.
async fn written(hand: &Hand, member: usize, value: &str) -> bool {
    let (key, value) = (BASE64_STANDARD.encode(LEADER), BASE64_STANDARD.encode(value));
    let url = format!("{}/kv/put", hand.urls[member]);
    let put = hand.http.post(url).json(&json!({"key": key, "value": value}));
    put.send().await.is_ok_and(|answer| answer.status().is_success())
}

#[tokio::test(flavor = "multi_thread")]
async fn live_a_lost_quorum_is_told_and_so_is_its_return() {
    let mut etcd = Etcd::start(3, &[]).await;
    let hand = Hand::new(&etcd);
    hand.put(0, LEADER, "a").await;
    let mut watcher = Watcher::start(etcd.endpoints(), None);
    watcher.leader("a").await;
    etcd.kill(1);
    etcd.kill(2);
    let killed = Instant::now();
    let reason = watcher.lost().await;
    assert!(killed.elapsed() < Duration::from_secs(8), "{:?}", killed.elapsed());
    assert!(!reason.is_empty());
    etcd.launch(1);
    etcd.launch(2);
    watcher.leader("a").await;
    watcher.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_an_empty_etcd_and_a_wrong_scope_are_told_by_name() {
    let etcd = Etcd::start(1, &[]).await;
    let hand = Hand::new(&etcd);
    let mut watcher = Watcher::start(etcd.endpoints(), None);
    assert!(watcher.lost().await.contains("there are no keys under /service/ at all"));
    hand.put(0, "/service/robin/leader", "x").await;
    let mut late = Watcher::start(etcd.endpoints(), None);
    assert!(late.lost().await.contains("found under /service/: robin"));
    hand.put(0, LEADER, "a").await;
    watcher.leader("a").await;
    late.leader("a").await;
    watcher.end().await;
    late.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_a_wrong_password_is_told_and_never_quoted() {
    let etcd = Etcd::start(1, &[]).await;
    let hand = Hand::new(&etcd);
    hand.put(0, LEADER, "a").await;
    hand.call(0, "auth/user/add", &json!({"name": "root", "password": "right"})).await;
    hand.call(0, "auth/user/grant", &json!({"user": "root", "role": "root"})).await;
    hand.call(0, "auth/enable", &json!({})).await;
    assert!(etcd.log(0).contains("enabled auth"), "authentication is on");
    let login =
        |password: &str| Some(Login { user: "root".to_owned(), password: password.to_owned() });
    let mut wrong = Watcher::start(etcd.endpoints(), login("wr0ng"));
    let reason = wrong.lost().await;
    assert!(reason.contains("refuses these credentials") && !reason.contains("wr0ng"), "{reason}");
    let mut right = Watcher::start(etcd.endpoints(), login("right"));
    right.leader("a").await;
    wrong.end().await;
    right.end().await;
}

/// The promise is 50 ms from the write to every client, at the 99th percentile.
#[tokio::test(flavor = "multi_thread")]
async fn live_sixty_watchers_hear_of_a_leader_change_within_fifty_milliseconds() {
    let etcd = Etcd::start(3, &[]).await;
    let hand = Hand::new(&etcd);
    hand.put(0, LEADER, "start").await;
    for member in 0..3 {
        hand.put(member, &format!("/service/batman/members/n{member}"), MEMBER).await;
    }
    let mut watchers: Vec<_> = (0..60)
        .map(|turn| {
            let mut endpoints = etcd.endpoints();
            endpoints.rotate_left(turn % 3);
            Watcher::start(endpoints, None)
        })
        .collect();
    for watcher in &mut watchers {
        watcher.leader("start").await;
    }
    let mut delays = Vec::new();
    for round in 0..50 {
        let name = format!("n{round}");
        let waits = watchers.iter_mut().map(|watcher| async {
            watcher.leader(&name).await;
            Instant::now()
        });
        let began = Instant::now();
        let (heard, ()) =
            tokio::join!(futures_util::future::join_all(waits), hand.put(round % 3, LEADER, &name));
        delays.extend(heard.into_iter().map(|at| at.duration_since(began)));
    }
    delays.sort_unstable();
    let at = |percent: usize| delays[delays.len() * percent / 100];
    let told = format!("p50 {:?}, p99 {:?}, max {:?}", at(50), at(99), delays.last().unwrap());
    print_measurement(&told);
    assert!(at(99) < Duration::from_millis(50), "{told}");
    for watcher in watchers {
        watcher.end().await;
    }
}

#[expect(clippy::print_stdout, reason = "the figure is for whoever runs the test")]
fn print_measurement(told: &str) {
    println!("from the write to 60 watchers: {told}");
}

const MEMBER: &str = r#"{"conn_url":"postgres://10.0.0.1:5432/postgres","state":"running","role":"replica","timeline":1}"#;

//! What a person sees while the demo runs: a live line on a terminal, plain lines elsewhere.
#![expect(clippy::print_stderr, reason = "progress goes beside the result")]

use std::io::{IsTerminal, stderr};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aya_testkit::{PatroniCluster, http_request};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::clock::Clock;

/// The progress of one run. The live line ends when it is dropped.
pub(crate) struct View {
    screen: Screen,
    clock: Clock,
    fault: Arc<Mutex<Option<(&'static str, Duration)>>>,
    tasks: JoinSet<()>,
}

impl View {
    /// Begins with nothing but words.
    pub(crate) fn new(clock: Clock) -> Self {
        Self { screen: Screen::open(), clock, fault: Arc::default(), tasks: JoinSet::new() }
    }

    /// Begins to show who leads `cluster` and how fast `written` grows.
    pub(crate) fn watch(&mut self, cluster: &PatroniCluster, written: Arc<AtomicU64>) {
        let nodes = cluster.nodes().iter();
        let watcher = Watcher {
            nodes: nodes.map(|node| (node.name().to_owned(), node.direct_rest_address())).collect(),
            written,
            screen: self.screen.clone(),
            clock: self.clock,
            fault: Arc::clone(&self.fault),
        };
        self.tasks.spawn(watcher.run());
    }

    /// Says what is being done.
    pub(crate) fn say(&self, words: &str) {
        self.screen.line(self.clock.now(), words);
    }

    /// Counts the time from this fault on.
    pub(crate) fn struck(&self, fault: &'static str, at: Duration) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some((fault, at));
    }

    /// Stops counting.
    pub(crate) fn mended(&self) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.tasks.abort_all();
        if let Screen::Live(bar) = &self.screen {
            bar.finish_and_clear();
        }
    }
}

/// Where progress goes.
#[derive(Clone)]
enum Screen {
    Live(ProgressBar),
    Plain,
}

impl Screen {
    fn open() -> Self {
        if !stderr().is_terminal() {
            return Self::Plain;
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        Self::Live(bar)
    }

    fn line(&self, at: Duration, words: &str) {
        let line = format!("{:6.1} s  {words}", at.as_secs_f64());
        match self {
            Self::Live(bar) => bar.println(line),
            Self::Plain => eprintln!("{line}"),
        }
    }
}

/// Asks every now and then, and shows the answers.
struct Watcher {
    nodes: Vec<(String, SocketAddr)>,
    written: Arc<AtomicU64>,
    screen: Screen,
    clock: Clock,
    fault: Arc<Mutex<Option<(&'static str, Duration)>>>,
}

impl Watcher {
    async fn run(self) {
        let every = if matches!(self.screen, Screen::Live(_)) { LIVE } else { LINES };
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before = (self.clock.now(), self.written.load(Ordering::Relaxed));
        ticks.tick().await;
        loop {
            ticks.tick().await;
            let leader = self.leader().await;
            let now = (self.clock.now(), self.written.load(Ordering::Relaxed));
            let rate = (now.1 - before.1) as f64 / (now.0 - before.0).as_secs_f64();
            before = now;
            let status = self.status(leader, rate);
            match &self.screen {
                Screen::Live(bar) => bar.set_message(status),
                Screen::Plain => self.screen.line(now.0, &status),
            }
        }
    }

    fn status(&self, leader: Option<(String, u64)>, rate: f64) -> String {
        let leader = leader.map_or_else(
            || "no leader".to_owned(),
            |(name, timeline)| format!("leader {name}, timeline {timeline}"),
        );
        let fault = *self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        let since = fault.map_or_else(String::new, |(fault, struck)| {
            let since = self.clock.now().saturating_sub(struck);
            format!(", {:.1} s since {fault}", since.as_secs_f64())
        });
        format!("{leader}, {rate:.0} writes/s{since}")
    }

    /// The node whose Patroni calls its server a running primary, and its timeline.
    async fn leader(&self) -> Option<(String, u64)> {
        for (name, rest) in &self.nodes {
            let answer = http_request(*rest, "GET", "/patroni", "", ANSWER).await;
            let Some(document) = answer.ok().and_then(|answer| answer.json().ok()) else {
                continue;
            };
            if document["role"] == "primary" && document["state"] == "running" {
                return Some((name.clone(), document["timeline"].as_u64().unwrap_or_default()));
            }
        }
        None
    }
}

const TICK: Duration = Duration::from_millis(120);
const LIVE: Duration = Duration::from_millis(400);
const LINES: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_millis(200);

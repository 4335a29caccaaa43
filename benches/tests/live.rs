//! The benchmarks run, with counts too small to mean anything.

use std::time::Duration;

use aya_benches::continuity;
use aya_benches::driver::Which;
use aya_benches::memory;
use aya_benches::report::Report;
use aya_benches::snapshot;
use aya_benches::statements::{self, Plan};
use aya_testkit::{EtcdCluster, Postgres};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_both_drivers_run_both_statements_and_are_reported() {
    let server = Postgres::builder().start().await.expect("a server");
    let plan = Plan { tasks: vec![1, 3], rounds: 1, round: Duration::from_millis(50) };
    let mut report = Report::new(&server).await.expect("a report");
    report.statements = statements::compare(&server, &plan).await.expect("a comparison");
    assert_eq!(report.statements.len(), 4);
    report.continuity = continuity::compare(&server, &plan).await.expect("the costs");
    assert_eq!(report.continuity.len(), 12);
    let markdown = report.markdown();
    assert_eq!(markdown.lines().filter(|line| line.ends_with(" µs |")).count(), 4, "{markdown}");
    assert!(report.json().expect("JSON").contains("\"throughput_ratio\""));
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_idle_connections_cost_memory() {
    let server = Postgres::builder().start().await.expect("a server");
    for which in [Which::Aya, Which::Deadpool] {
        let bytes = memory::measure(which, &server.conninfo(), 20).await.expect("a measurement");
        assert!((1_000..1_000_000).contains(&bytes), "{which:?}: {bytes}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_every_client_hears_of_a_leader_key() {
    let server = Postgres::builder().start().await.expect("a server");
    let etcd = EtcdCluster::start(1, None).await.expect("etcd");
    let delays = snapshot::measure(&etcd, &server, 3, 4).await.expect("a measurement");
    assert!(delays.p50_micros > 0.0 && delays.p99_micros >= delays.p50_micros, "{delays:?}");
}

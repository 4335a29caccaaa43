use aya_testkit::{Pair, Postgres};

use crate::program::Program;

#[tokio::test]
async fn live_watch_topology_tells_of_a_promotion() {
    let pair = Pair::start(Postgres::builder()).await.expect("two servers");
    let (old, new) = (pair.primary.client_address(), pair.standby.client_address());
    let conninfo = format!(
        "host={},{} port={},{} user=app password=app dbname=app probe_interval=100",
        old.ip(),
        new.ip(),
        old.port(),
        new.port()
    );
    let mut program = Program::start(env!("CARGO_BIN_EXE_watch_topology"), &[&conninfo]);
    program.line(&format!("leader: {old}")).await;

    pair.promote().await.expect("the standby becomes a primary");
    program.line(&format!("leader changed to {new} from {old}")).await;
    program.line(&format!("leader: {new} on timeline 2, confirmed")).await;
}

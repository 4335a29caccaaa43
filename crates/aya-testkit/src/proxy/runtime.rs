//! The thread on which proxies and scripted servers live, apart from the test's own runtime, so
//! that a test that blocks does not stop its network.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};

/// The runtime's handle.
pub(crate) fn handle() -> &'static Handle {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME
        .get_or_init(|| {
            Builder::new_multi_thread()
                .worker_threads(1)
                .thread_name("aya-proxy")
                .enable_all()
                .build()
                .expect("a process can start one more thread")
        })
        .handle()
}

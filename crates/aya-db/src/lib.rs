//! aya-db

#[expect(dead_code, unused_imports, reason = "the monitor and the pool that use it follow")]
mod connect;
#[cfg_attr(not(test), expect(dead_code, reason = "the monitor that runs the sources follows"))]
mod discovery;
#[expect(dead_code, reason = "the pool that uses it follows")]
mod failure;
#[expect(dead_code, unused_imports, reason = "the pool that uses it follows")]
mod link;
#[expect(dead_code, unused_imports, reason = "channel binding alone is left to use")]
mod tls;

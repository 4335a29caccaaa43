//! aya-db

#[cfg_attr(not(test), expect(dead_code, reason = "the monitor that runs the sources follows"))]
mod discovery;

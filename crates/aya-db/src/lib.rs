//! aya-db

#[cfg_attr(not(test), expect(dead_code, reason = "the monitor that runs the sources follows"))]
mod discovery;
#[expect(dead_code, unused_imports, reason = "the connecting code that uses it follows")]
mod tls;

//! Notices and notifications: from the wire to the lists of the connection.

use pyo3::prelude::*;

use super::object::Connection;
use super::running::{notice_text, notification, shorten};
use crate::encoding::Encoding;
use crate::lock::Locked as _;

/// Hands out what has come aside. Nothing of it may fail the call that it came with.
pub(super) fn publish(slf: &Bound<'_, Connection>) {
    let py = slf.py();
    let this = slf.get();
    let (aside, session) = this.with_line(py, |line| {
        let aside = std::mem::take(&mut line.aside);
        let session = line.link.connection().filter(|_| aside.changed).map(|connection| {
            let session = connection.session();
            let encoding = session.parameter("client_encoding").map(<[u8]>::to_vec);
            (encoding, connection.canceller())
        });
        (aside, session)
    });
    if let Some((encoding, canceller)) = session {
        // A session that outlives its server may be with another one by now.
        *this.canceller.locked() = canceller;
        changed(py, this, encoding.as_deref());
    }
    if aside.notices.is_empty() && aside.notifications.is_empty() {
        return;
    }
    let encoding = this.dialect().encoding;
    let Some((notices, notifies)) = this.lists(py) else { return };
    for notice in &aside.notices {
        let _ = notices.call_method1("append", (notice_text(py, &encoding, notice),));
    }
    if !aside.notices.is_empty() {
        shorten(&notices);
    }
    for told in &aside.notifications {
        let _ = notification(py, &encoding, told)
            .and_then(|notify| notifies.call_method1("append", (notify,)));
    }
}

/// Follows variables of the session that the user has SET, which the server reports.
fn changed(py: Python<'_>, this: &Connection, encoding: Option<&[u8]>) {
    let now = this.dialect().encoding;
    let named = encoding.map(|name| Encoding::find(py, &String::from_utf8_lossy(name)));
    let encoding = match named {
        Some(Ok(encoding)) if encoding.name() != now.name() => encoding,
        // An encoding that Python has no codec for is told by the first text in it.
        _ => now,
    };
    py.detach(|| {
        let line = this.wire.lock();
        if let Some(connection) = line.link.connection() {
            this.state.locked().learn(connection.session(), encoding);
        }
    });
}

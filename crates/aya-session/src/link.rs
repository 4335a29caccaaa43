//! One connection, and what is known of its server.

use std::os::fd::{AsRawFd, RawFd};
use std::time::Instant;

use aya_db_core::NodeId;
use aya_db_core::continuity::Life;
use aya_db_core::failure::{Cause, Sent, Severity, SyncRepNotice};
use aya_db_core::liveness::LivenessPolicy;
use aya_pgwire::{
    Address, Answer, Canceller, Connection, ConnectionError, Event, Field, Polled, ServerMessage,
    Stop, Table, TransactionStatus, UsageError, Wait,
};

use crate::error::Pause;
use crate::failure::{Ended, Fault, Left};
use crate::vigil::Vigil;

/// One connection, and what is known of its server.
#[derive(Debug)]
pub(crate) struct Link {
    connection: Connection,
    node: NodeId,
    address: Address,
    policy: LivenessPolicy,
    heard_at: Instant,
    /// Whether the session's state was made anew on it.
    pub(crate) restored: bool,
    /// Whether the server was in recovery when the connection was made.
    pub(crate) in_recovery: bool,
    /// On which line of history it writes: once it was asked, and if it may tell.
    pub(crate) life: Option<Option<Life>>,
    /// Whether there is a ledger, once it was asked.
    pub(crate) ledger: Option<bool>,
}

/// The rows of a question, as texts.
pub(crate) type Texts = Vec<Vec<Option<String>>>;

impl Link {
    pub(crate) fn new(connection: Connection, policy: LivenessPolicy) -> Self {
        let (node, address) =
            (connection.server().host().node_id(), connection.server().address().clone());
        let in_recovery = connection.session().parameter("in_hot_standby") == Some(b"on");
        Self {
            connection,
            node,
            address,
            policy,
            heard_at: Instant::now(),
            restored: false,
            in_recovery,
            life: None,
            ledger: None,
        }
    }

    /// Queues a query.
    pub(crate) fn query(&mut self, sql: &[u8]) -> Result<(), UsageError> {
        self.connection.session_mut().query(sql)
    }

    /// A mark in front of whatever is queued next.
    pub(crate) const fn mark(&self) -> u64 {
        self.connection.session().queued_in_all()
    }

    pub(crate) const fn sent_since(&self, mark: u64) -> Sent {
        self.connection.session().sent_since(mark)
    }

    /// Sends what is queued, and takes the answers up to the end or to the beginning of a COPY.
    pub(crate) fn collect(
        &mut self,
        into: &mut Vec<Event>,
        wait: &mut dyn Wait,
    ) -> Result<Stop, Fault> {
        self.watched(wait, into, |connection, vigil, into| {
            connection.run(vigil, &mut |event| into.push(event))
        })
    }

    /// The next event, while a COPY gives data.
    pub(crate) fn next(
        &mut self,
        heard: &mut Vec<Event>,
        wait: &mut dyn Wait,
    ) -> Result<Event, Fault> {
        self.watched(wait, heard, |connection, vigil, _| connection.next_event(vigil))
    }

    /// Sends data of a COPY. Where the server has ended it, the answer tells why.
    pub(crate) fn copy_data(&mut self, data: &[u8], wait: &mut dyn Wait) -> Result<(), Fault> {
        let sent = self.watched(wait, &mut Vec::new(), |connection, vigil, _| {
            connection.copy_data(data, vigil)
        });
        sent.map(drop)
    }

    /// Says that the data of a COPY is complete, or that there is none.
    pub(crate) fn end_copy(&mut self, failure: Option<&[u8]>) {
        let session = self.connection.session_mut();
        // Where the server has ended it before, the answer tells why.
        let _ = match failure {
            None => session.copy_done(),
            Some(reason) => session.copy_fail(reason),
        };
    }

    /// Asks a question of our own, behind everything that is still to be answered.
    pub(crate) fn ask(
        &mut self,
        sql: &str,
        asides: &mut Vec<Event>,
        wait: &mut dyn Wait,
    ) -> Result<Result<Texts, ServerMessage>, Fault> {
        self.drain(asides, wait)?;
        let mut events = Vec::new();
        // What we ask holds no zero byte.
        let _ = self.query(sql.as_bytes());
        let done = self.collect(&mut events, wait);
        let mut answer = Ok(Vec::new());
        for event in events {
            match event {
                Event::Answer(Answer::Table(table)) => answer = Ok(texts(&table)),
                Event::Answer(Answer::Error(message)) => answer = Err(message),
                other => keep_aside(other, asides),
            }
        }
        done.map(|_| answer)
    }

    /// Takes the answers to questions that were given up.
    pub(crate) fn drain(
        &mut self,
        asides: &mut Vec<Event>,
        wait: &mut dyn Wait,
    ) -> Result<(), Fault> {
        while self.connection.session().pending() > 0 {
            let mut events = Vec::new();
            let done = self.collect(&mut events, wait);
            events.into_iter().for_each(|event| keep_aside(event, asides));
            done?;
        }
        Ok(())
    }

    /// What has come without being asked for, without waiting; the end of the connection, if that has come.
    pub(crate) fn look(&mut self, asides: &mut Vec<Event>) -> Result<(), Box<Ended>> {
        let mut heard = Vec::new();
        self.glance(&mut heard)?;
        heard.into_iter().for_each(|event| keep_aside(event, asides));
        Ok(())
    }

    /// Sends and takes what can be without waiting.
    pub(crate) fn glance(&mut self, heard: &mut Vec<Event>) -> Result<(), Box<Ended>> {
        loop {
            match self.connection.poll_event() {
                Ok(Polled::Wait(_)) => return Ok(()),
                Ok(Polled::Event(event)) => heard.push(event),
                Err(error) => return Err(Box::new(self.ended(&error, Silence::No, heard))),
            }
        }
    }

    pub(crate) const fn status(&self) -> TransactionStatus {
        self.connection.session().status()
    }

    pub(crate) fn encoding(&self) -> &[u8] {
        self.connection.session().parameter("client_encoding").unwrap_or(b"UTF8")
    }

    pub(crate) const fn node(&self) -> &NodeId {
        &self.node
    }

    pub(crate) const fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) const fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.connection.as_raw_fd()
    }

    pub(crate) fn canceller(&self) -> Option<Canceller> {
        self.connection.canceller()
    }

    /// Says goodbye.
    pub(crate) fn close(self) {
        self.connection.close();
    }

    /// What it leaves behind if it is given up now.
    pub(crate) fn left(&self) -> Left {
        let key = self.connection.session().cancel_key();
        let pid = key.map_or(0, aya_pgwire::CancelKey::process_id);
        Left { node: self.node.clone(), pid, heard_at: self.heard_at }
    }

    fn watched<T>(
        &mut self,
        wait: &mut dyn Wait,
        heard: &mut Vec<Event>,
        call: impl FnOnce(&mut Connection, &mut dyn Wait, &mut Vec<Event>) -> Result<T, ConnectionError>,
    ) -> Result<T, Fault> {
        let mut vigil = Vigil::new(wait, self.policy, &self.address);
        let done = call(&mut self.connection, &mut vigil, heard);
        let silence = if vigil.fell_silent() { Silence::Yes } else { Silence::No };
        match done {
            Ok(done) => {
                self.heard_at = Instant::now();
                Ok(done)
            }
            Err(ConnectionError::Interrupted) if silence == Silence::No => {
                Err(Fault::Pause(Pause::Interrupted))
            }
            Err(ConnectionError::TimedOut) => Err(Fault::Pause(Pause::TimedOut)),
            Err(error) => Err(Fault::Lost(Box::new(self.ended(&error, silence, heard)))),
        }
    }

    /// The words of a server that ends a session come before its end, and say more.
    fn ended(&self, error: &ConnectionError, silence: Silence, heard: &[Event]) -> Ended {
        let last = heard.iter().rev().find_map(|event| match event {
            Event::Answer(Answer::Error(words)) | Event::LastWords(words)
                if words.severity() != Severity::Error =>
            {
                Some(words)
            }
            _ => None,
        });
        let (cause, text) = match (silence, last) {
            (Silence::Yes, _) => (Cause::Silent, SILENT.to_owned()),
            (Silence::No, None) => (error.cause(), error.to_string()),
            (Silence::No, Some(words)) => {
                let report = words.report(None, self.encoding());
                let text = format!("{}{error}", String::from_utf8_lossy(&report));
                (Cause::Server(words.facts()), text)
            }
        };
        let notice = heard.iter().find_map(|event| match event {
            Event::Notice(notice) => sync_rep_notice(notice),
            _ => None,
        });
        Ended { cause, text, notice, left: self.left() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Silence {
    No,
    Yes,
}

fn sync_rep_notice(notice: &ServerMessage) -> Option<SyncRepNotice> {
    let routine = notice.get(Field::Routine).map(String::from_utf8_lossy);
    SyncRepNotice::read(notice.sqlstate()?, routine.as_deref())
}

fn texts(table: &Table) -> Texts {
    let text = |cell: Option<&[u8]>| cell.map(|cell| String::from_utf8_lossy(cell).into_owned());
    table.rows.iter().map(|row| row.cells().map(text).collect()).collect()
}

/// Keeps what is for the application though it has not asked for it.
pub(crate) fn keep_aside(event: Event, asides: &mut Vec<Event>) {
    if matches!(event, Event::Notice(_) | Event::Notification(_) | Event::Parameter(_)) {
        asides.push(event);
    }
}

const SILENT: &str = "server fell silent: it answered neither on this connection nor on others";

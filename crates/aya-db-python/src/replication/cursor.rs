//! `ReplicationCursor`.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aya_pgwire::{Answer, Event, Interest, Polled, Wait as _};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use super::message::{ReplicationMessage, local_time};
use super::stream::{EPOCH_MICROS, Piece, Position};
use crate::connection::Check::{Blocking, NotGreen, NotPrepared};
use crate::connection::{self, Connection};
use crate::cursor::Cursor;
use crate::error::{self, Class};
use crate::lock::Locked as _;
use crate::wire::{Fault, Line, Loss, Patience};

/// A cursor that reads a stream of replication.
#[pyclass(
    frozen,
    subclass,
    extends = Cursor,
    module = "aya_db.extensions",
    name = "ReplicationCursor"
)]
#[derive(Debug)]
pub(crate) struct ReplicationCursor {
    stream: Mutex<Stream>,
}

#[derive(Debug)]
struct Stream {
    decode: bool,
    interval: Duration,
    position: Position,
    /// What came and was not read.
    waiting: VecDeque<Vec<u8>>,
    consuming: bool,
    last_feedback: Option<Instant>,
    /// In microseconds since the epoch of Unix; 0 for never.
    feedback_time: i64,
    io_time: i64,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            decode: false,
            interval: Duration::from_secs(10),
            position: Position::default(),
            waiting: VecDeque::new(),
            consuming: false,
            last_feedback: None,
            feedback_time: 0,
            io_time: 0,
        }
    }
}

impl Stream {
    /// How long it is until a report is due.
    fn until_due(&self) -> Duration {
        self.last_feedback
            .map_or(Duration::ZERO, |last| self.interval.saturating_sub(last.elapsed()))
    }
}

/// What reading came to.
enum Taken {
    /// Messages, which wait to be handed out.
    Messages,
    /// Nothing has come.
    Nothing,
    /// The stream is over; perhaps with an error.
    Over(Option<Answer>),
}

#[pymethods]
impl ReplicationCursor {
    // The arguments are __init__'s: a subclass may have others.
    #[new]
    #[pyo3(signature = (*args, **kwargs))]
    fn new(
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyClassInitializer<Self> {
        PyClassInitializer::from(Cursor::new(args, kwargs))
            .add_subclass(Self { stream: Mutex::default() })
    }

    /// Begin to stream by a command of one's own.
    #[pyo3(signature = (command, decode = None, status_interval = 10.0))]
    fn start_replication_expert(
        slf: &Bound<'_, Self>,
        command: &Bound<'_, PyAny>,
        decode: Option<&Bound<'_, PyAny>>,
        status_interval: f64,
    ) -> PyResult<()> {
        Self::open(slf, "start_replication_expert", &[NotGreen, NotPrepared])?;
        if status_interval < 1.0 {
            return Err(Self::wrong(slf, "status_interval must be >= 1 (sec)"));
        }
        let decode = decode.map_or(Ok(false), PyAnyMethods::is_truthy)?;
        Cursor::start_streaming(slf.as_any().cast()?, command)?;
        let mut stream = slf.get().stream.locked();
        *stream = Stream {
            decode,
            interval: Duration::from_secs_f64(status_interval),
            io_time: now(),
            ..Stream::default()
        };
        Ok(())
    }

    /// Call ``consume`` with each message, until it raises.
    #[pyo3(signature = (consume, keepalive_interval = None))]
    fn consume_stream(
        slf: &Bound<'_, Self>,
        consume: &Bound<'_, PyAny>,
        keepalive_interval: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let py = slf.py();
        let connection = Self::open(slf, "consume_stream", &[Blocking, NotGreen, NotPrepared])?;
        let interval = match keepalive_interval {
            None => None,
            Some(interval) => match interval.extract::<f64>() {
                Ok(interval) if interval >= 1.0 => Some(Duration::from_secs_f64(interval)),
                Ok(_) => return Err(Self::wrong(slf, "keepalive_interval must be >= 1 (sec)")),
                Err(_) => {
                    return Err(Self::wrong(slf, "keepalive_interval must be int or float"));
                }
            },
        };
        let cursor = slf.as_any().cast::<Cursor>()?.get();
        {
            let mut stream = slf.get().stream.locked();
            if stream.consuming {
                let text = "consume_stream cannot be used when already in the consume loop";
                return Err(error::programming(py, text));
            }
            if !cursor.is_streaming() {
                let text = "consume_stream: not replicating, call start_replication first";
                return Err(error::programming(py, text));
            }
            stream.consuming = true;
            stream.interval = interval.unwrap_or(stream.interval);
        }
        let consumed = Self::consume(slf, &connection, consume);
        slf.get().stream.locked().consuming = false;
        consumed
    }

    /// Return the next message, or ``None`` if there is none yet.
    fn read_message<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let connection = Self::open(slf, "read_message", &[NotGreen, NotPrepared])?;
        Self::next(slf, &connection)
    }

    /// Say how far the consumer has come. The server is told when it is due, or at once if
    /// ``reply`` or ``force`` says so.
    #[pyo3(signature = (write_lsn = 0, flush_lsn = 0, apply_lsn = 0, reply = None, force = None))]
    fn send_feedback(
        slf: &Bound<'_, Self>,
        write_lsn: u64,
        flush_lsn: u64,
        apply_lsn: u64,
        reply: Option<&Bound<'_, PyAny>>,
        force: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let connection = Self::open(slf, "send_feedback", &[])?;
        let said = |flag: Option<&Bound<'_, PyAny>>| flag.map_or(Ok(false), |it| it.is_truthy());
        let (reply, force) = (said(reply)?, said(force)?);
        slf.get().stream.locked().position.advance(write_lsn, flush_lsn, apply_lsn);
        match reply || force {
            true => Self::report(slf, &connection, reply),
            false => Ok(()),
        }
    }

    /// The end of the log on the server.
    #[getter]
    fn wal_end(&self) -> u64 {
        self.stream.locked().position.wal_end
    }

    /// When something was last read or sent.
    #[getter]
    fn io_timestamp<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::open(slf, "io_timestamp", &[])?;
        let time = slf.get().stream.locked().io_time;
        local_time(slf.py(), time)
    }

    /// When the server was last told how far the consumer has come.
    #[getter]
    fn feedback_timestamp<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::open(slf, "feedback_timestamp", &[])?;
        let time = slf.get().stream.locked().feedback_time;
        local_time(slf.py(), time)
    }
}

impl ReplicationCursor {
    fn open<'py>(
        slf: &Bound<'py, Self>,
        call: &str,
        checks: &[connection::Check],
    ) -> PyResult<Bound<'py, Connection>> {
        let py = slf.py();
        let connection = slf.as_any().cast::<Cursor>()?.get().open(py)?;
        connection.get().check(py, call, checks)?;
        Ok(connection)
    }

    fn wrong(slf: &Bound<'_, Self>, text: &str) -> PyErr {
        error::on_cursor(slf.py(), error::programming(slf.py(), text), slf.as_any())
    }

    fn consume(
        slf: &Bound<'_, Self>,
        connection: &Bound<'_, Connection>,
        consume: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let py = slf.py();
        let cursor = slf.as_any().cast::<Cursor>()?.get();
        loop {
            if let Some(message) = Self::next(slf, connection)? {
                consume.call1((message,))?;
                continue;
            }
            if !cursor.is_streaming() {
                return Ok(());
            }
            let due = Instant::now() + slf.get().stream.locked().until_due();
            let this = connection.get();
            let mut patience = Patience::default();
            let waited = py.detach(|| {
                // Others may use the session meanwhile.
                let socket: Option<OwnedFd> = this
                    .wire
                    .lock()
                    .link
                    .open()
                    .ok()
                    .and_then(|it| it.as_fd().try_clone_to_owned().ok());
                socket.map(|socket| patience.wait(socket.as_fd(), Interest::Read, Some(due)))
            });
            if let Some(raised) = patience.raised() {
                return Err(raised);
            }
            if waited.is_none() {
                return Err(error::operational(py, "no connection to the server\n"));
            }
        }
    }

    /// The next message that has come; signs of life are answered on the way.
    fn next<'py>(
        slf: &Bound<'py, Self>,
        connection: &Bound<'py, Connection>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = slf.py();
        let cursor = slf.as_any().cast::<Cursor>()?.get();
        if !cursor.is_streaming() {
            return Err(error::new(py, Class::Database, "no COPY in progress\n"));
        }
        if slf.get().stream.locked().until_due().is_zero() {
            Self::report(slf, connection, false)?;
        }
        loop {
            let message = slf.get().stream.locked().waiting.pop_front();
            let Some(message) = message else {
                match Self::take(slf, connection)? {
                    Taken::Messages => continue,
                    Taken::Nothing => return Ok(None),
                    Taken::Over(answer) => {
                        cursor.stop_streaming();
                        return match answer {
                            Some(Answer::Error(message)) => {
                                let on = Some(slf.as_any());
                                Err(connection::refused(connection, message, None, on))
                            }
                            _ => Ok(None),
                        };
                    }
                }
            };
            match Piece::read(&message)
                .map_err(|text| error::on_cursor(py, error::operational(py, text), slf.as_any()))?
            {
                Piece::Data { start, wal_end, sent, payload } => {
                    let decode = {
                        let mut stream = slf.get().stream.locked();
                        stream.position.data(start, wal_end);
                        stream.decode
                    };
                    let value = match decode {
                        true => connection.get().dialect().encoding.decode(py, payload)?.into_any(),
                        false => PyBytes::new(py, payload).into_any(),
                    };
                    let message = ReplicationMessage {
                        data_size: payload.len(),
                        data_start: start,
                        wal_end,
                        sent,
                        ..ReplicationMessage::of(slf.as_any(), value)
                    };
                    return Ok(Some(Bound::new(py, message)?.into_any()));
                }
                Piece::Keepalive { wal_end, asks } => {
                    slf.get().stream.locked().position.keepalive(wal_end);
                    if asks {
                        Self::report(slf, connection, false)?;
                    }
                }
            }
        }
    }

    /// Reads what has come, without waiting.
    fn take(slf: &Bound<'_, Self>, connection: &Bound<'_, Connection>) -> PyResult<Taken> {
        let py = slf.py();
        let (this, own) = (connection.get(), slf.get());
        let taken = py.detach(|| {
            let mut line = this.wire.lock();
            let mut waiting = VecDeque::new();
            let taken = read(&mut line, &mut waiting);
            let mut stream = own.stream.locked();
            if !waiting.is_empty() {
                stream.io_time = now();
            }
            stream.waiting.append(&mut waiting);
            taken
        });
        connection::settle(connection);
        let taken =
            taken.map_err(|fault| connection::failed(connection, fault, Some(slf.as_any())));
        if taken.is_err() {
            connection::settle(connection);
        }
        taken
    }

    /// Tells the server how far the consumer has come.
    fn report(
        slf: &Bound<'_, Self>,
        connection: &Bound<'_, Connection>,
        asks: bool,
    ) -> PyResult<()> {
        let py = slf.py();
        let (this, own) = (connection.get(), slf.get());
        let sent = py.detach(|| {
            let time = now();
            let report = own.stream.locked().position.report(time - EPOCH_MICROS, asks);
            let mut line = this.wire.lock();
            line.link.open()?.session_mut().copy_data(&report)?;
            line.flush()?;
            let mut stream = own.stream.locked();
            stream.last_feedback = Some(Instant::now());
            (stream.feedback_time, stream.io_time) = (time, time);
            Ok::<_, Fault>(())
        });
        sent.map_err(|fault| connection::failed(connection, fault, Some(slf.as_any())))
    }
}

fn read(line: &mut Line, waiting: &mut VecDeque<Vec<u8>>) -> Result<Taken, Fault> {
    let mut last = None;
    loop {
        let session = line.link.open()?;
        match session.poll_event() {
            Ok(Polled::Wait(_)) => return Ok(Taken::Nothing),
            Ok(Polled::Event(Event::CopyData(data))) => {
                waiting.extend(data.iter().map(<[u8]>::to_vec));
                return Ok(Taken::Messages);
            }
            Ok(Polled::Event(Event::CopyDone)) => {
                if session.session().takes_copy_data() {
                    session.session_mut().copy_done()?;
                }
            }
            Ok(Polled::Event(Event::Answer(answer))) => last = Some(answer),
            Ok(Polled::Event(Event::Ready(_))) => return Ok(Taken::Over(last)),
            Ok(Polled::Event(event)) => {
                crate::wire::Exchange::of(1).take(event, &mut line.aside);
            }
            Err(error) => {
                let mut loss = Loss::idle(error, &mut line.aside);
                if let Some(Answer::Error(words)) = last {
                    loss.words = Some(words);
                }
                return Err(Fault::Lost(Box::new(loss)));
            }
        }
    }
}

/// In microseconds since the epoch of Unix.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

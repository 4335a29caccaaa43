//! A session of aya-pgwire, brought into the form in which it is compared with libpq's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use aya_db_core::conninfo::{FixedSurroundings, parse, resolve_raw};
use aya_pgwire::{
    Answer, Connection, Event, Field, Format, Poller, ServerMessage, Table, Target, connect,
};

use crate::outcome::{FIELDS, Kind, Outcome, OutcomeColumn};

/// A connected session.
pub struct WireSession {
    connection: Connection,
    notices: Vec<Vec<u8>>,
}

impl WireSession {
    /// Connects.
    ///
    /// # Errors
    /// With what it says, if it cannot.
    pub fn connect(conninfo: &str) -> Result<Result<Self, Vec<u8>>> {
        let (info, raw) = resolve_raw(&parse(conninfo)?, &FixedSurroundings::default())?;
        let target = Arc::new(Target::new(info)?.raw(&raw));
        Ok(match connect(target, &mut patience()) {
            Ok(connection) => Ok(Self { connection, notices: Vec::new() }),
            Err(error) => Err(error.text().into_bytes()),
        })
    }

    /// Runs a query and takes every result. Data for COPY FROM STDIN is `input`, or else it is
    /// given up.
    ///
    /// # Errors
    /// If the connection is lost.
    pub fn query(&mut self, sql: &[u8], input: Option<&[u8]>) -> Result<Vec<Outcome>> {
        self.connection.session_mut().query(sql)?;
        let mut outcomes: Vec<Outcome> = Vec::new();
        loop {
            let event = match (self.connection.next_event(&mut patience()), outcomes.last_mut()) {
                (Ok(event), _) => event,
                // libpq makes a result of the loss, behind the error that announced it.
                (Err(error), Some(last)) if error.is_loss() && last.kind == Kind::Error => {
                    outcomes.push(Outcome {
                        fields: vec![None; FIELDS.len()],
                        message: format!("{error}\n").into_bytes(),
                        ..Outcome::new(Kind::Error)
                    });
                    return Ok(outcomes);
                }
                (Err(error), _) => return Err(error.into()),
            };
            match event {
                Event::Ready(_) => return Ok(outcomes),
                Event::Answer(answer) => {
                    outcomes.push(self.outcome(answer, sql));
                    if self.connection.session().takes_copy_data() {
                        match input {
                            Some(data) => {
                                self.connection.session_mut().copy_data(data)?;
                                self.connection.session_mut().copy_done()?;
                            }
                            None => self.connection.session_mut().copy_fail(b"given up")?,
                        }
                    }
                }
                Event::CopyData(data) => {
                    if let Some(outcome) = outcomes.last_mut() {
                        outcome.rows.extend(data.iter().map(|row| vec![Some(row.to_vec())]));
                    }
                }
                Event::Notice(notice) => {
                    let encoding = self.connection.session().parameter("client_encoding");
                    self.notices.push(notice.report(None, encoding.unwrap_or_default()));
                }
                _ => {}
            }
        }
    }

    /// The notices since the last call, as libpq shows them.
    pub fn notices(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.notices)
    }

    fn outcome(&self, answer: Answer, sql: &[u8]) -> Outcome {
        match answer {
            Answer::Empty => Outcome::new(Kind::Empty),
            Answer::Table(table) => of_table(&table),
            Answer::Done(tag) => Outcome {
                tag: tag.as_bytes().to_vec(),
                touched: tag.rows(),
                ..Outcome::new(Kind::Done)
            },
            Answer::Error(error) => {
                let encoding = self.connection.session().parameter("client_encoding");
                of_error(&error, sql, encoding.unwrap_or_default())
            }
            Answer::CopyIn(_) => Outcome::new(Kind::CopyIn),
            Answer::CopyOut(_) | Answer::CopyBoth(_) => Outcome::new(Kind::CopyOut),
        }
    }
}

fn of_table(table: &Table) -> Outcome {
    let columns = table.columns.iter().map(|column| OutcomeColumn {
        name: column.name.to_vec(),
        of_table: column.table_oid != 0,
        numbers: [
            column.number.into(),
            column.type_oid.into(),
            column.type_size.into(),
            column.type_modifier.into(),
            i64::from(column.format == Format::Binary),
        ],
    });
    let rows = table.rows.iter().map(|row| row.cells().map(|cell| cell.map(<[u8]>::to_vec)));
    Outcome {
        columns: columns.collect(),
        rows: rows.map(Iterator::collect).collect(),
        tag: table.tag.as_bytes().to_vec(),
        touched: table.tag.rows(),
        ..Outcome::new(Kind::Table)
    }
}

fn of_error(error: &ServerMessage, sql: &[u8], encoding: &[u8]) -> Outcome {
    let value = |code: &u8| error.iter().find(|(known, _)| known == code).map(|it| it.1.to_vec());
    debug_assert!(error.get(Field::Message).is_some());
    Outcome {
        fields: FIELDS.iter().map(value).collect(),
        message: error.report(Some(sql), encoding),
        ..Outcome::new(Kind::Error)
    }
}

fn patience() -> Poller<'static> {
    Poller::new().until(Instant::now() + Duration::from_secs(60))
}

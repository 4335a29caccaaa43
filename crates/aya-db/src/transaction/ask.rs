//! What may be asked within a transaction, and what its record keeps of it.

use std::error::Error as StdError;
use std::future::Future;
use std::sync::Arc;

use bytes::BytesMut;
use tokio_postgres::types::{Format, FromSql, IsNull, ToSql, Type};
use tokio_postgres::{Row, SimpleQueryMessage, Statement};

use aya_db_core::SqlState;
use aya_db_core::continuity::{Digester, Entry, Input, Seen, Value};
use aya_db_core::failure::Phase;

use crate::commit::{Did, Way};
use crate::core::Core;
use crate::doubt::Doubt;
use crate::failed::Failed;
use crate::link::Link;
use crate::statement::{Count, Done, Rows, Text, Wanted};
use crate::talk::Talk;

/// A transaction under way on a connection.
pub(super) struct Inside<'a> {
    pub(super) core: &'a Arc<Core>,
    pub(super) talk: Talk<'a>,
    pub(super) doubt: &'a Doubt,
    pub(super) way: Way,
    pub(super) did: Did,
}

/// What may be asked within a transaction, and asked again on another connection.
pub(super) trait Ask: Send + Sync {
    /// What comes of it.
    type Answer: Send;

    /// Asks for it.
    fn run(&self, inside: &Inside<'_>)
    -> impl Future<Output = Result<Self::Answer, Failed>> + Send;
}

/// A statement, and what is wanted of it.
pub(super) struct Asked<'a, W> {
    pub(super) sql: &'a str,
    pub(super) wanted: W,
}

impl<W: Recorded> Ask for Asked<'_, W> {
    type Answer = W::Answer;

    async fn run(&self, inside: &Inside<'_>) -> Result<W::Answer, Failed> {
        self.wanted.ask(&inside.talk, self.sql).await
    }
}

/// What the record keeps of a statement.
pub(super) trait Recorded: Wanted {
    /// What went in, given what the server prepared; `None` if it cannot be kept.
    fn input(&self, prepared: Option<&Statement>) -> Option<Input>;

    /// What the application sees of the answer.
    fn seen(answer: &Self::Answer) -> Seen;
}

impl<W: Recorded> Asked<'_, W> {
    /// The entry of a statement that was answered.
    pub(super) fn entry(&self, link: &Link, answer: &W::Answer) -> Option<Entry> {
        let input = self.wanted.input(link.prepared(self.sql).as_ref())?;
        Some(Entry { sql: self.sql.into(), input, seen: W::seen(answer) })
    }

    /// The entry of one that the server has refused.
    pub(super) fn refused(&self, link: &Link, phase: Phase, code: SqlState) -> Option<Entry> {
        let input = match phase {
            Phase::Prepare(_) => Input::Unprepared,
            _ => self.wanted.input(link.prepared(self.sql).as_ref())?,
        };
        Some(Entry { sql: self.sql.into(), input, seen: Seen::Failed(code) })
    }
}

impl Recorded for Rows<'_> {
    fn input(&self, prepared: Option<&Statement>) -> Option<Input> {
        Some(Input::Rows(values(self.0, prepared?)?))
    }

    fn seen(rows: &Vec<Row>) -> Seen {
        digest_of_rows(rows)
    }
}

impl Recorded for Count<'_> {
    fn input(&self, prepared: Option<&Statement>) -> Option<Input> {
        Some(Input::Count(values(self.0, prepared?)?))
    }

    fn seen(count: &u64) -> Seen {
        Seen::Count(*count)
    }
}

impl Recorded for Done {
    fn input(&self, _prepared: Option<&Statement>) -> Option<Input> {
        Some(Input::Done)
    }

    fn seen((): &()) -> Seen {
        Seen::Done
    }
}

impl Recorded for Text {
    fn input(&self, _prepared: Option<&Statement>) -> Option<Input> {
        Some(Input::Text)
    }

    fn seen(messages: &Vec<SimpleQueryMessage>) -> Seen {
        digest_of_texts(messages)
    }
}

/// The parameters as they were sent.
fn values(params: &[&(dyn ToSql + Sync)], prepared: &Statement) -> Option<Vec<Value>> {
    let mut buffer = BytesMut::new();
    let mut values = Vec::with_capacity(params.len());
    for (param, type_) in params.iter().zip(prepared.params()) {
        values.push(match param.to_sql_checked(type_, &mut buffer).ok()? {
            IsNull::Yes => Value::Null,
            IsNull::No => {
                let bytes = buffer.split().freeze();
                match param.encode_format(type_) {
                    Format::Binary => Value::Binary(bytes),
                    Format::Text => Value::Text(bytes),
                }
            }
        });
    }
    Some(values)
}

/// A parameter as it was sent before.
#[derive(Debug)]
pub(super) struct Sent<'a>(pub(super) &'a Value);

impl ToSql for Sent<'_> {
    fn to_sql(
        &self,
        _type: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self.0 {
            Value::Null => Ok(IsNull::Yes),
            Value::Binary(bytes) | Value::Text(bytes) => {
                out.extend_from_slice(bytes);
                Ok(IsNull::No)
            }
        }
    }

    fn accepts(_type: &Type) -> bool {
        true
    }

    fn to_sql_checked(
        &self,
        type_: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        self.to_sql(type_, out)
    }

    fn encode_format(&self, _type: &Type) -> Format {
        match self.0 {
            Value::Null | Value::Binary(_) => Format::Binary,
            Value::Text(_) => Format::Text,
        }
    }
}

/// A column as it came.
struct Came<'a>(Option<&'a [u8]>);

impl<'a> FromSql<'a> for Came<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

pub(super) fn digest_of_rows(rows: &[Row]) -> Seen {
    let mut digester = Digester::new();
    for row in rows {
        digester.row(row.len());
        for column in 0..row.len() {
            // Everything is accepted as it came.
            if let Ok(Came(value)) = row.try_get(column) {
                digester.value(value);
            }
        }
    }
    Seen::Rows(digester.finish())
}

pub(super) fn digest_of_texts(messages: &[SimpleQueryMessage]) -> Seen {
    let mut digester = Digester::new();
    for message in messages {
        match message {
            SimpleQueryMessage::Row(row) => {
                digester.row(row.len());
                (0..row.len()).for_each(|at| digester.value(row.get(at).map(str::as_bytes)));
            }
            SimpleQueryMessage::CommandComplete(count) => {
                digester.value(Some(&count.to_le_bytes()));
            }
            _ => {}
        }
    }
    Seen::Rows(digester.finish())
}

//! What a server says of an error, or in a notice.

use std::fmt;
use std::ops::Range;

use aya_db_core::SqlState;
use aya_db_core::failure::{ServerError, Severity};

use crate::codec::Reader;
use crate::protocol_error::ProtocolError;

/// An ErrorResponse or NoticeResponse: its fields as they came, in the client's encoding.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerMessage {
    tag: u8,
    body: Box<[u8]>,
    fields: Box<[(u8, Range<usize>)]>,
}

/// The name of a field
/// (<https://www.postgresql.org/docs/18/protocol-error-fields.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Field {
    /// How bad it is, perhaps translated.
    LocalizedSeverity = b'S',
    /// How bad it is: `ERROR`, `FATAL`, `PANIC`, `WARNING`, `NOTICE`, `DEBUG`, `INFO` or `LOG`.
    Severity = b'V',
    /// The SQLSTATE.
    Code = b'C',
    /// What happened, in one line.
    Message = b'M',
    /// More about it.
    Detail = b'D',
    /// What might help.
    Hint = b'H',
    /// The character of the query, from 1, that it is about.
    Position = b'P',
    /// The same of an internal query.
    InternalPosition = b'p',
    /// The text of an internal query.
    InternalQuery = b'q',
    /// Where it happened, innermost first.
    Context = b'W',
    /// The schema that it is about.
    Schema = b's',
    /// The table that it is about.
    Table = b't',
    /// The column that it is about.
    Column = b'c',
    /// The type that it is about.
    DataType = b'd',
    /// The constraint that it is about.
    Constraint = b'n',
    /// The file of the server's source that tells it.
    File = b'F',
    /// The line of that file.
    Line = b'L',
    /// The function there.
    Routine = b'R',
}

impl ServerMessage {
    pub(crate) fn read(tag: u8, body: &[u8]) -> Result<Self, ProtocolError> {
        let mut reader = Reader::new(tag, body);
        let mut fields = Vec::new();
        loop {
            let code = reader.u8()?;
            if code == 0 {
                break;
            }
            let start = body.len() - reader.rest().len();
            let value = reader.string()?;
            if fields.len() == MOST_FIELDS {
                return Err(reader.malformed("it has too many fields"));
            }
            fields.push((code, start..start + value.len()));
        }
        reader.end()?;
        Ok(Self { tag, body: body.into(), fields: fields.into() })
    }

    /// An error of which the server told no more than a text.
    pub(crate) fn bare(text: &[u8]) -> Self {
        let text = text.trim_ascii_end();
        let fields = Box::new([(Field::Message as u8, 0..text.len())]);
        Self { tag: b'E', body: text.into(), fields }
    }

    /// The value of a field, if it came.
    pub fn get(&self, field: Field) -> Option<&[u8]> {
        let mut fields = self.fields.iter();
        let (_, place) = fields.find(|(code, _)| *code == field as u8)?;
        self.body.get(place.clone())
    }

    /// Every field that came, by the byte that names it, also those that have no [`Field`].
    pub fn iter(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.fields.iter().map(|(code, place)| (*code, &self.body[place.clone()]))
    }

    /// Whether it is an error, and not a notice.
    pub const fn is_error(&self) -> bool {
        self.tag == b'E'
    }

    /// Its SQLSTATE, if it is one.
    pub fn sqlstate(&self) -> Option<SqlState> {
        SqlState::from_code(str::from_utf8(self.get(Field::Code)?).ok()?)
    }

    /// How bad an error is. Servers before 9.6 tell it only in their own language.
    pub fn severity(&self) -> Severity {
        let severity = self.get(Field::Severity).or_else(|| self.get(Field::LocalizedSeverity));
        Severity::from_text(&String::from_utf8_lossy(severity.unwrap_or_default()))
    }

    /// What the classification of failures wants to know of it.
    pub fn facts(&self) -> ServerError {
        ServerError {
            severity: self.severity(),
            sqlstate: self.sqlstate().unwrap_or(SqlState::INTERNAL_ERROR),
            routine: self.get(Field::Routine).map(|name| String::from_utf8_lossy(name).into()),
        }
    }
}

/// Not all of it: detail and context may hold what a log should not.
impl fmt::Display for ServerMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |field| String::from_utf8_lossy(self.get(field).unwrap_or_default());
        write!(f, "{}:  {}", text(Field::LocalizedSeverity), text(Field::Message))
    }
}

impl fmt::Debug for ServerMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = String::from_utf8_lossy(self.get(Field::Code).unwrap_or_default());
        write!(f, "ServerMessage({self} ({code}))")
    }
}

impl std::error::Error for ServerMessage {}

/// PostgreSQL has 18.
const MOST_FIELDS: usize = 64;

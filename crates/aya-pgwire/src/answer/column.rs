//! The columns of a table (RowDescription).

use crate::codec::Reader;
use crate::protocol_error::ProtocolError;

/// One column of a table, as RowDescription tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name, in the client's encoding.
    pub name: Box<[u8]>,
    /// The table that it is a column of; 0 if of none.
    pub table_oid: u32,
    /// Its number in that table; 0 if of none.
    pub number: i16,
    /// Its type.
    pub type_oid: u32,
    /// The size of its type (`pg_type.typlen`); negative if it varies.
    pub type_size: i16,
    /// What modifies its type (`pg_attribute.atttypmod`); −1 for nothing.
    pub type_modifier: i32,
    /// How its values are written.
    pub format: Format,
}

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// As text.
    Text,
    /// As the type's own binary form: a binary cursor, or a binary COPY.
    Binary,
}

impl Column {
    /// Reads the body of a RowDescription.
    pub(crate) fn read_all(body: &[u8]) -> Result<Box<[Self]>, ProtocolError> {
        let mut reader = Reader::new(b'T', body);
        let count = reader.count(SHORTEST)?;
        let columns = (0..count).map(|_| Self::read(&mut reader)).collect::<Result<_, _>>()?;
        reader.end()?;
        Ok(columns)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ProtocolError> {
        Ok(Self {
            name: reader.string()?.into(),
            table_oid: reader.u32()?,
            number: reader.i16()?,
            type_oid: reader.u32()?,
            type_size: reader.i16()?,
            type_modifier: reader.i32()?,
            format: Format::read(reader)?,
        })
    }
}

impl Format {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ProtocolError> {
        match reader.i16()? {
            0 => Ok(Self::Text),
            1 => Ok(Self::Binary),
            _ => Err(reader.malformed("a format that there is not")),
        }
    }
}

/// An empty name and the fixed fields.
const SHORTEST: usize = 19;

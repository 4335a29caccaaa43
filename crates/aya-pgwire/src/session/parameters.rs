//! What the server reports of its variables (ParameterStatus).

use crate::codec::Reader;
use crate::protocol_error::ProtocolError;

/// A server variable, in the client's encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name, such as `client_encoding`.
    pub name: Box<[u8]>,
    /// Its value.
    pub value: Box<[u8]>,
}

/// The latest value of each variable that the server reports.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    values: Vec<Parameter>,
}

impl Parameters {
    /// Takes the body of a ParameterStatus, and returns what it says.
    pub(super) fn take(&mut self, body: &[u8]) -> Result<Parameter, ProtocolError> {
        let mut reader = Reader::new(b'S', body);
        let told = Parameter { name: reader.string()?.into(), value: reader.string()?.into() };
        reader.end()?;
        if let Some(known) = self.values.iter_mut().find(|known| known.name == told.name) {
            known.value.clone_from(&told.value);
        } else if self.values.len() < MOST {
            self.values.push(told.clone());
        } else {
            return Err(reader.malformed("too many server variables"));
        }
        Ok(told)
    }

    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.values.iter();
        values.find(|known| *known.name == *name.as_bytes()).map(|known| &*known.value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Parameter> {
        self.values.iter()
    }
}

/// PostgreSQL reports about fifteen; extensions and poolers may add some.
const MOST: usize = 500;

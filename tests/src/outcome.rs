//! What a query came to, in a form that libpq and aya-pgwire can both be brought into.

/// One result of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Which sort of result it is.
    pub kind: Kind,
    /// Its columns.
    pub columns: Vec<OutcomeColumn>,
    /// Its rows, or the data of a COPY.
    pub rows: Vec<Vec<Option<Vec<u8>>>>,
    /// The command tag.
    pub tag: Vec<u8>,
    /// How many rows the tag says were touched.
    pub touched: Option<u64>,
    /// The fields of an error that libpq knows, in the order of [`FIELDS`].
    pub fields: Vec<Option<Vec<u8>>>,
    /// The error as libpq shows it.
    pub message: Vec<u8>,
}

/// The sort of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No statement.
    Empty,
    /// A statement without a table.
    Done,
    /// A table.
    Table,
    /// An error.
    Error,
    /// COPY FROM STDIN.
    CopyIn,
    /// COPY TO STDOUT.
    CopyOut,
}

/// A column. The identity of a table differs from session to session; whether there is one does
/// not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeColumn {
    /// Its name.
    pub name: Vec<u8>,
    /// Whether it is a table's.
    pub of_table: bool,
    /// Number, type, size, modifier and format.
    pub numbers: [i64; 5],
}

impl Outcome {
    /// A result of this sort with nothing in it.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            columns: Vec::new(),
            rows: Vec::new(),
            tag: Vec::new(),
            touched: None,
            fields: Vec::new(),
            message: Vec::new(),
        }
    }
}

/// The fields of an error (`PG_DIAG_*`).
pub const FIELDS: &[u8] = b"SVCMDHPpqWstcdnFLR";

//! What may stand where a statement is expected.

use std::sync::Arc;

use tokio_postgres::Statement;
use tokio_postgres::types::Type;

/// A statement: a text, or one that was prepared.
///
/// Every text is prepared once per connection and kept, so there is nothing to gain in speed from
/// [`Cluster::prepare`](crate::Cluster::prepare); it tells types and columns.
pub trait Sql: sealed::Sealed + Sync {
    /// The statement's text.
    fn text(&self) -> &str;

    /// Whether it may run again when its transaction is replayed.
    fn repeats(&self) -> Repeats {
        Repeats::Allowed
    }
}

/// Whether a statement may run again when its transaction is replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Repeats {
    /// It may.
    Allowed,
    /// It may not: a transaction that holds it is lost with its connection.
    Never,
}

/// Marks a statement as one that must not run twice, since it does something outside of its transaction:
/// it calls another database, or a program. A transaction with such a statement is not replayed.
///
/// ```no_run
/// # async fn example(tx: &aya_db::Transaction) -> Result<(), aya_db::Error> {
/// tx.execute(&aya_db::once("select send_letter($1)"), &[&7_i64]).await?;
/// # Ok(()) }
/// ```
pub const fn once<S: Sql>(sql: S) -> Once<S> {
    Once(sql)
}

/// See [`once`].
#[derive(Debug, Clone)]
pub struct Once<S>(S);

impl<S: Sql> Sql for Once<S> {
    fn text(&self) -> &str {
        self.0.text()
    }

    fn repeats(&self) -> Repeats {
        Repeats::Never
    }
}

impl Sql for str {
    fn text(&self) -> &str {
        self
    }
}

impl Sql for &str {
    fn text(&self) -> &str {
        self
    }
}

impl Sql for String {
    fn text(&self) -> &str {
        self
    }
}

impl Sql for Prepared {
    fn text(&self) -> &str {
        &self.text
    }
}

/// A statement that a server has looked at. It belongs to no connection: wherever it runs it is
/// prepared again as needed, also after a failover. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Prepared {
    text: Arc<str>,
    params: Arc<[Type]>,
    columns: Arc<[(String, Type)]>,
}

impl Prepared {
    pub(crate) fn new(text: &str, statement: &Statement) -> Self {
        let columns = statement.columns().iter();
        Self {
            text: text.into(),
            params: statement.params().into(),
            columns: columns
                .map(|column| (column.name().to_owned(), column.type_().clone()))
                .collect(),
        }
    }

    /// The types of its parameters, as the server understood them.
    pub fn params(&self) -> &[Type] {
        &self.params
    }

    /// The names and types of its columns.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &Type)> {
        self.columns.iter().map(|(name, type_)| (name.as_str(), type_))
    }
}

/// An identifier in double quotes.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for str {}
    impl Sealed for &str {}
    impl Sealed for String {}
    impl Sealed for super::Prepared {}
    impl<S: Sealed> Sealed for super::Once<S> {}
}

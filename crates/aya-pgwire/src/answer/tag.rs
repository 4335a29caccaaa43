//! The command tag that ends a statement.

use std::fmt;

/// What a statement says when it is done, such as `INSERT 0 1`.
#[derive(Clone, PartialEq, Eq)]
pub struct CommandTag(Box<[u8]>);

impl CommandTag {
    /// A tag of these bytes.
    pub fn new(tag: &[u8]) -> Self {
        Self(tag.into())
    }

    /// The tag as it came.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// How many rows the statement touched or gave, where the tag says so: the last word of those
    /// commands that `PQcmdTuples` of libpq knows to count.
    pub fn rows(&self) -> Option<u64> {
        let mut words = self.0.split(|byte| *byte == b' ');
        let counts = matches!(
            words.next()?,
            b"SELECT" | b"INSERT" | b"UPDATE" | b"DELETE" | b"MERGE" | b"FETCH" | b"MOVE" | b"COPY"
        );
        let last = words.next_back().filter(|_| counts)?;
        str::from_utf8(last).ok()?.parse().ok()
    }

    /// The identity of a row that was inserted into a table with such: the middle of
    /// `INSERT oid rows`. Servers since 12 say 0.
    pub fn inserted_oid(&self) -> Option<u32> {
        let rest = self.0.strip_prefix(b"INSERT ")?;
        let oid = rest.split(|byte| *byte == b' ').next()?;
        str::from_utf8(oid).ok()?.parse().ok()
    }
}

impl fmt::Display for CommandTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for CommandTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_where_the_tag_counts_them() {
        let cases: [(&str, Option<u64>, Option<u32>); 7] = [
            ("SELECT 100000", Some(100_000), None),
            ("INSERT 0 3", Some(3), Some(0)),
            ("INSERT 16385 1", Some(1), Some(16385)),
            ("COPY 5", Some(5), None),
            ("CREATE TABLE", None, None),
            ("LISTEN", None, None),
            ("INSERT", None, None),
        ];
        for (text, rows, oid) in cases {
            let tag = CommandTag::new(text.as_bytes());
            assert_eq!((tag.rows(), tag.inserted_oid()), (rows, oid), "{text}");
        }
    }
}

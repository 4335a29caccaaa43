//! The rows of a table: one buffer for all of them.

use std::fmt;

use crate::protocol_error::ProtocolError;

/// Rows as they came, one after the other in one buffer, with the place of each.
///
/// A row costs its values, four bytes for the length of each, and eight for its place: a million
/// rows are two allocations. Their structure was checked when they came, so nothing fails when
/// they are read.
///
/// ```
/// # use aya_pgwire::Rows;
/// fn sum(rows: &Rows) -> i64 {
///     let numbers = rows.iter().filter_map(|row| row.cell(0));
///     numbers.filter_map(|text| std::str::from_utf8(text).ok()?.parse::<i64>().ok()).sum()
/// }
/// # assert_eq!(sum(&Rows::default()), 0);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Rows {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    columns: usize,
}

impl Rows {
    pub(crate) const fn new(columns: usize) -> Self {
        Self { bytes: Vec::new(), ends: Vec::new(), columns }
    }

    /// Takes the body of a DataRow.
    pub(crate) fn push(&mut self, body: &[u8]) -> Result<(), ProtocolError> {
        let malformed = || ProtocolError::malformed(b'D', "it does not hold one value per column");
        let Some((count, cells)) = body.split_first_chunk::<2>() else { return Err(malformed()) };
        if usize::from(u16::from_be_bytes(*count)) != self.columns {
            return Err(malformed());
        }
        let mut rest = cells;
        for _ in 0..self.columns {
            (_, rest) = split_cell(rest).ok_or_else(malformed)?;
        }
        if !rest.is_empty() {
            return Err(malformed());
        }
        self.bytes.extend_from_slice(cells);
        self.ends.push(self.bytes.len());
        Ok(())
    }

    /// How many rows there are.
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many values each row has.
    pub const fn columns(&self) -> usize {
        self.columns
    }

    /// The row of this number, from 0.
    pub fn get(&self, row: usize) -> Option<Row<'_>> {
        let end = *self.ends.get(row)?;
        let start = if row == 0 { 0 } else { *self.ends.get(row - 1)? };
        Some(Row { cells: self.bytes.get(start..end)? })
    }

    /// All rows in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        (0..self.len()).map(|row| self.get(row).unwrap_or(Row { cells: &[] }))
    }

    /// How much memory the rows take.
    pub fn size_bytes(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<usize>()
    }
}

/// Without the values: there may be a million.
impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rows({} of {} columns)", self.len(), self.columns)
    }
}

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    cells: &'a [u8],
}

impl<'a> Row<'a> {
    /// The values in their order, `None` for NULL.
    pub const fn cells(self) -> Cells<'a> {
        Cells { rest: self.cells }
    }

    /// The value of this number, from 0; `None` for NULL, and if there is no such column.
    pub fn cell(self, column: usize) -> Option<&'a [u8]> {
        self.cells().nth(column).flatten()
    }
}

/// The values of one row.
#[derive(Debug, Clone)]
pub struct Cells<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Cells<'a> {
    type Item = Option<&'a [u8]>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (cell, rest) = split_cell(self.rest)?;
        self.rest = rest;
        Some(cell)
    }
}

/// The value in front, and what follows it: a length, −1 for NULL, and as many bytes.
#[inline]
fn split_cell(cells: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (length, rest) = cells.split_first_chunk::<4>()?;
    match i32::from_be_bytes(*length) {
        -1 => Some((None, rest)),
        length => {
            let (cell, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            Some((Some(cell), rest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[u8] = &[0, 2, 0, 0, 0, 1, b'a', 0xff, 0xff, 0xff, 0xff];

    #[test]
    fn rows_are_read_as_they_came() {
        let mut rows = Rows::new(2);
        rows.push(TWO).unwrap();
        rows.push(&[0, 2, 0, 0, 0, 0, 0, 0, 0, 2, b'b', b'c']).unwrap();
        let read: Vec<Vec<_>> = rows.iter().map(|row| row.cells().collect()).collect();
        assert_eq!(read, [[Some(&b"a"[..]), None], [Some(&b""[..]), Some(&b"bc"[..])]]);
        assert_eq!(rows.get(0).unwrap().cell(1), None);
        assert_eq!(rows.get(1).unwrap().cell(1), Some(&b"bc"[..]));
        assert_eq!(rows.get(2), None);
    }

    #[test]
    fn a_row_that_is_cut_or_too_long_is_refused() {
        for end in 0..TWO.len() {
            assert!(Rows::new(2).push(&TWO[..end]).is_err(), "{end}");
        }
        assert!(Rows::new(1).push(TWO).is_err());
        assert!(Rows::new(3).push(TWO).is_err());
        assert!(Rows::new(2).push(&[TWO, &[0]].concat()).is_err());
        assert!(Rows::new(1).push(&[0, 1, 0xff, 0xff, 0xff, 0xfe]).is_err());
    }
}

//! What libpq would show of an error or notice (`PQresultErrorMessage`, at its default verbosity).

use std::io::Write as _;

use super::display_width::Writing;
use super::server_message::{Field, ServerMessage};

impl ServerMessage {
    /// The text that libpq makes of it: severity and message, the place in the query if `query`
    /// is given, and further lines for detail, hint, internal query and context. In the client's
    /// encoding, whose name by PostgreSQL is `encoding`; every line is ended.
    ///
    /// ```text
    /// ERROR:  column "b" does not exist
    /// LINE 1: select b from t
    ///                ^
    /// ```
    pub fn report(&self, query: Option<&[u8]>, encoding: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        if let Some(severity) = self.get(Field::LocalizedSeverity) {
            text.extend_from_slice(severity);
            text.extend_from_slice(b":  ");
        }
        text.extend_from_slice(self.get(Field::Message).unwrap_or_default());
        let place = self.place(query);
        if let Some((position, None)) = place {
            text.extend_from_slice(b" at character ");
            text.extend_from_slice(position);
        }
        text.push(b'\n');
        if let Some((position, Some(query))) = place
            && let Some(position) = number(position).and_then(|position| position.checked_sub(1))
        {
            point_at(&mut text, query, position, Writing::of(encoding));
        }
        let context = self.get(Field::Context).filter(|_| self.is_error());
        let lines = [
            ("DETAIL", self.get(Field::Detail)),
            ("HINT", self.get(Field::Hint)),
            ("QUERY", self.get(Field::InternalQuery)),
            ("CONTEXT", context),
        ];
        for (name, value) in lines {
            if let Some(value) = value {
                text.extend_from_slice(name.as_bytes());
                text.extend_from_slice(b":  ");
                text.extend_from_slice(value);
                text.push(b'\n');
            }
        }
        text
    }

    /// The position that it tells, and the query that it is in, if that is known.
    fn place<'a>(&'a self, query: Option<&'a [u8]>) -> Option<(&'a [u8], Option<&'a [u8]>)> {
        if let Some(position) = self.get(Field::Position) {
            return Some((position, query));
        }
        let position = self.get(Field::InternalPosition)?;
        Some((position, self.get(Field::InternalQuery)))
    }
}

fn number(text: &[u8]) -> Option<usize> {
    str::from_utf8(text).ok()?.parse().ok()
}

/// Where each character of a query begins: its byte and its column.
struct Marks {
    marks: Vec<(usize, usize)>,
    /// The line, from 1, that holds the position, and the characters that bound it.
    line: usize,
    begin: usize,
    end: usize,
}

impl Marks {
    /// `None` if `position`, a character from 0, lies beyond the query.
    fn find(query: &[u8], position: usize, writing: Writing) -> Option<Self> {
        let (mut at, mut column) = (0, 0);
        let (mut line, mut begin, mut end) = (1, 0, None);
        let mut marks = Vec::new();
        while at < query.len() {
            let n = marks.len();
            marks.push((at, column));
            if matches!(query[at], b'\r' | b'\n') {
                if n >= position {
                    end = Some(n);
                    break;
                }
                // A carriage return and a line feed end one line.
                let goes_on = query[at] == b'\n' && at > 0 && query[at - 1] == b'\r';
                line += usize::from(!goes_on);
                begin = n + 1;
            }
            let (bytes, columns) = writing.first(&query[at..]);
            (at, column) = (at + bytes, column + columns);
        }
        let end = end.unwrap_or_else(|| {
            marks.push((at, column));
            marks.len() - 1
        });
        (position <= end).then_some(Self { marks, line, begin, end })
    }

    fn byte(&self, n: usize) -> usize {
        self.marks[n].0
    }

    fn column(&self, n: usize) -> usize {
        self.marks[n].1
    }

    fn is_too_wide(&self) -> bool {
        self.column(self.end) - self.column(self.begin) > WIDEST
    }

    /// Cuts the line to what fits, and says at which ends: at its end if the position stays far
    /// enough from there, else on both sides of it.
    fn cut(&mut self, position: usize) -> (bool, bool) {
        let (mut begin_cut, mut end_cut) = (false, false);
        if !self.is_too_wide() {
            return (begin_cut, end_cut);
        }
        if self.column(self.begin) + WIDEST >= self.column(position) + MARGIN {
            while self.is_too_wide() {
                self.end -= 1;
            }
            end_cut = true;
        } else {
            while self.column(position) + MARGIN < self.column(self.end) {
                self.end -= 1;
                end_cut = true;
            }
            while self.is_too_wide() {
                self.begin += 1;
                begin_cut = true;
            }
        }
        (begin_cut, end_cut)
    }
}

/// Shows the line of `query` that holds the character `position`, from 0, and a mark beneath it.
fn point_at(text: &mut Vec<u8>, query: &[u8], position: usize, writing: Writing) {
    let Some(mut marks) = Marks::find(query, position, writing) else { return };
    let (begin_cut, end_cut) = marks.cut(position);
    let start = text.len();
    // A vector takes everything that is written to it.
    let _ = write!(text, "LINE {}: ", marks.line);
    if begin_cut {
        text.extend_from_slice(b"...");
    }
    let before = text.len() - start + marks.column(position) - marks.column(marks.begin);
    let shown = &query[marks.byte(marks.begin)..marks.byte(marks.end)];
    text.extend(shown.iter().map(|byte| if *byte == b'\t' { b' ' } else { *byte }));
    if end_cut {
        text.extend_from_slice(b"...");
    }
    text.push(b'\n');
    text.resize(text.len() + before, b' ');
    text.extend_from_slice(b"^\n");
}

/// The columns that are shown of a line.
const WIDEST: usize = 60;

/// The columns that are kept behind the position, if the line is cut there.
const MARGIN: usize = 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn report(fields: &[(u8, &str)], query: &str) -> String {
        let mut body = Vec::new();
        for (code, value) in fields {
            body.push(*code);
            body.extend_from_slice(value.as_bytes());
            body.push(0);
        }
        body.push(0);
        let message = ServerMessage::read(b'E', &body).unwrap();
        String::from_utf8(message.report(Some(query.as_bytes()), b"UTF8")).unwrap()
    }

    #[test]
    fn the_place_is_marked_beneath_its_line() {
        let at = |position| [(b'S', "ERROR"), (b'M', "bad"), (b'P', position)];
        assert_eq!(
            report(&at("8"), "select b\nfrom t"),
            "ERROR:  bad\nLINE 1: select b\n               ^\n"
        );
        assert_eq!(
            report(&at("15"), "select 1\r\nfrom t"),
            "ERROR:  bad\nLINE 2: from t\n            ^\n"
        );
        assert_eq!(report(&at("3"), "漢字x"), "ERROR:  bad\nLINE 1: 漢字x\n            ^\n");
        assert_eq!(report(&at("99"), "x"), "ERROR:  bad\n");
        assert_eq!(report(&at("0"), "x"), "ERROR:  bad\n");
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let query = format!("{}!{}", "a".repeat(100), "b".repeat(100));
        let told = report(&[(b'M', "bad"), (b'P', "101")], &query);
        let line = format!("LINE 1: ...{}!{}...", "a".repeat(50), "b".repeat(9));
        assert_eq!(told, format!("bad\n{line}\n{}^\n", " ".repeat(61)));
        let told = report(&[(b'M', "bad"), (b'P', "1")], &query);
        assert_eq!(told, format!("bad\nLINE 1: {}...\n        ^\n", "a".repeat(60)));
    }

    #[test]
    fn further_lines_follow() {
        let fields = [
            (b'S', "ERROR"),
            (b'M', "m"),
            (b'D', "d"),
            (b'H', "h"),
            (b'p', "2"),
            (b'q', "1!"),
            (b'W', "w"),
        ];
        let expected =
            "ERROR:  m\nLINE 1: 1!\n         ^\nDETAIL:  d\nHINT:  h\nQUERY:  1!\nCONTEXT:  w\n";
        assert_eq!(report(&fields, "x"), expected);
    }

    proptest! {
        #[test]
        fn any_place_in_any_text_is_reported(
            query in prop::collection::vec(any::<u8>(), 0..300),
            position in 0_usize..320,
            encoding in prop::sample::select(vec!["UTF8", "LATIN1", "EUC_JP"]),
        ) {
            let body = format!("SERROR\0Mm\0P{position}\0\0");
            let message = ServerMessage::read(b'E', body.as_bytes()).unwrap();
            let text = message.report(Some(&query), encoding.as_bytes());
            prop_assert!(text.starts_with(b"ERROR:  m\n") && text.ends_with(b"\n"));
        }
    }
}

//! The statement that prepares, cut out of the text that it came in.

use std::ops::Range;

use crate::sql_text::{Token, tokens};

/// The place of the PREPARE statement of this name in a text. A server keeps the whole text of the query in
/// which a PREPARE stood (`pg_prepared_statements.statement`); what stood beside it must not run again.
///
/// ```
/// use aya_db_core::session::preparing;
///
/// let text = "insert into t values (1); prepare p as select ';'; prepare q as select 2";
/// assert_eq!(&text[preparing(text, "p").unwrap()], "prepare p as select ';'");
/// assert_eq!(preparing(text, "r"), None);
/// ```
pub fn preparing(text: &str, name: &str) -> Option<Range<usize>> {
    let mut all = tokens(text);
    loop {
        let mut behind = all.clone();
        let first = behind.next()?;
        if first.is("prepare") && names(behind.rest(), name) {
            let begin = begin_of(text, all.rest());
            let end = behind.find(|token| *token == Token::End);
            let end = text.len() - behind.rest().len() - usize::from(end.is_some());
            return Some(begin..end);
        }
        all = behind;
        if first != Token::End {
            all.by_ref().find(|token| *token == Token::End)?;
        }
    }
}

/// Where the first word of what is left begins, behind blanks and comments.
fn begin_of(text: &str, rest: &str) -> usize {
    let word = rest.to_ascii_lowercase().find("prepare").unwrap_or(0);
    text.len() - rest.len() + word
}

/// Whether what follows PREPARE is this name, quoted or not.
fn names(rest: &str, name: &str) -> bool {
    let mut after = tokens(rest);
    match after.next() {
        Some(Token::Word(word)) => word.to_lowercase() == name,
        Some(Token::Name) => {
            let quoted = &rest[..rest.len() - after.rest().len()];
            let quoted = quoted.find('"').map_or(quoted, |at| &quoted[at + 1..]);
            quoted.strip_suffix('"').is_some_and(|it| it.replace("\"\"", "\"") == name)
        }
        _ => false,
    }
}

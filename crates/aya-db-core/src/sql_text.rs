//! The words of an SQL text, as far as its quotes and comments go.
//!
//! It knows where literals, quoted names and comments begin and end, and where a statement ends; it
//! knows no grammar (PostgreSQL documentation, "Lexical Structure"). Whoever asks must be content
//! with words, and say so where a text could mean more.

/// A piece of an SQL text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// A key word or an unquoted name, as it is written.
    Word(&'a str),
    /// A name in double quotes.
    Name,
    /// A literal in quotes, single or dollar.
    Literal,
    /// A semicolon.
    End,
    /// Any other character that is not blank.
    Other(char),
}

impl Token<'_> {
    /// Whether it is this word, in any case.
    pub fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(found) if found.eq_ignore_ascii_case(word))
    }

    /// Whether it is one of these words.
    pub fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }
}

/// The tokens of a text, without blanks and comments.
///
/// ```
/// use aya_db_core::sql_text::{Token, tokens};
///
/// let mut found = tokens("/* now */ insert into \"T\" values ('a;b');");
/// assert!(found.next().is_some_and(|token| token.is("INSERT")));
/// assert_eq!(found.filter(|token| *token == Token::End).count(), 1);
/// ```
pub const fn tokens(sql: &str) -> Tokens<'_> {
    Tokens { rest: sql }
}

/// See [`tokens`].
#[derive(Debug, Clone)]
pub struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    /// What has not been read yet.
    pub const fn rest(&self) -> &'a str {
        self.rest
    }

    fn cut(&mut self, at: usize) -> &'a str {
        let (head, tail) = self.rest.split_at(at.min(self.rest.len()));
        self.rest = tail;
        head
    }

    /// Drops everything up to and with `end`, or the rest where it never comes.
    fn skip_past(&mut self, end: &str) {
        let at = self.rest.find(end).map_or(self.rest.len(), |at| at + end.len());
        self.cut(at);
    }

    fn skip_blanks_and_comments(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            if self.rest.starts_with("--") {
                self.skip_past("\n");
            } else if self.rest.starts_with("/*") {
                self.skip_block_comment();
            } else {
                return;
            }
        }
    }

    /// Comments nest.
    fn skip_block_comment(&mut self) {
        let mut depth = 0_u32;
        loop {
            if self.rest.starts_with("/*") {
                depth += 1;
                self.cut(2);
            } else if self.rest.starts_with("*/") {
                depth -= 1;
                self.cut(2);
            } else {
                let Some(next) = self.rest.chars().next() else { return };
                self.cut(next.len_utf8());
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// Behind the opening quote: up to the closing one, where a doubled one stands for itself.
    fn skip_quoted(&mut self, quote: char, escapes: Escapes) {
        loop {
            let Some(at) = self.rest.find([quote, '\\']) else {
                self.rest = "";
                return;
            };
            let is_quote = self.rest[at..].starts_with(quote);
            self.cut(at + 1);
            if is_quote {
                if !self.rest.starts_with(quote) {
                    return;
                }
                self.cut(1);
            } else if escapes == Escapes::Backslash
                && let Some(next) = self.rest.chars().next()
            {
                self.cut(next.len_utf8());
            }
        }
    }

    /// At a dollar: a literal in dollar quotes, if it is one.
    fn dollar_quoted(&mut self) -> Option<Token<'a>> {
        let tag = self.rest[1..].find('$').map(|at| &self.rest[..at + 2])?;
        let name = &tag[1..tag.len() - 1];
        let is_name = name.chars().all(is_of_word) && !name.starts_with(|c: char| c.is_numeric());
        if !is_name || name.contains('$') {
            return None;
        }
        self.cut(tag.len());
        self.skip_past(tag);
        Some(Token::Literal)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    None,
    Backslash,
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_blanks_and_comments();
        let first = self.rest.chars().next()?;
        if first.is_alphanumeric() || first == '_' {
            let end = self.rest.find(|c| !is_of_word(c)).unwrap_or(self.rest.len());
            let word = self.cut(end);
            if word.eq_ignore_ascii_case("e") && self.rest.starts_with('\'') {
                self.cut(1);
                self.skip_quoted('\'', Escapes::Backslash);
                return Some(Token::Literal);
            }
            return Some(Token::Word(word));
        }
        if first == '$'
            && let Some(literal) = self.dollar_quoted()
        {
            return Some(literal);
        }
        self.cut(first.len_utf8());
        Some(match first {
            '\'' => {
                self.skip_quoted('\'', Escapes::None);
                Token::Literal
            }
            '"' => {
                self.skip_quoted('"', Escapes::None);
                Token::Name
            }
            ';' => Token::End,
            other => Token::Other(other),
        })
    }
}

/// Whether the text is one statement that reads: `SELECT`, `VALUES`, `TABLE` or `SHOW`, or `WITH` and no
/// word that writes. A function that it calls may write all the same.
pub fn is_plain_read(sql: &str) -> bool {
    let mut all = tokens(sql);
    let Some(first) = all.by_ref().find(|token| *token != Token::Other('(')) else { return false };
    let reads = first.is_any(&["select", "values", "table", "show"]) || first.is("with");
    reads && is_last_statement(all.clone()) && !all.any(|token| token.is_any(&WRITING))
}

/// Whether the text is one statement that writes rows: `INSERT`, `UPDATE`, `DELETE` or `MERGE`, alone or
/// behind `WITH`.
pub fn is_plain_write(sql: &str) -> bool {
    let mut all = tokens(sql);
    let Some(first) = all.next() else { return false };
    let rest = all.clone();
    let writes = first.is_any(&WRITING[..4])
        || (first.is("with") && all.any(|token| token.is_any(&WRITING[..4])));
    writes && is_last_statement(rest)
}

fn is_last_statement(mut rest: Tokens<'_>) -> bool {
    rest.by_ref().all(|token| token != Token::End) || rest.next().is_none()
}

/// The words by which a statement writes; `INTO` makes a table of what is selected.
const WRITING: [&str; 5] = ["insert", "update", "delete", "merge", "into"];

/// Whether a statement in a transaction may write to the log, so that the transaction's mark rides along
/// with it.
pub fn may_write(sql: &str) -> bool {
    !is_plain_read(sql) && !tokens(sql).next().is_some_and(|first| first.is_any(&SETTING))
}

/// First words of statements that write nothing themselves.
const SETTING: [&str; 11] = [
    "commit",
    "savepoint",
    "release",
    "rollback",
    "set",
    "reset",
    "declare",
    "fetch",
    "move",
    "close",
    "lock",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn words(sql: &str) -> Vec<&str> {
        tokens(sql)
            .filter_map(|token| if let Token::Word(word) = token { Some(word) } else { None })
            .collect()
    }

    #[test]
    fn quotes_and_comments_hide_what_is_in_them() {
        let texts = [
            "select 'it''s; commit' -- commit",
            "select /* commit /* nested */ commit */ \"a\"\"b commit\"",
            "select e'\\'; commit'",
            "select $$; commit$$, $x$ $$ commit $x$",
            "select 'a\\' ",
            "select 'open commit",
            "select /* open commit",
        ];
        for sql in texts {
            assert_eq!(words(sql), ["select"], "{sql}");
        }
        assert_eq!(words("select $1, a$b from t"), ["select", "1", "a$b", "from", "t"]);
    }

    #[test]
    fn ends_are_seen_outside_of_quotes_alone() {
        let ends = |sql| tokens(sql).filter(|token| *token == Token::End).count();
        assert_eq!(ends("do $$ begin; end; $$; select ';'"), 1);
    }

    #[test]
    fn a_plain_write_is_one_statement() {
        let writes = [
            "insert into t values (1)",
            " -- why\nUPDATE t set n = 1;",
            "delete from t",
            "with a as (select 1) insert into t select * from a",
        ];
        for sql in writes {
            assert!(is_plain_write(sql), "{sql}");
            assert!(!is_plain_read(sql), "{sql}");
        }
        for sql in ["select 1", "vacuum t", "call p()", "insert into t values (1); commit", ""] {
            assert!(!is_plain_write(sql), "{sql}");
        }
    }

    #[test]
    fn a_plain_read_is_one_statement_without_a_word_that_writes() {
        for sql in
            ["select 1;", "(select 1) union (select 2)", "table t", "with a as (select 1) table a"]
        {
            assert!(is_plain_read(sql), "{sql}");
        }
        for sql in ["select 1 into t", "select 1; select 2", "explain select 1", "fetch c", ""] {
            assert!(!is_plain_read(sql), "{sql}");
        }
    }
}

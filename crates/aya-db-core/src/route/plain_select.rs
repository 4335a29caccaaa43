//! Whether a text is a plain SELECT: one statement that only reads, and calls no function but those
//! that are known to be immutable or stable.
//!
//! The text is taken apart into tokens, and every token has to be one that is known to do no harm;
//! whatever is not known makes the statement one for the leader. That needs no grammar: a call is a
//! word with a parenthesis behind it, and a write begins with a word of its own. What the text cannot
//! tell stays open: a view, an operator or a type of the application's own may call anything, and a
//! function of its own may bear the name of a known one.

use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer, Whitespace, Word};

use super::functions::is_known_function;

/// Whether the text is a plain SELECT.
///
/// ```
/// use aya_db_core::route::is_plain_select;
///
/// assert!(is_plain_select("select id, lower(name) from t where n > $1 order by id limit 10"));
/// assert!(!is_plain_select("select nextval('s')"));
/// assert!(!is_plain_select("select * from t for update"));
/// ```
pub fn is_plain_select(sql: &str) -> bool {
    if sql.len() > LONGEST_TEXT || !begins_as_select(sql) {
        return false;
    }
    let Ok(tokens) = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize() else { return false };
    let mut tokens: Vec<&Token> = tokens.iter().filter(|token| !is_blank(token)).collect();
    if tokens.last() == Some(&&Token::SemiColon) {
        tokens.pop();
    }
    let next = tokens.iter().copied().skip(1).map(Some).chain([None]);
    let before = [None].into_iter().chain(tokens.iter().copied().map(Some));
    before.zip(&tokens).zip(next).all(|((before, token), next)| is_harmless(before, token, next))
}

/// Ahead of the tokens, since most of what a program sends is no SELECT at all.
fn begins_as_select(sql: &str) -> bool {
    let first = sql.trim_ascii_start().split(|c: char| !c.is_ascii_alphabetic()).next();
    first.is_some_and(|word| {
        ["select", "with", "values", "table"].iter().any(|it| word.eq_ignore_ascii_case(it))
    })
}

fn is_blank(token: &Token) -> bool {
    matches!(
        token,
        Token::Whitespace(
            Whitespace::Space
                | Whitespace::Newline
                | Whitespace::Tab
                | Whitespace::SingleLineComment { .. }
                | Whitespace::MultiLineComment(_)
        )
    )
}

fn is_harmless(before: Option<&Token>, token: &Token, next: Option<&Token>) -> bool {
    match token {
        Token::Word(word) => is_harmless_word(before, word, next),
        // Behind these a parenthesis would call what stands before it.
        Token::RBracket => next != Some(&Token::LParen),
        Token::Number(..)
        | Token::Placeholder(_)
        | Token::SingleQuotedString(_)
        | Token::EscapedStringLiteral(_)
        | Token::DollarQuotedString(_)
        | Token::Comma
        | Token::Period
        | Token::LParen
        | Token::RParen
        | Token::LBracket
        | Token::DoubleColon
        | Token::Eq
        | Token::Neq
        | Token::Lt
        | Token::Gt
        | Token::LtEq
        | Token::GtEq
        | Token::Plus
        | Token::Minus
        | Token::Mul
        | Token::Div
        | Token::Mod
        | Token::StringConcat
        | Token::Tilde
        | Token::TildeAsterisk
        | Token::ExclamationMarkTilde
        | Token::ExclamationMarkTildeAsterisk
        | Token::Arrow
        | Token::LongArrow
        | Token::HashArrow
        | Token::HashLongArrow
        | Token::AtArrow
        | Token::ArrowAt
        | Token::AtQuestion
        | Token::AtAt
        | Token::Question
        | Token::Overlap => true,
        _ => false,
    }
}

fn is_harmless_word(before: Option<&Token>, word: &Word, next: Option<&Token>) -> bool {
    let called = next == Some(&Token::LParen);
    if word.quote_style.is_some() {
        return !called;
    }
    let name = word.value.to_ascii_lowercase();
    let listed = |list: &[&str]| list.contains(&name.as_str());
    if before == Some(&Token::Period) {
        // A name behind a dot is a column, a table, or a call of somebody's function.
        return !called;
    }
    match called {
        true => listed(&BEFORE_PARENTHESES) || is_known_function(&name),
        false => !listed(&WRITING),
    }
}

/// Words of the grammar, and of types, behind which a parenthesis is no call.
const BEFORE_PARENTHESES: [&str; 49] = [
    "all",
    "and",
    "any",
    "array",
    "as",
    "between",
    "bit",
    "by",
    "case",
    "char",
    "character",
    "cross",
    "cube",
    "decimal",
    "distinct",
    "else",
    "except",
    "exists",
    "filter",
    "from",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "intersect",
    "interval",
    "join",
    "lateral",
    "like",
    "limit",
    "materialized",
    "not",
    "numeric",
    "offset",
    "on",
    "or",
    "over",
    "rollup",
    "row",
    "select",
    "sets",
    "some",
    "then",
    "time",
    "timestamp",
    "union",
    "using",
    "values",
];

/// Words that make a SELECT write, lock, or differ from one time to the next.
const WRITING: [&str; 10] = [
    "delete",
    "execute",
    "for",
    "insert",
    "into",
    "lock",
    "merge",
    "tablesample",
    "truncate",
    "update",
];

/// Longer texts go to the leader unread.
const LONGEST_TEXT: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_in_order() {
        assert!(BEFORE_PARENTHESES.is_sorted() && WRITING.is_sorted());
    }

    #[test]
    fn a_select_of_known_functions_is_plain() {
        let plain = [
            "select 1",
            " SELECT a, b FROM t WHERE a = $1 AND b IN (1, 2);",
            "values (1), (2)",
            "table t",
            "select count(*), sum(n) filter (where n > 0) from t group by rollup (a) having max(n) > 1",
            "with x as (select 1 as n) select n from x union all (select 2)",
            "with x as materialized (select 1 as n) select n from x",
            "select row_number() over (partition by a order by b) from t",
            "select 'insert into t' as update_text, $$nextval('s')$$ from t",
            "select a /* nextval('s') */ from t -- for update\n where b",
            "select x.* from t x join lateral (select 1) y on (true)",
            "select d::numeric(10, 2), j->>'a', array[1, 2] && b from t",
            "select \"insert\", t.\"for\" from t",
            "select now(), current_date, coalesce(a, 'x') from t where exists (select 1 from u)",
        ];
        for sql in plain {
            assert!(is_plain_select(sql), "{sql}");
        }
    }

    #[test]
    fn whatever_may_write_or_is_not_known_goes_to_the_leader() {
        let others = [
            "",
            "insert into t values (1)",
            "select nextval('s')",
            "select \"nextval\"('s')",
            "select pg_catalog.nextval('s')",
            "select NextVal /* x */ ('s')",
            "select my_function(1)",
            "select my.function(1)",
            "select * from my_function()",
            "select random()",
            "select * from t for update",
            "select * from t for no key update skip locked",
            "select a into u from t",
            "select 1; select 2",
            "select 1; delete from t",
            "with x as (delete from t returning a) select a from x",
            "with x as (insert into t values (1) returning a) select a from x",
            "with x (a) as (select 1) select a from x",
            "select * from t tablesample system (10)",
            "select a ### b from t",
            "select U&'x'",
            "select pg_advisory_lock(1)",
            "select set_config('a.b', 'c', false)",
            "select 'unterminated",
            "explain select 1",
            "(select 1)",
        ];
        for sql in others {
            assert!(!is_plain_select(sql), "{sql}");
        }
    }
}

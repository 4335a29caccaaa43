//! Which statements change what a session holds beyond its transactions.

mod prepared;

pub use self::prepared::preparing;
use crate::sql_text::{Token, tokens};

/// Whether a text may change what outlives its transaction in the session: settings, subscriptions,
/// prepared statements, temporary tables, advisory locks, cursors WITH HOLD. Errs towards yes where a
/// procedure or a block of code runs; a function that does such things inside is not seen.
///
/// ```
/// use aya_db_core::session::may_change_session;
///
/// assert!(may_change_session("set search_path = app"));
/// assert!(may_change_session("select pg_advisory_lock(1)"));
/// assert!(!may_change_session("set local search_path = app"));
/// assert!(!may_change_session("update t set n = 1"));
/// ```
pub fn may_change_session(sql: &str) -> bool {
    let mut rest = tokens(sql);
    while let Some(first) = rest.next() {
        if first == Token::End {
            continue;
        }
        let mut words = rest.by_ref().take_while(|token| *token != Token::End);
        let changes = if first.is("set") {
            !words.next().is_some_and(|second| second.is("local"))
        } else {
            first.is_any(&CHANGING)
        };
        if changes || words.any(|word| word.is_any(&TOUCHING)) {
            return true;
        }
    }
    false
}

/// Whether a text does nothing that outlives the session, so that it may run again in a new one: settings,
/// subscriptions, prepared statements.
///
/// ```
/// use aya_db_core::session::stays_in_session;
///
/// assert!(stays_in_session("set search_path = app; listen news"));
/// assert!(!stays_in_session("set search_path = app; delete from t"));
/// assert!(!stays_in_session("prepare transaction 'a'"));
/// ```
pub fn stays_in_session(sql: &str) -> bool {
    let mut rest = tokens(sql);
    let mut some = false;
    while let Some(first) = rest.next() {
        if first == Token::End {
            continue;
        }
        let mut words = rest.by_ref().take_while(|token| *token != Token::End);
        let second = words.next();
        let prepares_commit =
            first.is("prepare") && second.is_some_and(|word| word.is("transaction"));
        if !first.is_any(&STAYING) || prepares_commit {
            return false;
        }
        // Unless the statement was a single word.
        if second.is_some() {
            words.for_each(drop);
        }
        some = true;
    }
    some
}

/// The settings of the application's own that a text names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingNames {
    /// These, perhaps none.
    Known(Vec<String>),
    /// One that is not in the text.
    Hidden,
}

/// Which settings of the application's own (their names have a dot) a text sets, by `SET` or by
/// `set_config`.
///
/// ```
/// use aya_db_core::session::{SettingNames, setting_names};
///
/// let known = |names: &[&str]| SettingNames::Known(names.iter().map(|&it| it.into()).collect());
/// assert_eq!(setting_names("set app.tenant to 7"), known(&["app.tenant"]));
/// assert_eq!(setting_names("select set_config('app.user', $1, false)"), known(&["app.user"]));
/// assert_eq!(setting_names("set work_mem = '4MB'"), known(&[]));
/// assert_eq!(setting_names("select set_config($1, $2, false)"), SettingNames::Hidden);
/// ```
pub fn setting_names(sql: &str) -> SettingNames {
    let mut names = Vec::new();
    let mut rest = tokens(sql);
    while let Some(token) = rest.next() {
        if token.is("set") {
            let mut ahead = rest.clone().skip_while(|word| word.is("session"));
            if let (Some(Token::Word(class)), Some(Token::Other('.')), Some(Token::Word(name))) =
                (ahead.next(), ahead.next(), ahead.next())
            {
                names.push(format!("{class}.{name}").to_ascii_lowercase());
            }
        } else if token.is("set_config") {
            rest.by_ref().find(|token| *token == Token::Other('('));
            match quoted_name(rest.rest()) {
                Some(name) if name.contains('.') => names.push(name.to_ascii_lowercase()),
                Some(_) => {}
                None => return SettingNames::Hidden,
            }
        }
    }
    SettingNames::Known(names)
}

/// The literal at the beginning, if it is a plain one.
fn quoted_name(text: &str) -> Option<&str> {
    text.trim_start().strip_prefix('\'')?.split_once('\'').map(|(name, _)| name)
}

/// First words of statements that change a session.
const CHANGING: [&str; 9] =
    ["reset", "discard", "listen", "unlisten", "prepare", "deallocate", "do", "call", "execute"];

/// First words of statements that leave nothing outside of the session.
const STAYING: [&str; 8] =
    ["set", "reset", "show", "listen", "unlisten", "prepare", "deallocate", "discard"];

/// Words that tell of a change wherever they stand.
const TOUCHING: [&str; 13] = [
    "hold",
    "temp",
    "temporary",
    "pg_temp",
    "set_config",
    "pg_advisory_lock",
    "pg_advisory_lock_shared",
    "pg_try_advisory_lock",
    "pg_try_advisory_lock_shared",
    "pg_advisory_unlock",
    "pg_advisory_unlock_shared",
    "pg_advisory_unlock_all",
    "close",
];

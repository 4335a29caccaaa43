//! What a session holds, as its server tells it, and how it is restored on another connection.
//!
//! Names and values travel as hexadecimal digits, so that no encoding and no setting changes their meaning
//! on the way.

use std::collections::BTreeSet;

use aya_db_core::continuity::excerpt;
use aya_db_core::server_sql::{RESTORE, STATE};
use aya_db_core::session::{SettingNames, setting_names};
use aya_pgwire::ServerMessage;

use crate::link::{Link, Texts};
use crate::literal::{array, hex, with_literals};
use crate::prepared::preparing;

/// The state of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// Settings, the role among them: names and values, in hexadecimal digits.
    settings: Vec<(String, String)>,
    /// Names of the application's own settings, which the server does not list.
    own: BTreeSet<String>,
    /// In hexadecimal digits.
    channels: Vec<String>,
    /// Names and texts of PREPARE statements, in hexadecimal digits.
    prepared: Vec<(String, String)>,
    /// What lives in one server process alone, in words.
    bound: Vec<String>,
    /// A statement that ran after all of this was asked for, and is to run again.
    again: Option<Box<str>>,
}

/// A statement that may have changed the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) sql: Box<str>,
    /// Whether it may run again, and leaves then what it has left before.
    pub(crate) repeats: bool,
}

impl State {
    /// Notes the settings that a statement names.
    pub(crate) fn name_settings(&mut self, sql: &str) {
        match setting_names(sql) {
            SettingNames::Known(names) => self.own.extend(names),
            SettingNames::Hidden => self.bound.push(HIDDEN_SETTING.to_owned()),
        }
    }

    /// The question how the session stands.
    pub(crate) fn question(&self) -> String {
        let own = array(self.own.iter().map(String::as_str));
        let state = with_literals(STATE, &[&own]);
        format!(
            "select kind, {HEX_NAME}, {HEX_VALUE}, name, value from ({state}) as state (kind, name, value)"
        )
    }

    /// Takes the answer to it.
    pub(crate) fn take(&mut self, rows: &Texts) {
        let hidden = self.bound.iter().any(|what| what == HIDDEN_SETTING);
        let mut found = Self { own: std::mem::take(&mut self.own), ..Self::default() };
        if hidden {
            found.bound.push(HIDDEN_SETTING.to_owned());
        }
        for row in rows {
            let text = |column: usize| row.get(column).cloned().flatten();
            let (Some(kind), Some(name)) = (text(0), text(1)) else { continue };
            match (kind.as_str(), text(2)) {
                ("setting", Some(value)) => found.settings.push((name, value)),
                ("channel", _) => found.channels.push(name),
                ("prepared", Some(value)) => found.prepared.push((name, value)),
                ("bound", Some(_)) => {
                    let (name, what) = (text(3).unwrap_or_default(), text(4).unwrap_or_default());
                    found.bound.push(format!("{what} {name}"));
                }
                (_, _) => {}
            }
        }
        *self = found;
    }

    /// What a statement has set is not known, since the connection ended right behind it.
    pub(crate) fn lose(&mut self, sql: &str) {
        self.bound.push(format!("what {} has set", excerpt(sql)));
    }

    /// What a statement has set is not known either, and it is to run again.
    pub(crate) fn repeat(&mut self, sql: Box<str>) {
        self.again = Some(sql);
    }

    /// What is to run again behind what [restores](Self::restoring) the rest.
    pub(crate) fn again(&self) -> Option<Box<str>> {
        self.again.clone()
    }

    /// The server would not run it again.
    pub(crate) fn lose_again(&mut self) {
        if let Some(sql) = self.again.take() {
            self.lose(&sql);
        }
    }

    /// The server would not have it back.
    pub(crate) fn lose_all(&mut self, why: String) {
        self.bound.push(why);
    }

    /// Whether there is a channel on which notifications are waited for.
    pub(crate) fn listens(&self) -> bool {
        !self.channels.is_empty()
    }

    /// What makes a new session like this one, except for what cannot be made anew.
    pub(crate) fn restoring(&self) -> Vec<String> {
        let mut statements = Vec::new();
        if !self.settings.is_empty() {
            let names = array(self.settings.iter().map(|(name, _)| name.as_str()));
            let values = array(self.settings.iter().map(|(_, value)| value.as_str()));
            let plain = |digits: &str| format!("array(select {} {})", plain("it"), unnest(digits));
            let restore = RESTORE.replace("$1", &plain(&names)).replace("$2", &plain(&values));
            statements.push(restore);
        }
        for channel in &self.channels {
            let name = plain(&format!("'{channel}'"));
            statements.push(executing(&format!("pg_catalog.format('listen %I', {name})")));
        }
        for (name, text) in &self.prepared {
            if let Some(text) = preparing(text, name) {
                statements.push(executing(&plain(&format!("'{}'", hex(&text)))));
            }
        }
        statements
    }

    /// What was lost with the connection, once.
    pub(crate) fn take_bound(&mut self) -> Option<String> {
        let lost = std::mem::take(&mut self.bound);
        (!lost.is_empty()).then(|| format!("lost with the connection: {}", lost.join(", ")))
    }

    /// Whether anything is to be restored or was lost.
    pub(crate) fn is_plain(&self) -> bool {
        self.settings.is_empty()
            && self.channels.is_empty()
            && self.prepared.is_empty()
            && self.bound.is_empty()
    }

    /// Words for a failure to restore it.
    pub(crate) fn refused(link: &Link, message: &ServerMessage) -> String {
        String::from_utf8_lossy(&message.report(None, link.encoding())).into_owned()
    }
}

/// A text in the server's encoding, of its digits.
fn plain(digits: &str) -> String {
    format!(
        "pg_catalog.convert_from(pg_catalog.decode({digits}, 'hex'), pg_catalog.getdatabaseencoding())"
    )
}

fn unnest(array: &str) -> String {
    format!(
        "from pg_catalog.unnest('{array}'::text[]) with ordinality as digits (it, place) order by place"
    )
}

/// Runs a statement whose text an expression gives.
fn executing(expression: &str) -> String {
    format!("do $aya$ begin execute {expression}; end $aya$")
}

const HEX_NAME: &str = "pg_catalog.encode(pg_catalog.convert_to(name, \
    pg_catalog.getdatabaseencoding()), 'hex')";
const HEX_VALUE: &str = "pg_catalog.encode(pg_catalog.convert_to(value, \
    pg_catalog.getdatabaseencoding()), 'hex')";

const HIDDEN_SETTING: &str = "a setting whose name is a parameter of set_config";

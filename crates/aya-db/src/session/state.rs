//! What a session holds, as its server tells it, and how it is restored on another connection.

use std::collections::BTreeSet;

use tokio_postgres::Row;

use aya_db_core::continuity::excerpt;
use aya_db_core::failure::{Cause, Facts, InTransaction, Phase, Sent};
use aya_db_core::server_sql::{RESTORE, STATE};
use aya_db_core::session::{SettingNames, preparing, setting_names};

use crate::failed::Failed;
use crate::sql::quoted;
use crate::talk::Talk;

/// The state of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// Settings, the role among them, with their values.
    settings: Vec<(String, String)>,
    /// Names of the application's own settings, which the server does not list.
    own: BTreeSet<String>,
    channels: Vec<String>,
    /// The texts of PREPARE statements.
    prepared: Vec<String>,
    /// What lives in one server process alone, in words.
    bound: Vec<String>,
}

impl State {
    /// Whether there is nothing to restore and nothing to lose.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Notes the settings that a statement names.
    pub(crate) fn name_settings(&mut self, sql: &str) {
        match setting_names(sql) {
            SettingNames::Known(names) => self.own.extend(names),
            SettingNames::Hidden => self.bound.push(HIDDEN_SETTING.to_owned()),
        }
    }

    /// Asks the server how the session stands.
    pub(crate) async fn refresh(&mut self, talk: &Talk<'_>) -> Result<(), Failed> {
        let own: Vec<&str> = self.own.iter().map(String::as_str).collect();
        let rows = talk.query(STATE, &[&own]).await?;
        let hidden = self.bound.iter().any(|what| what == HIDDEN_SETTING);
        let mut found = Self { own: std::mem::take(&mut self.own), ..Self::default() };
        if hidden {
            found.bound.push(HIDDEN_SETTING.to_owned());
        }
        rows.iter().for_each(|row| found.take(row));
        *self = found;
        Ok(())
    }

    fn take(&mut self, row: &Row) {
        let text = |column| row.try_get::<_, Option<String>>(column).ok().flatten();
        let (Some(kind), Some(name), value) = (text(0), text(1), text(2)) else { return };
        match (kind.as_str(), value) {
            ("setting", Some(value)) => self.settings.push((name, value)),
            ("channel", _) => self.channels.push(name),
            // What stood beside it in the same text must not run again.
            ("prepared", Some(text)) => {
                self.prepared.extend(preparing(&text, &name).map(|place| text[place].to_owned()));
            }
            ("bound", Some(what)) => self.bound.push(format!("{what} {name}")),
            (_, _) => {}
        }
    }

    /// What a statement has set is not known, since the connection ended right behind it.
    pub(crate) fn lose(&mut self, sql: &str) {
        self.bound.push(format!("what {} has set", excerpt(sql)));
    }

    /// Makes a new session like this one. What cannot be made anew is forgotten, and told of by the
    /// failure inside.
    pub(crate) async fn restore(&mut self, talk: &Talk<'_>) -> Result<Option<Failed>, Failed> {
        if !self.settings.is_empty() {
            let (names, values): (Vec<&str>, Vec<&str>) =
                self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).unzip();
            let restored = talk.query(RESTORE, &[&names, &values]).await;
            restored.map_err(Failed::ahead_of_work)?;
        }
        let channels = self.channels.iter().map(|name| format!("listen {}", quoted(name)));
        let statements: Vec<String> = channels.chain(self.prepared.iter().cloned()).collect();
        for statement in &statements {
            talk.batch(statement).await.map_err(Failed::ahead_of_work)?;
        }
        let lost = std::mem::take(&mut self.bound);
        if lost.is_empty() {
            return Ok(None);
        }
        let phase = Phase::Statement(InTransaction::No);
        let facts = Facts::new(phase, Sent::No, Cause::SessionState);
        Ok(Some(Failed::new(facts).on(talk.link).because(StateLost(lost.join(", ")))))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("lost with the connection: {0}")]
struct StateLost(String);

const HIDDEN_SETTING: &str = "a setting whose name is a parameter of set_config";

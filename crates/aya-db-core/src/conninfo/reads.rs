//! How reads choose their server.

use std::time::Duration;

use super::error::ConnInfoError;
use super::settings::Settings;
use super::value::Given;
use crate::route::{Fallback, StandbyPolicy};

/// How reads choose their server where a call does not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadSettings {
    /// Which of several standbys gets a read (`read_policy`).
    pub policy: StandbyPolicy,
    /// What becomes of a read that no standby may serve (`read_fallback`).
    pub fallback: Fallback,
    /// Which statements choose their server by their text (`read_routing`).
    pub routing: ReadRouting,
    /// How long a read after a causal token waits for a standby (`causal_wait`).
    pub causal_wait: Duration,
}

/// Which statements choose their server by their text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ReadRouting {
    /// None.
    Off,
    /// Those with a hint in front.
    #[default]
    Hints,
    /// Those, and plain SELECTs.
    Auto,
}

impl ReadSettings {
    pub(super) fn from_settings(settings: &Settings) -> Result<Self, ConnInfoError> {
        let given = |keyword| Given::filled(settings, keyword);
        let routing = match given("read_routing") {
            Some(given) => routing(&given)?,
            None => ReadRouting::default(),
        };
        Ok(Self {
            policy: given("read_policy")
                .map(|given| given.choice(&StandbyPolicy::ALL))
                .transpose()?
                .unwrap_or_default(),
            fallback: given("read_fallback")
                .map(|given| given.choice(&Fallback::ALL))
                .transpose()?
                .unwrap_or_default(),
            routing,
            causal_wait: given("causal_wait")
                .map(|given| given.duration(Duration::from_millis(1)))
                .transpose()?
                .unwrap_or(Duration::from_millis(100)),
        })
    }
}

fn routing(given: &Given<'_>) -> Result<ReadRouting, ConnInfoError> {
    let words =
        [("off", ReadRouting::Off), ("hints", ReadRouting::Hints), ("auto", ReadRouting::Auto)];
    match given.choice(&words)? {
        ReadRouting::Auto if !cfg!(feature = "sql-parser") => {
            Err(given.refused("it needs the cargo feature \"sql-parser\""))
        }
        routing => Ok(routing),
    }
}

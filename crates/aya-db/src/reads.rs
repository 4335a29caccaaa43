//! What a call says of its reads, put together with what the connection string says; and statements
//! that choose their server by their text.

use aya_db_core::conninfo::ReadRouting;
use aya_db_core::failure::ClientFault;
use aya_db_core::retry::{Decision, StopReason};
use aya_db_core::route::{
    Fallback, Intent, ReadServers, ReadWish, StandbyPolicy, hint_of, is_standby_conflict,
    may_be_hinted, select,
};
use aya_db_core::snapshot::NodeRole;

use crate::core::Core;
use crate::error::Error;
use crate::failed::Failed;
use crate::options::{CallOptions, Chosen, ReadOptions};
use crate::pool::{Reading, explain_read};

/// How a call chooses its server, if it is a read that asks for more than the leader.
pub(crate) fn reading(core: &Core, options: &CallOptions, intent: Intent) -> Option<Reading> {
    let prefers_standby = matches!(intent, Intent::Standby | Intent::PreferStandby);
    let said = options.reads.as_deref();
    let has_goal = said.is_some_and(|said| said.after.is_some() || said.freshness.is_some());
    if !prefers_standby && !has_goal {
        return None;
    }
    let info = core.session.info();
    let (said, settings) = (said.copied().unwrap_or_default(), info.reads());
    let fallback = fallback(core, &said);
    let servers = match (intent, fallback) {
        (Intent::PreferStandby, fallback) => ReadServers::Standbys(fallback),
        (Intent::Standby, Fallback::Refuse) => ReadServers::Standbys(Fallback::Refuse),
        (Intent::Standby | Intent::ReadOnly, _) => ReadServers::Standbys(Fallback::Wait),
        (Intent::Any | Intent::ReadWrite | Intent::Primary | Intent::PreferPrimary, _) => {
            ReadServers::Leader
        }
    };
    let policy = said.policy.unwrap_or(settings.policy);
    Some(Reading {
        wish: ReadWish {
            servers,
            policy,
            limits: said.limits.unwrap_or_else(|| info.lag_limits()),
            after: said.after,
            freshness: said.freshness,
        },
        draw: match policy {
            StandbyPolicy::RoundRobin => core.turn(),
            _ => rand::random(),
        },
        causal_wait: said.causal_wait.unwrap_or(settings.causal_wait),
    })
}

/// Where a call would go now, line by line: what would be done, then a reason for every server.
pub(crate) fn explain(core: &Core, options: &CallOptions) -> String {
    let info = core.session.info();
    let intent = options.intent.unwrap_or_else(|| info.target_session_attrs().into());
    match reading(core, options, intent) {
        Some(reading) => explain_read(&core.dialling, &core.keeper, &reading),
        None => {
            let limits = info.lag_limits();
            let snapshot = core.monitor.snapshot();
            let selection = select(&snapshot, intent, &limits, rand::random());
            let selection = match core.keeper.fleet().hold() {
                Some(hold) => hold.restrict(selection, intent, &snapshot.leadership),
                None => selection,
            };
            let reasons: Vec<String> = selection.reasons.iter().map(ToString::to_string).collect();
            reasons.join("\n")
        }
    }
}

fn fallback(core: &Core, said: &ReadOptions) -> Fallback {
    said.fallback.unwrap_or_else(|| core.session.info().reads().fallback)
}

/// Whether work that has failed on a standby is to be run again on the leader, at once: the standby cut
/// it short because it stood in the way of the replay, or refuses a statement that it was given by the
/// driver's own choice (a table that it does not have yet, or that is temporary).
pub(crate) fn leaves_standbys(
    core: &Core,
    options: &CallOptions,
    failed: &Failed,
    decision: Decision,
) -> bool {
    let found = failed.classify();
    let movable = match decision {
        Decision::Again { .. } => is_standby_conflict(found.kind),
        Decision::Stop { reason: StopReason::Permanent } => {
            options.chosen == Chosen::ByText && found.fate.is_safe_to_run_again()
        }
        Decision::Stop { .. } | Decision::Reprepare => false,
    };
    let said = options.reads.as_deref().copied().unwrap_or_default();
    let on_standby = |node| {
        let snapshot = core.monitor.snapshot();
        snapshot.nodes.get(node).is_some_and(|node| node.answered_role == NodeRole::Standby)
    };
    movable && fallback(core, &said) == Fallback::Primary && failed.node().is_some_and(on_standby)
}

/// How statements choose their server by their text.
#[derive(Debug)]
pub(crate) struct Texts {
    routing: ReadRouting,
    #[cfg(feature = "sql-parser")]
    known: crate::plain_selects::PlainSelects,
}

impl Texts {
    pub(crate) fn new(routing: ReadRouting) -> Self {
        Self {
            routing,
            #[cfg(feature = "sql-parser")]
            known: crate::plain_selects::PlainSelects::default(),
        }
    }

    /// Whether the text has to be looked at at all; asked of every statement.
    pub(crate) fn has_a_say(&self, sql: &str) -> bool {
        match self.routing {
            ReadRouting::Off => false,
            ReadRouting::Hints => may_be_hinted(sql),
            ReadRouting::Auto => true,
        }
    }

    /// The options and the text of a statement, once its text has had its say. A hint is taken off: what
    /// is sent is the statement alone, so that it is judged and prepared like every other.
    pub(crate) fn route<'a>(
        &self,
        options: &CallOptions,
        sql: &'a str,
    ) -> Result<(CallOptions, &'a str), Error> {
        match hint_of(sql) {
            Ok(Some((hint, statement))) => Ok((options.hinted(hint), statement)),
            Ok(None) => Ok((self.route_unhinted(options, sql), sql)),
            Err(unknown) => Err(Error::client(ClientFault::Hint, unknown)),
        }
    }

    #[cfg(feature = "sql-parser")]
    fn route_unhinted(&self, options: &CallOptions, sql: &str) -> CallOptions {
        use aya_db_core::failure::Safety;

        let open = options.intent.is_none() && options.safety == Safety::Unmarked;
        if self.routing == ReadRouting::Auto && open && self.known.holds(sql) {
            return options.moved_to_standbys();
        }
        options.clone()
    }

    #[cfg(not(feature = "sql-parser"))]
    #[expect(clippy::unused_self, reason = "with the parser it looks at what it knows")]
    fn route_unhinted(&self, options: &CallOptions, _sql: &str) -> CallOptions {
        options.clone()
    }
}

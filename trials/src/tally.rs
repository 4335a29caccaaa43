//! What the driver's resolver said, as it tells by `tracing`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// How often each verdict was given, by its reason. Clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally(Arc<Mutex<BTreeMap<String, u64>>>);

impl Tally {
    /// The verdicts so far.
    pub(crate) fn verdicts(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<S: Subscriber> Layer<S> for Tally {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        if *event.metadata().level() != Level::INFO || event.metadata().target() != RESOLVER {
            return;
        }
        let mut verdict = Verdict(None);
        event.record(&mut verdict);
        if let Some(verdict) = verdict.0 {
            let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *counts.entry(verdict).or_default() += 1;
        }
    }
}

struct Verdict(Option<String>);

impl Visit for Verdict {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "verdict" {
            self.0 = Some(format!("{value:?}"));
        }
    }
}

/// The module that resolves.
const RESOLVER: &str = "aya_db::doubt";

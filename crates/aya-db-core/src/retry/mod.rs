//! Whether failed work is run again, where, and after what.
//!
//! [`decide`] takes facts and returns a closed [`Decision`] with its reason; the one retry loop of
//! the shell obeys it. Nothing here sleeps or rolls dice: the shell turns [`Wait::Backoff`] into
//! time by the numbers of [`Policy`].
//!
//! ```text
//! Facts, Classified, Policy, Progress, BudgetState -> decide -> Again { after, on, unit }
//!                                                              | Reprepare | Stop { reason }
//! ```

mod breaker;
mod budget;
mod decide;
mod policy;

pub use self::breaker::{Breaker, BreakerPolicy, BreakerState, Permission};
pub use self::budget::{Budget, BudgetPolicy, BudgetState};
pub use self::decide::{Decision, Progress, StopReason, Target, Unit, Wait, costs_budget, decide};
pub use self::policy::{Backoff, Jitter, Policy};

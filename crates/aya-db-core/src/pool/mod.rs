//! What becomes of pooled connections: kept or discarded at check-in and check-out, flushed when
//! the snapshot changes, and how fast new ones may be opened.

mod plan;
mod recycle;
mod slots;

pub use self::plan::{Command, FlushReason, plan};
pub use self::recycle::{
    Connection, DiscardReason, Openness, RecyclePolicy, Recycled, TransactionStatus, recycle,
};
pub use self::slots::SlotPolicy;

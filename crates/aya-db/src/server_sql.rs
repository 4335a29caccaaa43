//! Expressions by which a server tells of itself. What the probes note and what a commit is marked
//! with is compared, so both must ask in the same words.

/// The timeline that a primary writes on, as a number. `pg_control_checkpoint()` would tell the old
/// one until the first checkpoint after a promotion.
macro_rules! timeline_written {
    () => {
        "('x' || substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8))\
            ::bit(32)::bigint"
    };
}

/// The timeline that a standby receives, that of its last restart point, or that up to which it is sure
/// to have to replay after a crash, whichever is later. The first is hidden from users without the right
/// to read statistics, and the others follow a promotion elsewhere only after a while.
macro_rules! timeline_replayed {
    () => {
        "greatest((select received_tli from pg_catalog.pg_stat_wal_receiver), \
            case when pg_catalog.has_function_privilege( \
                    'pg_catalog.pg_control_checkpoint()', 'execute') \
                then (select timeline_id from pg_catalog.pg_control_checkpoint()) end, \
            case when pg_catalog.has_function_privilege( \
                    'pg_catalog.pg_control_recovery()', 'execute') \
                then (select min_recovery_end_timeline from pg_catalog.pg_control_recovery()) end)"
    };
}

/// The run of the postmaster: when it began, in microseconds since 1970.
macro_rules! incarnation {
    () => {
        "(extract(epoch from pg_catalog.pg_postmaster_start_time()) * 1000000)::bigint"
    };
}

pub(crate) use {incarnation, timeline_replayed, timeline_written};

//! What shells ask servers, in SQL.
//!
//! What one of them notes and what another is told later is compared, so all must ask in the same words.

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

/// The role, the timeline, the place in the log, and which run of which database cluster this is.
///
/// A standby that receives nothing counts as old as its last replayed commit, even if it has replayed
/// all that it has: the leader may have gone on without it.
///
/// A standby is on the timeline that it receives, or that of its last restart point. The subquery
/// keeps the planner from asking for the role twice.
pub const PROBE: &str = concat!(
    "select r, \
        pg_catalog.current_setting('default_transaction_read_only') = 'on', \
        case when pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'execute') \
            then (select system_identifier from pg_catalog.pg_control_system())::text end, \
        case when r then ",
    timeline_replayed!(),
    "::text else ",
    timeline_written!(),
    "::text end, \
        case when r then pg_catalog.pg_last_wal_replay_lsn() \
            else pg_catalog.pg_current_wal_lsn() end::text, \
        case when not r then null \
            when pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn() \
                and exists (select from pg_catalog.pg_stat_wal_receiver) then 0 \
            else (extract(epoch from pg_catalog.clock_timestamp() \
                - pg_catalog.pg_last_xact_replay_timestamp()) * 1000)::bigint end, ",
    incarnation!(),
    ", case when not r then pg_catalog.pg_last_wal_replay_lsn() end::text \
    from (select pg_catalog.pg_is_in_recovery() as r offset 0) as role"
);

/// How far a standby has replayed, and on which timeline; nothing of a server that was promoted
/// meanwhile, which another plan takes for what it is.
pub const STANDING: &str = concat!(
    "select case when r then pg_catalog.pg_last_wal_replay_lsn() end::text, \
        case when r then ",
    timeline_replayed!(),
    " end::text from (select pg_catalog.pg_is_in_recovery() as r offset 0) as role"
);

/// The end of the log, its timeline, the sizes by which the end is told, and the database cluster.
///
/// It is the place of the next record rather than what is flushed: a commit that did not wait for the
/// disk (`synchronous_commit=off`) lies behind the flushed part and is to be seen all the same.
pub const TOKEN: &str = concat!(
    "select pg_catalog.pg_current_wal_insert_lsn()::text, ",
    timeline_written!(),
    ", pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size')), \
        pg_catalog.current_setting('wal_block_size')::bigint, \
        case when pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'execute') \
            then (select system_identifier from pg_catalog.pg_control_system())::text end"
);

/// Notes the transaction it runs in, once that has a number, and leaves a record of it in the log: what it
/// has written so far may have left none (temporary and unlogged tables). The place is behind that record.
///
/// The record is a message that nobody but logical decoding reads, and is part of the transaction.
pub const MARK: &str = "select number::text, case when number is not null \
        then pg_catalog.pg_logical_emit_message(true, 'aya_db'::text, ''::text) end::text \
    from (select pg_catalog.pg_current_xact_id_if_assigned() as number offset 0) as mine";

/// What is the same for all marks of a connection; nothing on a standby, or where a function may not be
/// called, since an error of [`MARK`] would take the transaction with it.
pub const LIFE: &str = concat!(
    "select case when r then null else ",
    timeline_written!(),
    " end, ",
    incarnation!(),
    ", pg_catalog.pg_last_wal_replay_lsn()::text from (select pg_catalog.pg_is_in_recovery() \
        or not pg_catalog.has_function_privilege( \
            'pg_catalog.pg_current_wal_insert_lsn()', 'execute') \
        or not pg_catalog.has_function_privilege('pg_catalog.pg_walfile_name(pg_lsn)', 'execute') \
        or not coalesce( \
            pg_catalog.has_function_privilege(pg_catalog.to_regprocedure( \
                'pg_catalog.pg_logical_emit_message(boolean,text,text,boolean)'), 'execute'), \
            pg_catalog.has_function_privilege(pg_catalog.to_regprocedure( \
                'pg_catalog.pg_logical_emit_message(boolean,text,text)'), 'execute'), \
            false) \
        as r offset 0) as role"
);

/// Asks a leader for its timeline, its run, and where its replay of the log ended.
pub const LINE: &str = concat!(
    "select ",
    timeline_written!(),
    ", ",
    incarnation!(),
    ", pg_catalog.pg_last_wal_replay_lsn()::text"
);

/// Asks it what it knows of a transaction number.
pub const STATUS: &str = "select pg_catalog.pg_xact_status($1::text::xid8)";

/// Sets the commit ledger up; to be run once in a database, by one who may create schemas there. It may be
/// run again. The functions run with its owner's rights, so the application needs none on the table.
///
/// - `aya_db.note_commit(token)` adds the token's row to a transaction that has written.
/// - `aya_db.settle_commit(token)` tells whether the token's transaction is committed, and sees to it that
///   it can no longer be if it is not: it takes the token's place in the table. While the transaction is
///   still under way it waits for its end.
/// - `aya_db.prune_commit_ledger(age, batch)` removes rows of that age, so many at most.
pub const COMMIT_LEDGER_SQL: &str = "\
create schema if not exists aya_db;
create table if not exists aya_db.commit_ledger (
    token uuid primary key,
    committed boolean not null default true,
    noted_at timestamptz not null default now()
);
create index if not exists commit_ledger_noted_at on aya_db.commit_ledger using brin (noted_at)
    with (pages_per_range = 16, autosummarize = on);
create or replace function aya_db.note_commit(token uuid) returns void
language plpgsql security definer set search_path = '' as $$
begin
    if pg_catalog.pg_current_xact_id_if_assigned() is not null then
        insert into aya_db.commit_ledger (token) values (note_commit.token);
    end if;
end $$;
create or replace function aya_db.settle_commit(token uuid) returns boolean
language plpgsql security definer set search_path = '' as $$
begin
    insert into aya_db.commit_ledger (token, committed) values (settle_commit.token, false)
        on conflict do nothing;
    return (select l.committed from aya_db.commit_ledger l where l.token = settle_commit.token);
end $$;
create or replace function aya_db.prune_commit_ledger(age interval, batch integer) returns bigint
language plpgsql security definer set search_path = '' as $$
declare
    pruned bigint;
begin
    delete from aya_db.commit_ledger where ctid = any (array(
        select ctid from aya_db.commit_ledger where noted_at < pg_catalog.now() - age
        limit batch for update skip locked));
    get diagnostics pruned = row_count;
    return pruned;
end $$;
grant usage on schema aya_db to public;
";

/// Whether there is a ledger that the user may write to.
pub const HAS_LEDGER: &str = "\
select coalesce(pg_catalog.has_function_privilege( \
    pg_catalog.to_regprocedure('aya_db.note_commit(uuid)'), 'execute') \
    and pg_catalog.has_schema_privilege(pg_catalog.to_regnamespace('aya_db'), 'usage'), false)";

/// Adds a token's row to the transaction.
pub const NOTE: &str = "select aya_db.note_commit($1::text::uuid)";

/// Tells what became of the transaction of a token, and takes the token's place if it is not there.
pub const SETTLE: &str = "select aya_db.settle_commit($1::text::uuid)";

/// Removes a batch of old rows from the ledger.
pub const PRUNE: &str = "select aya_db.prune_commit_ledger('1 day', 1000)";

/// A session of the same user, by its process number, that began before it was last heard. The user
/// may end it: it is his own.
macro_rules! end_session {
    ($more:literal) => {
        concat!(
            "select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity \
             where pid = $1::int4 and usename = current_user and pid <> pg_catalog.pg_backend_pid() \
               and backend_start < pg_catalog.clock_timestamp() \
                   - pg_catalog.make_interval(secs => $2::float8)",
            $more
        )
    };
}

/// Ends a session that a lost connection has left behind, whatever it does: `$1` is its process, `$2` for how
/// many seconds nothing was heard of it.
pub const END_ANY: &str = end_session!("");

/// The same where it sits in its transaction and waits for a client that is gone.
pub const END_IDLE: &str = end_session!(
    " and state in ('idle in transaction', 'idle in transaction (aborted)') \
     and wait_event = 'ClientRead'"
);

/// Everything that outlives a transaction (PostgreSQL documentation, "DISCARD", lists it). The server does
/// not list the settings of applications; those are asked for by name.
pub const STATE: &str = "\
select 'setting', name, pg_catalog.current_setting(name) from pg_catalog.pg_settings \
    where source = 'session' and name not like 'transaction\\_%' \
union all \
select 'setting', name, value from (select name, pg_catalog.current_setting(name, true) as value \
    from unnest($1::text[]) as own (name)) as own where value <> '' \
union all \
select 'setting', 'role', role from pg_catalog.current_setting('role') as role where role <> 'none' \
union all \
select 'channel', channel, null from pg_catalog.pg_listening_channels() as channel \
union all \
select 'prepared', name, statement from pg_catalog.pg_prepared_statements where from_sql \
union all \
select 'bound', pg_catalog.quote_ident(name), 'the cursor WITH HOLD' from pg_catalog.pg_cursors \
    where is_holdable \
union all \
select 'bound', pg_catalog.concat_ws(',', nullif(classid::int8, 0), objid), 'the advisory lock' \
    from pg_catalog.pg_locks where locktype = 'advisory' and pid = pg_catalog.pg_backend_pid() and granted \
union all \
select 'bound', pg_catalog.quote_ident(relname), 'the temporary table' from pg_catalog.pg_class \
    where relnamespace = pg_catalog.pg_my_temp_schema() and relkind in ('r', 'p')";

/// Sets the settings of the names `$1` to the values `$2`.
pub const RESTORE: &str = "select pg_catalog.set_config(name, value, false) \
    from unnest($1::text[], $2::text[]) as setting (name, value)";

//! The tables of a soak, and what is in them at its end.

use anyhow::{Context, Result};
use aya_testkit::sql;
use serde::{Deserialize, Serialize};

/// Everything in the tables.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) accounts: Vec<Account>,
    pub(super) transfers: Vec<Transfer>,
    /// In the order of their places.
    pub(super) appends: Vec<Append>,
    pub(super) registers: Vec<Register>,
}

/// An account; each began with [`INITIAL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) id: i64,
    pub(super) balance: i64,
}

/// A row that a transfer leaves beside the two balances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Transfer {
    pub(super) op: i64,
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) amount: i64,
}

/// A number in an agent's list, and the highest that was there when it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Append {
    pub(super) agent: i32,
    pub(super) seq: i64,
    pub(super) after: i64,
}

/// An agent's register, and how often it was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Register {
    pub(super) agent: i32,
    pub(super) version: i64,
    pub(super) writes: i64,
}

/// Makes the tables for `agents`. No key is unique where a row that is there twice must be seen.
pub(super) async fn make(owner: &str, agents: i32) -> Result<()> {
    let rows = format!(
        "insert into accounts select n, {INITIAL} from generate_series(1, {ACCOUNTS}) n; \
         insert into registers select n, 0, 0 from generate_series(1, {agents}) n"
    );
    sql(owner, &format!("{TABLES}; {rows}")).await.context("make the tables")?;
    Ok(())
}

impl State {
    /// Reads all of it.
    pub(super) async fn read(superuser: &str) -> Result<Self> {
        let accounts = numbers(superuser, "select id, balance from accounts order by 1").await?;
        let transfers = "select op, source, target, amount from transfers order by 1";
        let transfers = numbers(superuser, transfers).await?;
        let appends = "select agent, seq, after from appends order by place";
        let appends = numbers(superuser, appends).await?;
        let registers = "select agent, version, writes from registers order by 1";
        let registers = numbers(superuser, registers).await?;
        let account = |[id, balance]: &[i64; 2]| Account { id: *id, balance: *balance };
        let transfer = |[op, from, to, amount]: &[i64; 4]| Transfer {
            op: *op,
            from: *from,
            to: *to,
            amount: *amount,
        };
        let append = |[agent, seq, after]: &[i64; 3]| {
            Ok(Append { agent: i32::try_from(*agent)?, seq: *seq, after: *after })
        };
        let register = |[agent, version, writes]: &[i64; 3]| {
            Ok(Register { agent: i32::try_from(*agent)?, version: *version, writes: *writes })
        };
        Ok(Self {
            accounts: accounts.iter().map(account).collect(),
            transfers: transfers.iter().map(transfer).collect(),
            appends: appends.iter().map(append).collect::<Result<_>>()?,
            registers: registers.iter().map(register).collect::<Result<_>>()?,
        })
    }
}

async fn numbers<const N: usize>(conninfo: &str, query: &str) -> Result<Vec<[i64; N]>> {
    let rows = sql(conninfo, query).await?;
    let number = |field: &Option<String>| field.as_deref()?.parse::<i64>().ok();
    let row = |row: &Vec<Option<String>>| {
        let numbers: Option<Vec<i64>> = row.iter().map(number).collect();
        numbers.and_then(|numbers| <[i64; N]>::try_from(numbers).ok())
    };
    let all: Option<Vec<[i64; N]>> = rows.iter().map(row).collect();
    all.with_context(|| format!("{query} gave something else than {N} numbers"))
}

/// How many accounts there are.
pub(super) const ACCOUNTS: i64 = 16;
/// What each of them begins with.
pub(super) const INITIAL: i64 = 1_000;

const TABLES: &str = "\
    create table accounts (id bigint primary key, balance bigint not null); \
    create table transfers (op bigint, source bigint, target bigint, amount bigint); \
    create table appends (place bigserial, agent int, seq bigint, after bigint); \
    create index on appends (agent, seq); \
    create table registers (agent int primary key, version bigint not null, writes bigint not null); \
    create table probe (at timestamptz default clock_timestamp())";

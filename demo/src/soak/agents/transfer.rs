//! Moves money between accounts, whose sum must stay.

use anyhow::Result;
use aya_db::{Error, Transaction};

use super::Agent;
use crate::soak::history::Work;
use crate::soak::state::ACCOUNTS;

/// Who begins and commits the transactions.
#[derive(Debug, Clone, Copy)]
pub(super) enum Style {
    /// The agent.
    ByHand,
    /// The driver.
    Closure,
}

pub(super) async fn work(mut agent: Agent, style: Style) -> Result<()> {
    let cluster = agent.cluster.clone();
    while agent.goes_on().await {
        let order = Order::draw(&mut agent);
        let Order { op, from, to, amount } = order;
        let run = Box::pin(async {
            match style {
                Style::ByHand => {
                    let tx = cluster.begin().await?;
                    let rows = order.carry_out(&tx).await?;
                    tx.commit().await?;
                    Ok(rows)
                }
                Style::Closure => {
                    cluster.transaction(|tx| async move { order.carry_out(&tx).await }).await
                }
            }
        });
        agent.note(op, Work::Transfer { from, to, amount }, run).await?;
    }
    Ok(())
}

#[derive(Debug, Clone, Copy)]
struct Order {
    op: i64,
    from: i64,
    to: i64,
    amount: i64,
}

impl Order {
    fn draw(agent: &mut Agent) -> Self {
        let from = agent.dice.below(ACCOUNTS.unsigned_abs()).cast_signed();
        let apart = agent.dice.below(ACCOUNTS.unsigned_abs() - 1).cast_signed() + 1;
        let amount = agent.dice.below(10).cast_signed() + 1;
        Self { op: agent.op(), from: from + 1, to: (from + apart) % ACCOUNTS + 1, amount }
    }

    /// The lower account comes first, so that no two transfers wait for each other.
    async fn carry_out(self, tx: &Transaction) -> Result<i64, Error> {
        let Self { op, from, to, amount } = self;
        let mut steps = [(from, -amount), (to, amount)];
        steps.sort_unstable();
        let [(first, first_change), (second, second_change)] = steps;
        tx.execute(CHANGE, &[&first, &first_change]).await?;
        tx.query_one(LOOK, &[&first]).await?;
        tx.execute(CHANGE, &[&second, &second_change]).await?;
        tx.query_one(LOOK, &[&second]).await?;
        let rows = tx.execute(NOTE, &[&op, &from, &to, &amount]).await?;
        Ok(rows.cast_signed())
    }
}

const CHANGE: &str = "update accounts set balance = balance + $2 where id = $1";
const LOOK: &str = "select balance from accounts where id = $1";
const NOTE: &str = "insert into transfers (op, source, target, amount) values ($1, $2, $3, $4)";

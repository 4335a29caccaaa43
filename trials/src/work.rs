//! The transactions: what they are made of, and how they run.

use std::time::Duration;

use aya_db::{Cluster, Error, Row, Transaction};
use tokio::time::sleep;

use crate::dice::Dice;

/// How a transaction is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One statement in autocommit.
    Single,
    /// A closure, which may be called again.
    Closure,
    /// By `begin` and `commit`.
    Explicit,
}

/// What a transaction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Writes a row.
    Insert(i32),
    /// Writes a row behind a savepoint, which is released: in a subtransaction.
    Within(i32),
    /// Writes a row behind a savepoint, which is undone.
    Undone(i32),
    /// Reads.
    Read,
    /// Thinks.
    Pause(Duration),
}

/// Whether the transaction tells its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    /// Yes.
    Told,
    /// No: a replay would find another one, and refuse.
    Kept,
}

/// One transaction.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub(crate) id: i64,
    pub(crate) shape: Shape,
    /// What it does, at least one insert among it.
    steps: Vec<Step>,
    number: Number,
}

impl Work {
    /// Draws one.
    pub(crate) fn draw(dice: &mut Dice, id: i64, number: Number) -> Self {
        let shapes = [Shape::Single, Shape::Closure, Shape::Explicit, Shape::Explicit];
        let shape = dice.pick(&shapes);
        if shape == Shape::Single {
            return Self { id, shape, steps: vec![Step::Insert(0)], number: Number::Kept };
        }
        let mut steps = Vec::new();
        for part in 0..=dice.below(4) {
            let part = i32::try_from(part).unwrap_or(0);
            steps.push(match dice.below(4) {
                0 | 1 => Step::Insert(part),
                2 => Step::Within(part),
                _ => Step::Undone(part),
            });
            match dice.below(4) {
                0 => steps.push(Step::Read),
                1 => steps.push(Step::Pause(dice.pause(4))),
                _ => {}
            }
        }
        // One row at least is kept; it comes last, so that the rest may be all undone before it.
        steps.push(if dice.once_in(2) { Step::Insert(9) } else { Step::Within(9) });
        steps.push(Step::Pause(dice.pause(3)));
        let number = if shape == Shape::Explicit { number } else { Number::Kept };
        Self { id, shape, steps, number }
    }

    /// The rows that it leaves when it is committed, in order.
    pub(crate) fn rows(&self) -> Vec<i32> {
        let kept = self.steps.iter().filter_map(|step| match step {
            Step::Insert(part) | Step::Within(part) => Some(*part),
            Step::Undone(_) | Step::Read | Step::Pause(_) => None,
        });
        kept.collect()
    }

    /// Runs it; tells its number, if it does, as soon as it knows it.
    ///
    /// # Errors
    /// The driver's.
    pub(crate) async fn run(
        &self,
        cluster: &Cluster,
        mut told: impl FnMut(String) + Send,
    ) -> Result<(), Error> {
        match self.shape {
            Shape::Single => cluster.execute(INSERT, &[&self.id, &0]).await.map(drop),
            Shape::Closure => {
                cluster.transaction(|tx| async move { self.steps(&tx, |_| {}).await }).await
            }
            Shape::Explicit => {
                let tx = cluster.begin().await?;
                self.steps(&tx, &mut told).await?;
                tx.commit().await
            }
        }
    }

    async fn steps(
        &self,
        tx: &Transaction,
        mut told: impl FnMut(String) + Send,
    ) -> Result<(), Error> {
        for step in &self.steps {
            match *step {
                Step::Insert(part) => self.insert(tx, part, &mut told).await?,
                Step::Within(part) => {
                    tx.savepoint("s").await?;
                    self.insert(tx, part, &mut told).await?;
                    tx.release("s").await?;
                }
                Step::Undone(part) => {
                    tx.savepoint("u").await?;
                    self.insert(tx, part, &mut told).await?;
                    tx.rollback_to("u").await?;
                }
                Step::Read => drop(tx.query("select 1 from trial limit 1", &[]).await?),
                Step::Pause(pause) => sleep(pause).await,
            }
        }
        Ok(())
    }

    async fn insert(
        &self,
        tx: &Transaction,
        part: i32,
        told: &mut (impl FnMut(String) + Send),
    ) -> Result<(), Error> {
        match self.number {
            Number::Kept => tx.execute(INSERT, &[&self.id, &part]).await.map(drop),
            Number::Told => {
                let row: Row = tx.query_one(INSERT_AND_TELL, &[&self.id, &part]).await?;
                told(row.get(0));
                Ok(())
            }
        }
    }
}

const INSERT: &str = "insert into trial values ($1, $2)";
const INSERT_AND_TELL: &str =
    "insert into trial values ($1, $2) returning pg_current_xact_id()::text";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transaction_leaves_rows_and_none_twice() {
        let mut dice = Dice::new(1, 0);
        for id in 0..1000 {
            let rows = Work::draw(&mut dice, id, Number::Told).rows();
            assert!(!rows.is_empty());
            assert!(rows.windows(2).all(|pair| pair[0] < pair[1]), "{rows:?}");
        }
    }
}

//! A unit of work in a transaction: three rows, and after each of the first two a look at what is
//! there.

use aya_db::{Error, Transaction};

/// Why a unit came to nothing.
pub(super) enum Spoilt {
    /// The driver raised an error.
    Failed(Error),
    /// The transaction did not see what it had written.
    Misread,
}

impl From<Error> for Spoilt {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Everything between BEGIN and COMMIT.
pub(super) async fn steps(tx: &Transaction, id: i64, agent: i32) -> Result<(), Spoilt> {
    step(tx, id, agent, 1).await?;
    look(tx, id, 1).await?;
    step(tx, id, agent, 2).await?;
    look(tx, id, 2).await?;
    step(tx, id, agent, STEPS).await
}

async fn step(tx: &Transaction, id: i64, agent: i32, step: i32) -> Result<(), Spoilt> {
    tx.execute(STEP, &[&id, &agent, &step, &STEPS]).await?;
    Ok(())
}

async fn look(tx: &Transaction, id: i64, expected: i64) -> Result<(), Spoilt> {
    let there: i64 = tx.query_one(LOOK, &[&id]).await?.get(0);
    if there == expected { Ok(()) } else { Err(Spoilt::Misread) }
}

/// What a unit that saw the wrong rows is counted under.
pub(crate) const MISREAD: &str = "misread";

const STEPS: i32 = 3;
const STEP: &str = "insert into ledger (id, agent, step, steps) values ($1, $2, $3, $4)";
const LOOK: &str = "select count(*) from ledger where id = $1";

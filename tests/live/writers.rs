//! Tasks that write without a pause through whatever happens, and count what they were told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;

use aya_db::{Cluster, Error, FailureKind, Fate};
use aya_testkit::{sql, until};

use crate::support::{LONG, within};

/// What a writer was told of one of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    Written,
    Unknown,
    /// Committed, perhaps on no standby.
    Committed,
}

/// Ten writers of rows of their own, until they are stopped.
pub(crate) struct Writers {
    log: Arc<Log>,
    tasks: JoinSet<()>,
}

#[derive(Default)]
struct Log {
    stop: AtomicBool,
    told: Mutex<BTreeMap<(i32, i32), Told>>,
    refused: Mutex<Vec<String>>,
    longest: Mutex<Duration>,
}

impl Writers {
    /// Makes their table and sets them to work.
    pub(crate) async fn start(cluster: &Cluster) -> Result<Self> {
        // No key: a row that is written twice must show.
        cluster.batch("create table written (writer int, n int)").await?;
        let log = Arc::new(Log::default());
        let mut tasks = JoinSet::new();
        for writer in 0..WRITERS {
            tasks.spawn(write(cluster.clone(), writer, Arc::clone(&log)));
        }
        let writers = Self { log, tasks };
        writers.progress().await?;
        Ok(writers)
    }

    /// Waits until each of them has written more rows than it has now.
    pub(crate) async fn progress(&self) -> Result<()> {
        let before = self.log.counts();
        until("every writer to go on", LONG, async || {
            let now = self.log.counts();
            let all = (0..WRITERS).all(|writer| {
                let count = |counts: &BTreeMap<i32, usize>| counts.get(&writer).copied();
                count(&now).unwrap_or_default() > count(&before).unwrap_or_default() + 1
            });
            self.log.nobody_was_refused()?;
            Ok(all.then_some(()))
        })
        .await
    }

    /// Stops them and compares what they were told with what is there. Returns how many rows they
    /// do not know of, and how long the longest call took.
    pub(crate) async fn settle(mut self, conninfo: &str) -> Result<(usize, Duration)> {
        self.log.stop.store(true, Ordering::SeqCst);
        while let Some(end) = within(LONG, "a writer's end", self.tasks.join_next()).await? {
            end?;
        }
        self.log.nobody_was_refused()?;
        let mut there = rows(conninfo).await?;
        let told = held(&self.log.told);
        let (mut lost, mut doubled) = (Vec::new(), Vec::new());
        for (row, told) in &*told {
            let count = there.remove(row).unwrap_or_default();
            if count > 1 {
                doubled.push(*row);
            }
            if count == 0 && *told == Told::Written {
                lost.push(*row);
            }
        }
        ensure!(lost.is_empty(), "rows that were acknowledged are lost: {lost:?}");
        ensure!(doubled.is_empty(), "rows are there twice: {doubled:?}");
        ensure!(there.is_empty(), "rows that nobody was told of: {there:?}");
        let unknown = told.values().filter(|told| **told != Told::Written).count();
        let longest = *held(&self.log.longest);
        Ok((unknown, longest))
    }
}

impl Log {
    fn counts(&self) -> BTreeMap<i32, usize> {
        let told = held(&self.told);
        let mut counts = BTreeMap::new();
        for (row, told) in &*told {
            *counts.entry(row.0).or_default() += usize::from(*told == Told::Written);
        }
        counts
    }

    fn nobody_was_refused(&self) -> Result<()> {
        let refused = held(&self.refused);
        ensure!(refused.is_empty(), "writers were refused: {}", refused.join("\n"));
        Ok(())
    }

    /// Takes down the answer to a write. Whatever is retryable should not have reached the writer.
    fn tell(&self, row: (i32, i32), answer: Result<u64, Error>) {
        let told = match answer {
            Ok(_) => Told::Written,
            Err(error) => match (error.fate(), error.kind()) {
                (Fate::Unknown, _) => Told::Unknown,
                (Fate::Committed, FailureKind::NotReplicated) => Told::Committed,
                _ => {
                    let text = format!("{row:?}: {}: {error}", error.fate());
                    held(&self.refused).push(text);
                    return;
                }
            },
        };
        held(&self.told).insert(row, told);
    }
}

/// Half of the writers use a statement on its own, the others a transaction.
async fn write(cluster: Cluster, writer: i32, log: Arc<Log>) {
    for n in 0.. {
        if log.stop.load(Ordering::SeqCst) {
            return;
        }
        let begun = Instant::now();
        let sql = "insert into written values ($1, $2)";
        let answer = if writer % 2 == 0 {
            cluster.execute(sql, &[&writer, &n]).await
        } else {
            cluster.transaction(|tx| async move { tx.execute(sql, &[&writer, &n]).await }).await
        };
        log.tell((writer, n), answer);
        let mut longest = held(&log.longest);
        *longest = longest.max(begun.elapsed());
    }
}

/// How often each row is there.
async fn rows(conninfo: &str) -> Result<BTreeMap<(i32, i32), usize>> {
    let mut rows = BTreeMap::new();
    for row in sql(conninfo, "select writer, n from written").await? {
        let cell = |index: usize| row[index].as_deref().context("a null where none may be");
        *rows.entry((cell(0)?.parse()?, cell(1)?.parse()?)).or_default() += 1;
    }
    Ok(rows)
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const WRITERS: i32 = 10;

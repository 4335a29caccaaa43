//! One round: transactions begin, a fault strikes, and what was said of each is compared with the table.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result};
use aya_db::{Cluster, Error};
use aya_testkit::{sql, until};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tracing::debug;

use crate::Resolution;
use crate::dice::Dice;
use crate::fault::Fault;
use crate::servers::SOON;
use crate::snips::at_commit;
use crate::stage::{Second, Stage, UnderWay};
use crate::truth::{Found, Said, Successor, contradiction, table};
use crate::work::{Number, Work};

/// What a round is to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) number: u64,
    pub(crate) fault: Fault,
    pub(crate) resolution: Resolution,
    /// How many transactions there are.
    pub(crate) trials: u64,
    /// The first one's number in the table.
    pub(crate) first: i64,
}

/// What came of a transaction.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) fault: Fault,
    /// Nothing if it hung.
    pub(crate) said: Option<Said>,
    /// Why its outcome is unknown, if it is.
    pub(crate) why_unknown: Option<String>,
    pub(crate) found: Found,
    /// Whether `pg_xact_status` calls committed what was not.
    pub(crate) reused: bool,
    /// What is wrong, if anything.
    pub(crate) wrong: Option<String>,
}

/// Plays it.
///
/// # Errors
/// When the servers do not do what they should; what the driver does wrong is told by the trials.
pub(crate) async fn play(stage: &mut Stage, plan: Plan, dice: &mut Dice) -> Result<Vec<Trial>> {
    let second = if plan.fault == Fault::PromotedTwice { Second::Follows } else { Second::None };
    stage.make_whole(second).await?;
    let crews = Crews::start(stage, plan, dice).await?;
    reach_the_moment(stage, plan, dice, &crews).await?;
    strike(stage, plan.fault, dice).await?;
    let mut answers = Vec::new();
    for task in crews.tasks {
        answers.push((task.work, task.number, timeout(PATIENCE, task.handle).await));
    }
    let leader = &stage.leader;
    until("every session to end what it does", SOON, async || {
        Ok((leader.sessions("state <> 'idle'").await? == 0).then_some(()))
    })
    .await?;
    let mut trials = Vec::new();
    let found = table(&leader.direct(), plan.first).await?;
    for (work, number, answer) in answers {
        let answer = answer.ok().transpose().context("a transaction panicked")?;
        let rows = found.get(&work.id).map_or(&[][..], Vec::as_slice);
        let mut trial = judged(plan, &work, answer.as_ref(), rows);
        if let (Some(xid), Some(Said::RolledBack)) = (number.get(), trial.said) {
            trial.reused = is_called_committed(&leader.direct(), xid).await?;
        }
        trials.push(trial);
    }
    for handle in crews.handles {
        handle.close();
    }
    if plan.fault.promotes() {
        stage.replace().await?;
    }
    Ok(trials)
}

fn judged(plan: Plan, work: &Work, answer: Option<&Result<(), Error>>, rows: &[i32]) -> Trial {
    let found = Found::of(rows, &work.rows());
    let said = answer.map(Said::of);
    let successor = if plan.fault.promotes() { Successor::Promoted } else { Successor::None };
    let problem = match said {
        Some(said) => contradiction(said, found, successor),
        None => Some("it hung"),
    };
    let error = answer.and_then(|answer| answer.as_ref().err());
    let wrong = problem.map(|problem| {
        let said = error.map_or_else(|| "success".to_owned(), ToString::to_string);
        format!(
            "round {}, {}: {problem}: {work:?}, {rows:?} in the table; said: {said}",
            plan.number,
            plan.fault.name(),
        )
    });
    let unknown = error.filter(|_| said == Some(Said::Unknown));
    let why_unknown = unknown.map(|error| {
        debug!(round = plan.number, ?work, %error, "the outcome of a transaction is unknown");
        format!("{:?}: {}", error.kind(), error.reason())
    });
    Trial { fault: plan.fault, said, why_unknown, found, reused: false, wrong }
}

async fn is_called_committed(server: &str, xid: &str) -> Result<bool> {
    let query = format!("SELECT pg_xact_status('{xid}') = 'committed'");
    let Ok(rows) = sql(server, &query).await else { return Ok(false) };
    Ok(rows.first().and_then(|row| row[0].as_deref()) == Some("t"))
}

/// The transactions under way.
struct Crews {
    tasks: Vec<Task>,
    handles: [Cluster; 2],
}

struct Task {
    work: Arc<Work>,
    /// The transaction's number, if it is told.
    number: Arc<OnceLock<String>>,
    handle: JoinHandle<Result<(), Error>>,
}

impl Crews {
    /// Half of them are not replayed, so that the verdict itself is seen.
    async fn start(stage: &Stage, plan: Plan, dice: &mut Dice) -> Result<Self> {
        let plain = connect(stage, plan, "off", dice).await?;
        let replayed = connect(stage, plan, "on", dice).await?;
        warm_up(&plain, plan.trials).await?;
        warm_up(&replayed, plan.trials).await?;
        if is_stalled_from_the_start(plan.fault, dice) {
            stage.line()?.black_hole();
        }
        if matches!(plan.fault, Fault::AtCommit | Fault::AtCommitThenPromoted) {
            stage.leader.postgres.proxy().snip(Some(at_commit(dice.clone())));
        }
        let mut tasks = Vec::new();
        for id in plan.first..plan.first + i64::try_from(plan.trials)? {
            let (cluster, number) = match dice.below(5) {
                0 | 1 => (replayed.clone(), Number::Kept),
                _ => (plain.clone(), Number::Told),
            };
            let work = Arc::new(Work::draw(dice, id, number));
            let number = Arc::new(OnceLock::new());
            let late = dice.pause(6);
            let handle = tokio::spawn({
                let (work, number) = (Arc::clone(&work), Arc::clone(&number));
                async move {
                    sleep(late).await;
                    Box::pin(work.run(&cluster, |xid| drop(number.set(xid)))).await
                }
            });
            tasks.push(Task { work, number, handle });
        }
        Ok(Self { tasks, handles: [plain, replayed] })
    }
}

async fn connect(stage: &Stage, plan: Plan, replay: &str, dice: &mut Dice) -> Result<Cluster> {
    let servers = [Some(&stage.leader), Some(&stage.standby), stage.second.as_ref()];
    let addresses = || servers.into_iter().flatten().map(|it| it.postgres.client_address());
    let ips: Vec<String> = addresses().map(|it| it.ip().to_string()).collect();
    let ports: Vec<String> = addresses().map(|it| it.port().to_string()).collect();
    let mut conninfo = format!(
        "host={} port={} user=app password=app dbname=app target_session_attrs=read-write \
         probe_interval=500 pool_max_size=64 failover_timeout=40s commit_resolution={} \
         transaction_replay={replay}",
        ips.join(","),
        ports.join(","),
        plan.resolution.name(),
    );
    // Over two promotions only a source that tells the history knows the first.
    if plan.fault == Fault::PromotedTwice || !dice.once_in(3) {
        conninfo.push_str(&format!(" patroni_endpoints={}", stage.registrar.address()));
    }
    Ok(Cluster::connect(&conninfo).await?)
}

/// Opens as many connections as there will be transactions, so that none of them waits for one.
async fn warm_up(cluster: &Cluster, count: u64) -> Result<()> {
    let mut calls = JoinSet::new();
    for _ in 0..count {
        let cluster = cluster.clone();
        calls.spawn(async move { cluster.query("select pg_sleep(0.1)", &[]).await });
    }
    while let Some(answer) = calls.join_next().await {
        answer??;
    }
    Ok(())
}

const fn needs_waiting(fault: Fault) -> bool {
    matches!(fault, Fault::CutInWait | Fault::Terminated | Fault::TerminatedThenPromoted)
}

fn is_stalled_from_the_start(fault: Fault, dice: &mut Dice) -> bool {
    needs_waiting(fault) || !dice.once_in(3)
}

/// Waits for the moment of the fault: for so many commits that wait for the standby, or for a random time.
async fn reach_the_moment(stage: &Stage, plan: Plan, dice: &mut Dice, crews: &Crews) -> Result<()> {
    let line = stage.line()?;
    if needs_waiting(plan.fault) || !dice.once_in(3) {
        let wanted = i64::try_from(1 + dice.below(plan.trials * 2 / 3))?;
        sleep(dice.pause(10)).await;
        line.black_hole();
        let waiting = until("commits to wait for the standby", A_WHILE, async || {
            let waiting = stage.leader.sessions("wait_event = 'SyncRep'").await?;
            let over = crews.tasks.iter().all(|task| task.handle.is_finished());
            Ok((waiting >= wanted || over).then_some(()))
        });
        // Those that were answered before the line was stalled are then too many: no harm done.
        let _ = waiting.await;
    } else {
        line.delay(dice.pause(5));
        sleep(dice.pause(30)).await;
    }
    if dice.once_in(4) {
        // Some of it gets through.
        line.delay(dice.pause(3));
        sleep(dice.pause(5)).await;
        line.black_hole();
    }
    Ok(())
}

async fn strike(stage: &mut Stage, fault: Fault, dice: &mut Dice) -> Result<()> {
    let under_way = dice.pick(&[UnderWay::Lost, UnderWay::Arrives]);
    let clients = stage.leader.postgres.proxy();
    match fault {
        Fault::AtCommit => {
            sleep(dice.pause(40)).await;
            clients.snip(None);
            // Those that were held would wait for ever: their server lives.
            clients.drop_connections();
            stage.line()?.heal();
        }
        Fault::AtCommitThenPromoted => {
            clients.snip(None);
            stage.leader.postgres.kill()?;
            stage.promote(under_way, dice).await?;
        }
        Fault::Unheard => {
            clients.half_open();
            sleep(dice.pause(30)).await;
            clients.heal();
            stage.line()?.heal();
        }
        Fault::Cut | Fault::CutInWait => {
            clients.drop_connections();
            sleep(dice.pause(400)).await;
            stage.line()?.heal();
        }
        Fault::Terminated => {
            stage.terminate_waiting().await?;
            if dice.once_in(2) {
                clients.drop_connections();
            }
            sleep(dice.pause(50)).await;
            stage.line()?.heal();
        }
        Fault::TerminatedThenPromoted => {
            stage.terminate_waiting().await?;
            if dice.once_in(2) {
                clients.drop_connections();
            }
            sleep(dice.pause(50)).await;
            stage.leader.postgres.kill()?;
            stage.promote(under_way, dice).await?;
        }
        Fault::BackendCrash => stage.crash_a_session().await?,
        Fault::CrashRestart => stage.crash_and_restart(dice).await?,
        Fault::Shutdown => stage.shut_down_and_restart().await?,
        Fault::ShutdownThenPromoted => {
            match under_way {
                UnderWay::Lost => stage.line()?.cut(),
                UnderWay::Arrives => stage.line()?.heal(),
            }
            stage.leader.postgres.stop().await?;
            stage.promote(under_way, dice).await?;
        }
        Fault::Promoted => {
            stage.leader.postgres.kill()?;
            stage.promote(under_way, dice).await?;
        }
        Fault::PromotedBeside => {
            clients.cut();
            stage.promote(under_way, dice).await?;
        }
        Fault::PromotedTwice => {
            stage.leader.postgres.kill()?;
            stage.promote_twice(under_way, dice).await?;
        }
    }
    Ok(())
}

/// Longer than the driver may take.
const PATIENCE: Duration = Duration::from_secs(60);
const A_WHILE: Duration = Duration::from_secs(2);

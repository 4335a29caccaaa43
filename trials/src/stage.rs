//! The servers of a run, made whole before each round, and what the faults do to them.

use std::time::Duration;

use anyhow::{Context, Result};
use aya_testkit::{FaultProxy, sql, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::sleep;

use crate::dice::Dice;
use crate::registrar::{Registrar, Told};
use crate::servers::{SOON, Server};

/// The leader, its standby, and at times another that follows the standby.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) leader: Server,
    pub(crate) standby: Server,
    pub(crate) second: Option<Server>,
    pub(crate) registrar: Registrar,
    names: u32,
}

/// Whether a second standby follows the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Second {
    /// No.
    None,
    /// Yes.
    Follows,
}

/// What becomes of the log that had not yet reached the standby when its leader was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnderWay {
    /// It arrives, as far as it was sent.
    Arrives,
    /// It is lost.
    Lost,
}

impl Stage {
    /// Starts two servers.
    ///
    /// # Errors
    /// When they do not come up.
    pub(crate) async fn start() -> Result<Self> {
        let leader = Server::first().await?;
        let standby = Server::standby(&leader, &leader, "s1".to_owned()).await?;
        leader.wait_for(&standby).await?;
        let registrar = Registrar::start().await?;
        Ok(Self { leader, standby, second: None, registrar, names: 1 })
    }

    /// Makes it whole for a round: mended lines, a standby, and another one if asked for.
    ///
    /// # Errors
    /// When a server does not come up.
    pub(crate) async fn make_whole(&mut self, second: Second) -> Result<()> {
        self.leader.postgres.proxy().heal();
        self.standby.postgres.proxy().heal();
        self.line()?.heal();
        self.leader.wait_for(&self.standby).await?;
        self.second = match second {
            Second::None => None,
            Second::Follows => {
                let name = self.name();
                let second = Server::standby(&self.leader, &self.standby, name).await?;
                self.standby.followed_by(&second.name, "true").await?;
                Some(second)
            }
        };
        self.told().await
    }

    /// The line between the leader and its standby.
    ///
    /// # Errors
    /// When the standby has none, which it always has.
    pub(crate) fn line(&self) -> Result<&FaultProxy> {
        self.standby.line.as_ref().context("the standby has no line")
    }

    /// The registrar tells how things are.
    async fn told(&self) -> Result<()> {
        let all = [Some(&self.leader), Some(&self.standby), self.second.as_ref()];
        let members = all.into_iter().flatten();
        let members = members.map(|it| (it.name.clone(), it.postgres.client_address())).collect();
        let (timeline, history) = self.leader.history().await?;
        self.registrar.tell(Told { members, led: true, timeline, history });
        Ok(())
    }

    /// `kill -9` of the leader and a start, at times seen by the clients only when other writers have been
    /// there.
    ///
    /// # Errors
    /// When it does not come up.
    pub(crate) async fn crash_and_restart(&mut self, dice: &mut Dice) -> Result<()> {
        self.leader.postgres.kill()?;
        if dice.once_in(2) {
            self.leader.postgres.proxy().refuse();
        }
        self.restart().await
    }

    /// The same after a fast shutdown.
    ///
    /// # Errors
    /// When it does not come up.
    pub(crate) async fn shut_down_and_restart(&mut self) -> Result<()> {
        // A shutdown waits for standbys that listen.
        self.line()?.cut();
        self.leader.postgres.stop().await?;
        self.restart().await
    }

    async fn restart(&mut self) -> Result<()> {
        self.leader.postgres.start().await?;
        self.leader.burn().await?;
        self.leader.postgres.proxy().heal();
        self.line()?.heal();
        Ok(())
    }

    /// `kill -9` of one session of the clients; the postmaster ends the others and recovers.
    ///
    /// # Errors
    /// When there is none, or the server does not come back.
    pub(crate) async fn crash_a_session(&self) -> Result<()> {
        let query = "SELECT pid FROM pg_stat_activity WHERE usename = 'app' LIMIT 1";
        let rows = self.leader.postgres.sql(query).await?;
        let pid = rows.first().and_then(|row| row[0].as_deref()).context("there is no session")?;
        kill(Pid::from_raw(pid.parse()?), Signal::SIGKILL).context("kill a session")?;
        until("the server to recover", SOON, async || {
            // While it has not noticed, the session is still there.
            let gone = format!(
                "SELECT 1 WHERE NOT EXISTS \
                (SELECT 1 FROM pg_stat_activity WHERE pid = {pid} AND usename = 'app')"
            );
            let answer = sql(&self.leader.direct(), &gone).await;
            Ok(answer.ok().and_then(|mut rows| rows.pop()).map(drop))
        })
        .await?;
        self.leader.burn().await?;
        self.line()?.heal();
        Ok(())
    }

    /// Ends every session of the clients that waits for the standby, as an administrator would.
    ///
    /// # Errors
    /// When the leader does not answer.
    pub(crate) async fn terminate_waiting(&self) -> Result<()> {
        let query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
            WHERE usename = 'app' AND wait_event = 'SyncRep'";
        self.leader.postgres.sql(query).await.map(drop)
    }

    /// The standby takes over, and other writers get there, before or while clients do.
    ///
    /// # Errors
    /// When it does not, or the next standby does not come up.
    pub(crate) async fn promote(&mut self, under_way: UnderWay, dice: &mut Dice) -> Result<()> {
        self.registrar.tell(Told::default());
        match under_way {
            UnderWay::Lost => self.line()?.cut(),
            UnderWay::Arrives => self.arrives().await?,
        }
        let shut = dice.once_in(2);
        if shut {
            self.standby.postgres.proxy().refuse();
        }
        self.standby.promote().await?;
        if dice.once_in(3) {
            // The driver asks before anybody has taken the numbers.
            sleep(dice.pause(300)).await;
        }
        self.standby.burn().await?;
        self.standby.postgres.proxy().heal();
        // Patroni writes the history a moment after the promotion.
        let late = if dice.once_in(2) { dice.pause(1500) } else { Duration::ZERO };
        std::mem::swap(&mut self.leader, &mut self.standby);
        self.told_late(late).await
    }

    /// Two standbys take over, one after the other; the clients see the second one only.
    ///
    /// # Errors
    /// When they do not.
    pub(crate) async fn promote_twice(
        &mut self,
        under_way: UnderWay,
        dice: &mut Dice,
    ) -> Result<()> {
        self.registrar.tell(Told::default());
        match under_way {
            UnderWay::Lost => self.line()?.cut(),
            UnderWay::Arrives => self.arrives().await?,
        }
        let mut second = self.second.take().context("there is no second standby")?;
        self.standby.postgres.proxy().cut();
        second.postgres.proxy().refuse();
        self.standby.promote().await?;
        // What was acknowledged before must reach the second one, which nobody waited for.
        let query = "SELECT pg_current_wal_insert_lsn()::text";
        let rows = self.standby.postgres.sql(query).await?;
        let place = rows.first().and_then(|row| row[0].clone()).context("no place in the log")?;
        self.standby.followed_by(&second.name, &format!("flush_lsn >= '{place}'")).await?;
        if dice.once_in(2) {
            second.line.as_ref().context("the second standby has no line")?.black_hole();
        }
        self.standby.burn().await?;
        self.standby.postgres.kill()?;
        second.line.as_ref().context("the second standby has no line")?.cut();
        second.promote().await?;
        second.burn().await?;
        second.postgres.proxy().heal();
        let late = if dice.once_in(2) { dice.pause(1500) } else { Duration::ZERO };
        std::mem::swap(&mut self.standby, &mut second);
        drop(second);
        std::mem::swap(&mut self.leader, &mut self.standby);
        self.told_late(late).await
    }

    /// What the old leader had sent comes to the standby's disk before that takes over.
    async fn arrives(&self) -> Result<()> {
        self.line()?.heal();
        let query = "SELECT coalesce(pg_last_wal_receive_lsn()::text, '')";
        let (mut before, mut same) = (Vec::new(), 0);
        until("the standby to have what was sent", SOON, async || {
            let now = self.standby.postgres.sql(query).await?;
            same = if now == before { same + 1 } else { 0 };
            before = now;
            Ok((same >= 5).then_some(()))
        })
        .await
    }

    async fn told_late(&self, late: Duration) -> Result<()> {
        let (timeline, history) = self.leader.history().await?;
        let members = vec![(self.leader.name.clone(), self.leader.postgres.client_address())];
        let told = Told { members, led: true, timeline, history: String::new() };
        self.registrar.tell(told.clone());
        sleep(late).await;
        self.registrar.tell(Told { history, ..told });
        Ok(())
    }

    /// A fresh standby in place of the old leader.
    ///
    /// # Errors
    /// When it does not come up.
    pub(crate) async fn replace(&mut self) -> Result<()> {
        let name = self.name();
        self.standby = Server::standby(&self.leader, &self.leader, name).await?;
        Ok(())
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("s{}", self.names)
    }
}

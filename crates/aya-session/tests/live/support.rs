//! Servers, a session with them, and a view from the side.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aya_db_core::conninfo::{FixedSurroundings, parse, resolve_raw};
use aya_pgwire::{Answer, Event, Field, Poller, Target};
use aya_session::{Options, Reply, Survivor, SurvivorError};
use aya_testkit::{Pair, Postgres, PostgresBuilder, Snip, Snipper};
use tokio::runtime::Runtime;

/// Servers, with the runtime that their kit runs on.
pub(crate) struct Servers<S> {
    pub(crate) runtime: Runtime,
    pub(crate) these: S,
}

impl Servers<Postgres> {
    pub(crate) fn one() -> Self {
        let runtime = Runtime::new().unwrap();
        let these = runtime.block_on(Postgres::builder().start()).unwrap();
        Self { runtime, these }
    }

    /// Runs statements from the side, past the proxy, in the application's database.
    pub(crate) fn sql(&self, statements: &str) -> Vec<Vec<Option<String>>> {
        self.runtime.block_on(beside(&self.these, statements))
    }

    pub(crate) fn number(&self, query: &str) -> i64 {
        number(&self.sql(query))
    }

    /// Waits until a question from the side is answered with true.
    pub(crate) fn until(&self, question: &str) {
        let end = Instant::now() + LIMIT;
        while self.sql(question) != [[Some("t".to_owned())]] {
            assert!(Instant::now() < end, "still not: {question}");
        }
    }

    pub(crate) fn restart(&mut self) {
        self.these.kill().unwrap();
        self.runtime.block_on(self.these.start()).unwrap();
    }
}

impl Servers<Pair> {
    pub(crate) fn pair() -> Self {
        Self::pair_of(Postgres::builder())
    }

    pub(crate) fn pair_of(builder: PostgresBuilder) -> Self {
        let runtime = Runtime::new().unwrap();
        let these = runtime.block_on(Pair::start(builder)).unwrap();
        Self { runtime, these }
    }

    /// A string that names both.
    pub(crate) fn conninfo(&self, more: &str) -> String {
        let addresses = [self.these.primary.client_address(), self.these.standby.client_address()];
        format!("{} {more}", hosts(&addresses))
    }

    /// Until the standby has replayed all that the primary has written.
    pub(crate) fn catch_up(&self) {
        let lsn = self.runtime.block_on(self.these.primary.sql("select pg_current_wal_lsn()"));
        let lsn = lsn.unwrap()[0][0].clone().unwrap();
        let replayed = format!("select pg_last_wal_replay_lsn() >= '{lsn}'");
        let end = Instant::now() + LIMIT;
        while self.runtime.block_on(self.these.standby.sql(&replayed)).unwrap()[0][0].as_deref()
            != Some("t")
        {
            assert!(Instant::now() < end, "the standby does not catch up");
        }
    }

    /// The primary dies, and the standby is promoted.
    pub(crate) fn fail_over(&mut self) {
        self.these.primary.kill().unwrap();
        self.runtime.block_on(self.these.promote()).unwrap();
    }

    /// How many sessions of the application the standby has ended.
    pub(crate) fn visits(&self) -> i64 {
        let query = "select sessions from pg_stat_database where datname = 'app'";
        number(&self.runtime.block_on(self.these.standby.sql(query)).unwrap())
    }

    /// The standby hears no more of its primary.
    pub(crate) fn cut_off(&self) {
        self.on_standby("alter system set primary_conninfo = ''");
        self.on_standby("select pg_reload_conf()");
        self.until("select count(*) = 0 from pg_stat_wal_receiver", Self::on_standby);
    }

    /// Until this is so on the primary.
    pub(crate) fn until_on_primary(&self, question: &str) {
        self.until(question, Self::on_primary);
    }

    fn until(&self, question: &str, ask: impl Fn(&Self, &str) -> Vec<Vec<Option<String>>>) {
        let end = Instant::now() + LIMIT;
        while ask(self, question) != [[Some("t".to_owned())]] {
            assert!(Instant::now() < end, "still not: {question}");
        }
    }

    pub(crate) fn on_primary(&self, statements: &str) -> Vec<Vec<Option<String>>> {
        self.runtime.block_on(beside(&self.these.primary, statements))
    }

    pub(crate) fn on_standby(&self, statements: &str) -> Vec<Vec<Option<String>>> {
        self.runtime.block_on(beside(&self.these.standby, statements))
    }
}

async fn beside(server: &Postgres, statements: &str) -> Vec<Vec<Option<String>>> {
    let conninfo = server.superuser_conninfo().replace("dbname=postgres", "dbname=app");
    aya_testkit::sql(&conninfo, statements).await.unwrap()
}

pub(crate) fn number(rows: &[Vec<Option<String>>]) -> i64 {
    rows[0][0].as_ref().unwrap().parse().unwrap()
}

pub(crate) fn hosts(addresses: &[SocketAddr]) -> String {
    let ips: Vec<String> = addresses.iter().map(|it| it.ip().to_string()).collect();
    let ports: Vec<String> = addresses.iter().map(|it| it.port().to_string()).collect();
    format!("host={} port={} user=app password=app dbname=app", ips.join(","), ports.join(","))
}

/// A session, and what it has told.
pub(crate) struct Client {
    pub(crate) session: Survivor,
}

impl Client {
    pub(crate) fn open(conninfo: &str) -> Self {
        match Self::try_open(conninfo) {
            Ok(client) => client,
            Err(error) => panic!("{conninfo}: {error}"),
        }
    }

    pub(crate) fn try_open(conninfo: &str) -> Result<Self, SurvivorError> {
        let session = Survivor::open(target(conninfo), Options::default(), &mut patience())?;
        Ok(Self { session })
    }

    pub(crate) fn try_run(&mut self, queries: &[&str]) -> Result<Reply, SurvivorError> {
        let queries: Vec<&[u8]> = queries.iter().map(|query| query.as_bytes()).collect();
        self.session.run(&queries, &mut patience())
    }

    /// Everything that these queries come to; none may fail.
    pub(crate) fn run(&mut self, queries: &[&str]) -> Reply {
        match self.try_run(queries) {
            Ok(reply) => {
                if let Some(error) = error_of(&reply) {
                    panic!("{queries:?}: {error}");
                }
                reply
            }
            Err(error) => panic!("{queries:?}: {error}"),
        }
    }

    /// The one value of a query.
    pub(crate) fn value(&mut self, sql: &str) -> String {
        value_of(&self.run(&[sql]))
    }
}

pub(crate) fn value_of(reply: &Reply) -> String {
    let table = reply.events.iter().rev().find_map(|event| match event {
        Event::Answer(Answer::Table(table)) => Some(table),
        _ => None,
    });
    let cell = table.and_then(|table| table.rows.get(0)?.cell(0)).unwrap_or(b"NULL");
    String::from_utf8(cell.to_vec()).unwrap()
}

/// The code and the message of the error that was answered, if one was.
pub(crate) fn error_of(reply: &Reply) -> Option<String> {
    reply.events.iter().find_map(|event| match event {
        Event::Answer(Answer::Error(error)) => {
            let code = String::from_utf8_lossy(error.get(Field::Code).unwrap_or_default());
            Some(format!("{code} {error}"))
        }
        _ => None,
    })
}

/// The tags of what was done, in order.
pub(crate) fn tags(reply: &Reply) -> Vec<String> {
    let tag = |event: &Event| match event {
        Event::Answer(Answer::Done(tag)) => Some(tag.to_string()),
        Event::Answer(Answer::Table(table)) => Some(table.tag.to_string()),
        _ => None,
    };
    reply.events.iter().filter_map(tag).collect()
}

pub(crate) fn target(conninfo: &str) -> Arc<Target> {
    let settings = parse(conninfo).unwrap();
    let surroundings = FixedSurroundings { variables: BTreeMap::new(), ..Default::default() };
    let (info, raw) = resolve_raw(&settings, &surroundings).unwrap();
    Arc::new(Target::new(info).unwrap().raw(&raw))
}

pub(crate) fn patience() -> Poller<'static> {
    Poller::new().until(Instant::now() + LIMIT)
}

/// Cuts the connection at the first message that holds these words, in this way.
pub(crate) fn once_at(
    words: &'static str,
    snip: impl Fn(usize) -> Snip + Send + Sync + 'static,
) -> Snipper {
    let used = std::sync::atomic::AtomicBool::new(false);
    Snipper::new(move |piece| {
        let found = piece.windows(words.len()).any(|it| it.eq_ignore_ascii_case(words.as_bytes()));
        let first = found && !used.swap(true, std::sync::atomic::Ordering::SeqCst);
        first.then(|| snip(piece.len()))
    })
}

pub(crate) const LIMIT: Duration = Duration::from_secs(40);

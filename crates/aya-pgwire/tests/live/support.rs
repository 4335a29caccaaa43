//! A server and sessions with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aya_db_core::conninfo::{FixedSurroundings, parse, resolve_raw};
use aya_pgwire::{
    Answer, ConnectError, Connection, Event, Poller, Stop, Table, Target, TransactionStatus,
    connect,
};
use aya_testkit::{Postgres, PostgresBuilder};
use tokio::runtime::Runtime;

/// A server, with the runtime that its kit runs on.
pub(crate) struct Server {
    pub(crate) runtime: Runtime,
    pub(crate) postgres: Postgres,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::built(Postgres::builder())
    }

    pub(crate) fn built(builder: PostgresBuilder) -> Self {
        let runtime = Runtime::new().unwrap();
        let postgres = runtime.block_on(builder.start()).unwrap();
        Self { runtime, postgres }
    }

    /// Runs statements from the side.
    pub(crate) fn sql(&self, statements: &str) -> Vec<Vec<Option<String>>> {
        self.runtime.block_on(self.postgres.sql(statements)).unwrap()
    }

    /// Waits until a question from the side is answered with true.
    pub(crate) fn until(&self, question: &str) {
        let end = Instant::now() + LIMIT;
        while self.sql(question) != [[Some("t".to_owned())]] {
            assert!(Instant::now() < end, "still not: {question}");
        }
    }
}

/// A connection and what it has told.
pub(crate) struct Client {
    pub(crate) connection: Connection,
    pub(crate) asides: Vec<Event>,
}

impl Client {
    pub(crate) fn open(conninfo: &str) -> Self {
        match Self::try_open(conninfo) {
            Ok(client) => client,
            Err(error) => panic!("{conninfo}: {error}"),
        }
    }

    pub(crate) fn try_open(conninfo: &str) -> Result<Self, ConnectError> {
        let connection = connect(target(conninfo), &mut patience())?;
        Ok(Self { connection, asides: Vec::new() })
    }

    /// Everything that these queries, sent at once, come to.
    pub(crate) fn pipeline(&mut self, queries: &[&[u8]]) -> Vec<Answer> {
        for query in queries {
            self.connection.session_mut().query(query).unwrap();
        }
        self.answers()
    }

    pub(crate) fn query(&mut self, sql: &str) -> Vec<Answer> {
        self.pipeline(&[sql.as_bytes()])
    }

    /// The answers up to the end, or to the beginning of a COPY.
    pub(crate) fn answers(&mut self) -> Vec<Answer> {
        let mut answers = Vec::new();
        let asides = &mut self.asides;
        self.connection
            .run(&mut patience(), &mut |event| match event {
                Event::Answer(answer) => answers.push(answer),
                aside => asides.push(aside),
            })
            .unwrap();
        answers
    }

    pub(crate) fn stop(&mut self) -> Stop {
        self.connection.run(&mut patience(), &mut |_| {}).unwrap()
    }

    pub(crate) fn table(&mut self, sql: &str) -> Table {
        let mut answers = self.query(sql);
        match (answers.pop(), answers.len()) {
            (Some(Answer::Table(table)), 0) => table,
            other => panic!("{sql}: {other:?}"),
        }
    }

    /// The one value of a query.
    pub(crate) fn value(&mut self, sql: &str) -> String {
        let table = self.table(sql);
        let value = table.rows.get(0).and_then(|row| row.cell(0)).unwrap_or(b"NULL");
        String::from_utf8(value.to_vec()).unwrap()
    }

    pub(crate) fn status(&self) -> TransactionStatus {
        self.connection.session().status()
    }
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

pub(crate) const LIMIT: Duration = Duration::from_secs(30);

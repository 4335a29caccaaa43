//! The results as the README shows them, or as JSON.

use std::fmt::Write as _;
use std::thread::available_parallelism;

use anyhow::{Context, Result};
use serde::Serialize;

use aya_testkit::Postgres;

use crate::continuity::Cost;
use crate::memory::Memory;
use crate::snapshot::Delays;
use crate::statements::{Comparison, Statement};

/// Everything that was measured, and where.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The machine and the server.
    pub place: String,
    /// Pooled statements.
    pub statements: Vec<Comparison>,
    /// What continuity costs.
    pub continuity: Vec<Cost>,
    /// Idle connections.
    pub memory: Vec<Memory>,
    /// From etcd to the snapshots.
    pub snapshot: Option<Delays>,
}

impl Report {
    /// An empty report that says where it is made.
    ///
    /// # Errors
    /// When the server does not tell its version.
    pub async fn new(server: &Postgres) -> Result<Self> {
        let version = server.sql("show server_version").await?;
        let version = version.into_iter().flatten().flatten().next();
        let version = version.context("the server tells no version")?;
        let cores = available_parallelism().map_or(1, usize::from);
        let place = format!("PostgreSQL {version}, {}, {cores} cores", processor());
        let (statements, continuity, memory) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { place, statements, continuity, memory, snapshot: None })
    }

    /// One object, on one line.
    ///
    /// # Errors
    /// When a figure cannot be written.
    pub fn json(&self) -> Result<String> {
        Ok(serde_json::to_string(self)?)
    }

    /// The tables for the README, between the marks that stand there.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut out = String::from("<!-- MEASURED: cargo xtask bench -->\n\n");
        // Writing to a string does not fail.
        _ = self.write(&mut out);
        out.push_str("\n<!-- END MEASURED -->");
        out
    }

    fn write_statements(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "| statement | tasks | median latency | client's processor time | throughput | \
             in pairs | added |\n| --- | --- | --- | --- | --- | --- | --- |"
        )?;
        for it in &self.statements {
            let statement = match it.statement {
                Statement::Select => "`SELECT 1`",
                Statement::Insert => "`INSERT` of 5 parameters",
            };
            writeln!(
                out,
                "| {statement} | {} | {:.0} / {:.0} µs | {:.1} / {:.1} µs | {:.1} % | {:.1} % | \
                 {:.1} µs |",
                it.tasks,
                it.aya.latency_micros,
                it.deadpool.latency_micros,
                it.aya.client_cpu_micros,
                it.deadpool.client_cpu_micros,
                it.throughput_ratio * 100.0,
                it.paired_throughput_ratio * 100.0,
                it.added_micros_per_statement,
            )?;
        }
        writeln!(
            out,
            "\naya-db / tokio-postgres with deadpool-postgres. Throughput is aya-db's median as a \
             part of the other's, then the median over pairs of neighbouring rounds; added is what \
             a statement takes longer by the median throughputs. Limits: 95 % and 20 µs."
        )
    }

    fn write_continuity(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "\n| a transaction of one `INSERT`, with | round trip | tasks | tokio-postgres | without | \
             added to either | limit |\n| --- | --- | --- | --- | --- | --- | --- |"
        )?;
        for it in &self.continuity {
            let (name, limit) = (it.care.name(), it.care.limit());
            writeln!(
                out,
                "| {name} | {:.2} ms | {} | {:.0} µs | {:.0} µs | {:.1} / {:.1} % | {limit} % |",
                it.round_trip_micros / 1e3,
                it.tasks,
                it.plain_micros,
                it.careless_micros,
                it.added_percent,
                it.added_to_careless_percent,
            )?;
        }
        writeln!(
            out,
            "\nThe times are those of a transaction of tokio-postgres with deadpool-postgres, and of aya-db \
             without recording and resolution, by the throughput; added is the median over the rounds of \
             how much longer one takes. The limits are for what is added to tokio-postgres."
        )
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "On {}; client and server share the machine.\n", self.place)?;
        self.write_statements(out)?;
        if !self.continuity.is_empty() {
            self.write_continuity(out)?;
        }
        if !self.memory.is_empty() {
            writeln!(out, "\n| idle connections | memory of each |\n| --- | --- |")?;
        }
        for it in &self.memory {
            let (aya, deadpool) = (kilobytes(it.aya_bytes), kilobytes(it.deadpool_bytes));
            writeln!(out, "| {} | {aya:.1} / {deadpool:.1} kB |", it.connections)?;
        }
        if let Some(it) = &self.snapshot {
            let (p50, p99) = (it.p50_micros / 1e3, it.p99_micros / 1e3);
            writeln!(
                out,
                "\nFrom the write of a leader key to etcd until it is in the snapshot of each of \
                 {} clients, over {} changes: median {p50:.1} ms, p99 {p99:.1} ms (limit 50 ms).",
                it.clients, it.changes,
            )?;
        }
        Ok(())
    }
}

fn kilobytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0
}

/// The processor's name, where the system tells it.
fn processor() -> String {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    let name = name.and_then(|line| line.split_once(": "));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

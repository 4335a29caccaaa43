"""What is measured, in which order, and what is promised of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

STATEMENTS = 1_000
ROWS = 100_000
MANY_ROWS = 1_000_000
INSERTS = 10_000
PAGE_SIZE = 1_000
CONNECTIONS = 20
THREADS = 60
STATEMENTS_A_THREAD = 50


class Where(Enum):
    """Which process runs a case."""

    # The worker of the driver, which lives for the whole run.
    WORKER = "worker"
    # One that is started for it: what is measured happens once in a process.
    FRESH = "fresh"


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        name: the method of a driver that runs it.
        title: what the table calls it.
        unit: what the method returns.
        target: the most that aya_db may take, as a multiple of what psycopg2 takes.
        where: which process runs it.
    """

    name: str
    title: str
    target: float = 1.0
    unit: str = "s"
    where: Where = Where.WORKER


CASES = [
    Case("select_1", f"{STATEMENTS:,} × `SELECT 1`"),
    Case("select_parameters", f"{STATEMENTS:,} × `SELECT` with 2 parameters"),
    Case("fetch_mixed", f"fetch {ROWS:,} rows of 5 mixed columns", target=0.7),
    Case("fetch_ints", f"fetch {MANY_ROWS:,} integers", target=0.7),
    Case("executemany", f"`executemany`, {INSERTS:,} inserts", target=0.2),
    Case("execute_values", f"`execute_values`, {INSERTS:,} rows, pages of {PAGE_SIZE:,}"),
    Case("copy_in", f"`COPY` in, {ROWS:,} rows"),
    Case("copy_out", f"`COPY` out, {ROWS:,} rows"),
    Case("connect_close", f"{CONNECTIONS} × connect and close"),
    Case("threads", f"{THREADS} threads, {STATEMENTS_A_THREAD} × `SELECT 1` each"),
    Case("memory", f"memory of {MANY_ROWS:,} fetched rows", unit="bytes", where=Where.FRESH),
    Case("import_module", "import of the module", where=Where.FRESH),
]

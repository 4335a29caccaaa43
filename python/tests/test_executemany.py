"""`executemany()` does what psycopg2's does, though it does not wait for each row."""

from __future__ import annotations

import contextlib
import importlib
import signal
from typing import TYPE_CHECKING, Any

import pytest
from server import Server

import aya_db

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INSERT = "insert into many values (%s, %s)"


class Spoilt:
    """A value that no adapter is for."""


class Raw:
    """A value that is SQL."""

    def __init__(self, sql: str) -> None:
        self.sql = sql

    def __conform__(self, protocol: object) -> Raw:
        del protocol
        return self

    def getquoted(self) -> bytes:
        """Return the SQL as it is."""
        return self.sql.encode()


def rows(count: int) -> list[tuple[int, str]]:
    return [(number, f"row {number}; it's") for number in range(count)]


# What is done with a cursor; whatever it raises is a part of what is compared.
CASES: dict[str, Callable[[Any, Any], Any]] = {
    "rows": lambda _, cur: cur.executemany(INSERT, rows(1500)),
    "a tuple of rows": lambda _, cur: cur.executemany(INSERT, tuple(rows(3))),
    "no rows": lambda _, cur: cur.executemany(INSERT, []),
    "one row": lambda _, cur: cur.executemany(INSERT, rows(1)),
    "a generator": lambda _, cur: cur.executemany(INSERT, iter(rows(10))),
    "named values": lambda _, cur: cur.executemany(
        "insert into many values (%(a)s, %(b)s)", [{"a": n, "b": "x"} for n in range(700)]
    ),
    "a key that is there": lambda _, cur: cur.executemany(INSERT, [*rows(900), (450, "again")]),
    "the first row fails": lambda _, cur: cur.executemany(INSERT, [(None, "x"), *rows(5)]),
    "a middle row fails": lambda _, cur: cur.executemany(INSERT, [*rows(3), (None, "x"), (9, "")]),
    "the place of an error": lambda _, cur: cur.executemany(
        "insert into many values (%s, %s)", [*rows(3), (9, Raw("nonsense")), (10, "x")]
    ),
    "a row that cannot be adapted": lambda _, cur: cur.executemany(
        INSERT, [*rows(3), (9, Spoilt()), (10, "x")]
    ),
    "an error before one of adaptation": lambda _, cur: cur.executemany(
        INSERT, [*rows(3), (2, "again"), (9, Spoilt())]
    ),
    "a row that is too short": lambda _, cur: cur.executemany(INSERT, [*rows(3), (9,)]),
    "rows that are none": lambda _, cur: cur.executemany(INSERT, [*rows(3), 7, (9, "x")]),
    "updates": lambda _, cur: (
        cur.executemany(INSERT, rows(10)),
        cur.executemany("update many set b = %s where a < %s", [("x", n) for n in range(10)]),
    ),
    "selects": lambda _, cur: cur.executemany("select %s, a from many", [(1,), (2,)]),
    "returning": lambda _, cur: cur.executemany(f"{INSERT} returning a", rows(600)),
    "many statements": lambda _, cur: cur.executemany(f"{INSERT}; commit", rows(3)),
    "a value that is a statement": lambda _, cur: cur.executemany(
        INSERT, [*rows(3), (9, Raw("'x'); commit; insert into many values (10, 'y'")), (2, "")]
    ),
    "commits": lambda _, cur: cur.executemany("commit -- %s", [(1,), (2,), (3,)]),
    "savepoints": lambda _, cur: cur.executemany("savepoint a%s", [(1,), (2,), (3,)]),
    "procedures": lambda _, cur: cur.executemany("call commits(%s)", [(1,), (2,)]),
    "notices": lambda _, cur: cur.executemany("select tells(%s)", [(n,) for n in range(40)]),
    "a notice and an error": lambda _, cur: cur.executemany(
        "select tells(%s)", [(n,) for n in (1, 2, 3, -1, 4)]
    ),
    "a big value": lambda _, cur: cur.executemany(INSERT, [(n, "x" * 300_000) for n in range(9)]),
    "an empty statement": lambda _, cur: cur.executemany("-- %s", [(1,), (2,)]),
    "a statement that is empty": lambda _, cur: cur.executemany("", [(1,)]),
    "no statement": lambda _, cur: cur.executemany(7, [(1,)]),
    "a list that grows": lambda _, cur: _grow(cur),
    "an iterator that uses the connection": lambda conn, cur: cur.executemany(
        INSERT, _asking(conn)
    ),
    "no transaction": lambda conn, cur: (
        setattr(conn, "autocommit", True),
        cur.executemany(INSERT, [*rows(700), (3, "again"), (900, "after it")]),
    ),
    "a transaction that has failed": lambda _, cur: (
        _fail(cur),
        cur.executemany(INSERT, rows(3)),
    ),
    "old strings": lambda _, cur: (
        cur.execute("set standard_conforming_strings to off"),
        cur.executemany(INSERT, [(1, "a"), (2, "'; commit; --"), (1, None)]),
    ),
    "another encoding": lambda conn, cur: (
        conn.set_client_encoding("SJIS"),
        cur.executemany(INSERT, [(1, "表"), (2, "ソ'; commit; --"), (1, "能")]),
    ),
}


def _fail(cur: Any) -> None:
    with contextlib.suppress(Exception):
        cur.execute("select 1/0")


def _grow(cur: Any) -> None:
    """Add to the list while it is gone through."""
    growing: list[Any] = []

    class Growing:
        def __conform__(self, protocol: object) -> Any:
            del protocol
            if len(growing) < 900:
                growing.append((len(growing), Growing()))
            return Raw("'x'")

    growing.append((0, Growing()))
    cur.executemany(INSERT, growing)


def _asking(conn: Any) -> Iterator[tuple[int, str]]:
    for number in range(5):
        with conn.cursor() as cur:
            cur.execute("select count(*) from many")
            yield number, f"{cur.fetchone()[0]} were there"


@pytest.fixture(scope="module")
def prepared() -> Iterator[str]:
    """Return the connection string of a database with what the cases need."""
    dsn = Server.from_environment().dsn
    conn = aya_db.connect(dsn)
    conn.autocommit = True
    with conn.cursor() as cur:
        cur.execute("""
            drop table if exists many;
            create table many (a int primary key, b text);
            create or replace procedure commits(n int) language plpgsql as 'begin commit; end';
            create or replace function tells(n int) returns int language plpgsql as
                'begin raise notice ''% is told'', n; return 10 / (n + 1); end';
        """)
    yield dsn
    with conn.cursor() as cur:
        cur.execute("drop table many; drop procedure commits; drop function tells")
    conn.close()


def outcome(module: str, dsn: str, work: Callable[[Any, Any], Any]) -> dict[str, Any]:
    """Return all that a program can see of a case."""
    driver = importlib.import_module(module)
    conn = driver.connect(dsn)
    cur = conn.cursor()
    try:
        cur.execute("truncate many")
        conn.commit()
        found: dict[str, Any] = {"raised": None}
        try:
            work(conn, cur)
        except Exception as error:  # noqa: BLE001
            diag = getattr(error, "diag", None)
            words = str(error).replace("aya_db", "psycopg2")
            place = getattr(diag, "statement_position", None)
            found["raised"] = (type(error).__name__, words, getattr(error, "pgcode", None), place)
        found["status"] = (conn.status, conn.info.transaction_status)
        found["cursor"] = (cur.query, cur.rowcount, cur.statusmessage, cur.description)
        found["notices"] = conn.notices
        conn.rollback()
        conn.set_client_encoding("UTF8")
        cur.execute("select a, md5(b) from many order by a")
        found["table"] = cur.fetchall()
    finally:
        conn.close()
    return found


@pytest.mark.parametrize("case", CASES)
def test_is_as_with_psycopg2(case: str, prepared: str) -> None:
    expected = outcome("psycopg2", prepared, CASES[case])
    found = outcome("aya_db", prepared, CASES[case])
    assert found == expected


def test_rows_are_sent_ahead(prepared: str) -> None:
    """The server has begun on a row before the answer to the one before it was waited for."""
    conn: Any = aya_db.connect(prepared)
    cur = conn.cursor()
    cur.execute("truncate many")
    conn.commit()
    cur.executemany(INSERT, rows(1000))
    # Each is a statement of its own, as the server counts them.
    cur.execute("select count(*), count(distinct cmin::text) from many")
    assert cur.fetchone() == (1000, 1000)
    conn.close()


def test_ctrl_c_ends_it(prepared: str) -> None:
    """A signal handler that raises ends the statement that runs, and those that were sent."""
    conn: Any = aya_db.connect(prepared)
    cur = conn.cursor()

    class InterruptedByUsError(Exception):
        pass

    def interrupt(number: int, frame: object) -> None:
        raise InterruptedByUsError

    former = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(InterruptedByUsError):
            cur.executemany("select pg_sleep(%s)", [(0,), *[(1000,)] * 50])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
    assert conn.info.transaction_status == 3
    conn.rollback()
    cur.execute("select 1")
    assert cur.fetchone() == (1,)
    conn.close()

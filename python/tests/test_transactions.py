"""`run_transaction` and `retryable`."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import aya_db
from aya_db import errors
from aya_db.pool import ThreadedConnectionPool


def test_what_the_function_returns_is_committed(dsn: str, table: str) -> None:
    conn = aya_db.connect(dsn)
    conn.autocommit = True

    def work(conn: Any) -> str:
        conn.cursor().execute("insert into numbers values (1, 'a')")
        return "done"

    assert aya_db.run_transaction(conn, work) == "done"
    # The session is as it was.
    assert conn.autocommit is True
    with conn.cursor() as cur:
        cur.execute("select v from numbers")
        assert cur.fetchall() == [("a",)]
    conn.close()


def test_serialization_failures_are_run_again(dsn: str, table: str) -> None:
    setup = aya_db.connect(dsn)
    setup.cursor().execute("insert into numbers values (1, '0')")
    setup.commit()
    runs: list[int] = []

    @aya_db.retryable(isolation_level="serializable", attempts=100)
    def add(conn: Any, number: int) -> None:
        runs.append(number)
        with conn.cursor() as cur:
            cur.execute("select v from numbers where id = 1")
            value = int(cur.fetchone()[0])
            cur.execute("update numbers set v = %s where id = 1", (str(value + 1),))

    def work(number: int) -> None:
        conn = aya_db.connect(dsn)
        for _ in range(10):
            add(conn, number)
        conn.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with setup.cursor() as cur:
        cur.execute("select v from numbers where id = 1")
        assert cur.fetchone() == ("40",)
    assert len(runs) >= 40
    setup.close()


@pytest.mark.parametrize(
    ("error", "repeated"),
    [
        (errors.SerializationFailure("x"), True),
        (errors.DeadlockDetected("x"), True),
        (errors.TransactionLost("x"), True),
        (errors.ReplayDiverged("x"), True),
        (errors.CommitUnknown("x"), False),
        (errors.UniqueViolation("x"), False),
        (KeyError("x"), False),
    ],
)
def test_only_what_is_not_committed_is_run_again(
    dsn: str, error: Exception, repeated: bool
) -> None:
    conn = aya_db.connect(dsn)
    runs = []

    def work(_: Any) -> None:
        runs.append(1)
        raise error

    with pytest.raises(type(error)):
        aya_db.run_transaction(conn, work, attempts=3)
    assert len(runs) == (3 if repeated else 1)
    assert conn.status == aya_db.extensions.STATUS_READY
    conn.close()


def test_a_pool_lends_the_connection(dsn: str, table: str) -> None:
    pool = ThreadedConnectionPool(1, 2, dsn)

    @aya_db.retryable
    def insert(conn: Any) -> None:
        conn.cursor().execute("insert into numbers values (7, 'x')")

    insert(pool)
    assert not pool._used
    pool.closeall()


def test_attempts_are_at_least_one(dsn: str) -> None:
    conn = aya_db.connect(dsn)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        aya_db.run_transaction(conn, lambda _: None, attempts=0)
    conn.close()

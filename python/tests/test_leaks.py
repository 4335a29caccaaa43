"""Loops of thousands leave nothing behind: no memory, no socket, no thread, no session."""

from __future__ import annotations

import io
import socket
import threading
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest
from footprint import growth
from server import Server, module_under_test

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DRIVER = module_under_test()
EXTENSIONS = module_under_test("extensions")
SERVER = Server.from_environment()
DSN = SERVER.dsn

# Below any structure worth leaking, above what the allocator's arenas drift by.
BYTES_A_TURN = 256
BYTES_OF_DRIFT = 3 << 20


@pytest.fixture
def conn() -> Iterator[Any]:
    with closing(DRIVER.connect(DSN)) as conn:
        yield conn


def check(action: Callable[[], object], times: int) -> None:
    grown = growth(action, times)
    assert grown.descriptors == 0
    assert grown.threads <= 0
    # An object for each turn would be `times` of them or more; freelists fill up unevenly.
    assert grown.blocks < times / 2 + 50
    assert grown.resident_bytes < BYTES_A_TURN * times + BYTES_OF_DRIFT


def test_ten_thousand_connections(conn: Any) -> None:
    check(lambda: DRIVER.connect(DSN).close(), 10_000)
    wait_until_alone(conn)


def test_connections_to_a_cluster(conn: Any) -> None:
    check(lambda: DRIVER.connect(SERVER.cluster_dsn).close(), 1_000)
    wait_until_alone(conn)


def test_connections_that_nobody_closes(conn: Any) -> None:
    def forget() -> None:
        left = DRIVER.connect(DSN)
        left.cursor().execute("select 1")

    check(forget, 500)
    wait_until_alone(conn)


def test_connections_in_cycles(conn: Any) -> None:
    class Knot(EXTENSIONS.connection):  # type: ignore[misc, name-defined]
        pass

    def tie() -> None:
        knot = DRIVER.connect(DSN, connection_factory=Knot)
        knot.itself = knot
        knot.held = knot.cursor()
        knot.notices = [knot]

    check(tie, 300)
    wait_until_alone(conn)


@pytest.mark.parametrize(
    "wrong",
    [{"dbname": "no such database"}, {"password": "wrong"}, {"port": 1}, {"sslmode": "nonsense"}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_connections_that_fail(wrong: dict[str, Any]) -> None:
    def fail() -> None:
        with pytest.raises(DRIVER.OperationalError):
            DRIVER.connect(DSN, **wrong)

    check(fail, 500)


def test_connections_that_are_lost() -> None:
    def lose() -> None:
        with closing(DRIVER.connect(DSN)) as lost, lost.cursor() as cur:
            with pytest.raises(DRIVER.OperationalError):
                cur.execute("select pg_terminate_backend(pg_backend_pid())")
            assert lost.closed == 2

    check(lose, 500)


def test_cursors(conn: Any) -> None:
    def use() -> None:
        with conn.cursor() as cur:
            cur.execute("select %s, %s, %s", (1, "x", [1.5]))
            cur.fetchall()
        conn.rollback()

    check(use, 5_000)


def test_cursors_on_the_server(conn: Any) -> None:
    def use() -> None:
        with conn.cursor("named") as cur:
            cur.itersize = 10
            cur.execute("select generate_series(1, 25)")
            assert len(list(cur)) == 25
        conn.commit()

    check(use, 1_000)


def test_large_results(conn: Any) -> None:
    def fetch() -> None:
        with conn.cursor() as cur:
            cur.execute(
                "select g, 'text ' || g, g / 7.0, now(), g % 2 = 0, array[g, g]"
                " from generate_series(1, 20000) g"
            )
            assert len(cur.fetchall()) == 20_000

    check(fetch, 30)


def test_large_results_that_nobody_fetches(conn: Any) -> None:
    cur = conn.cursor()

    def run() -> None:
        cur.execute("select repeat('x', 100) from generate_series(1, 20000)")
        # How much of the last one is ready when it is left alone is not always the same.
        cur.execute("select 1")

    check(run, 60)


def test_errors(conn: Any) -> None:
    def fail() -> None:
        with conn.cursor() as cur:
            with pytest.raises(DRIVER.DataError) as caught:
                cur.execute("select 1 / %s", (0,))
            assert caught.value.diag.sqlstate == "22012"
        conn.rollback()

    check(fail, 3_000)


def test_errors_of_arguments(conn: Any) -> None:
    cur = conn.cursor()

    def fail() -> None:
        for query, values in [
            ("select %s", (object(),)),
            ("select %s, %s", (1,)),
            ("select %(a)s", {"b": 1}),
            ("select %d", (1,)),
            ("select %s", ("\0",)),
        ]:
            with suppress(Exception):
                cur.execute(query, values)
                pytest.fail("it was accepted")

    check(fail, 2_000)


def test_executemany(conn: Any) -> None:
    cur = conn.cursor()
    cur.execute("create temp table many (a int, b text)")
    rows = [(number, f"text {number}") for number in range(100)]

    def insert() -> None:
        cur.executemany("insert into many values (%s, %s)", rows)
        cur.execute("truncate many")
        conn.commit()

    check(insert, 100)


def test_copy(conn: Any) -> None:
    cur = conn.cursor()
    cur.execute("create temp table copied (a int)")
    conn.commit()
    text = "".join(f"{number}\n" for number in range(1_000))

    def copy() -> None:
        cur.copy_from(io.StringIO(text), "copied")
        out = io.StringIO()
        cur.copy_to(out, "copied")
        assert out.getvalue() == text
        conn.rollback()
        with pytest.raises(DRIVER.DataError):
            cur.copy_from(io.StringIO("x\n"), "copied")
        conn.rollback()

    check(copy, 500)


def test_notices_and_notifications(conn: Any) -> None:
    conn.autocommit = True
    cur = conn.cursor()
    cur.execute("listen leaks")

    def tell() -> None:
        cur.execute("do $$begin raise notice 'told'; end$$; notify leaks, 'told'")
        assert conn.notices.pop()
        assert conn.notifies.pop()

    check(tell, 2_000)


def test_large_objects(conn: Any) -> None:
    def use() -> None:
        with closing(conn.lobject()) as lob:
            lob.write(b"x" * 1_000)
            lob.seek(0)
            assert len(lob.read()) == 1_000
        conn.rollback()

    check(use, 500)


def test_threads_that_come_and_go() -> None:
    def work() -> None:
        with closing(DRIVER.connect(DSN)) as own, own.cursor() as cur:
            cur.execute("select 1")

    def run() -> None:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    check(run, 50)


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (lambda: socket.socket(), "descriptors"),
        (lambda: [object() for _ in range(5)], "blocks"),
        (lambda: b"x" * 10_000, "resident_bytes"),
    ],
    ids=["descriptor", "objects", "bytes"],
)
def test_what_is_left_behind_is_told(left: Callable[[], object], told: str) -> None:
    kept: list[Any] = []
    with pytest.raises(AssertionError, match=told):
        check(lambda: kept.append(left()), 500)
    if told == "descriptors":
        for left_open in kept:
            left_open.close()


def wait_until_alone(conn: Any) -> None:
    """Wait until the server has no session of these tests but this one."""
    deadline = time.monotonic() + 20
    with conn.cursor() as cur:
        while True:
            cur.execute(
                "select count(*) from pg_stat_activity where datname = current_database()"
                " and backend_type = 'client backend' and pid <> pg_backend_pid()"
            )
            (others,) = cur.fetchone()
            conn.rollback()
            if others == 0:
                return
            assert time.monotonic() < deadline, f"{others} sessions are left"

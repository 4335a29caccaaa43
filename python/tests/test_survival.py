"""What an agent sees of a failover that never thought of one: nothing, or the whole truth.

Two proxies to one server are two hosts to the client; cutting one of them is the loss of a server.
"""

from __future__ import annotations

import io
import multiprocessing
import pickle
import select
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from proxy import Proxy
from server import Server

import aya_db
from aya_db import errors, extensions

if TYPE_CHECKING:
    from collections.abc import Iterator

DEADLINE = 20.0


class Hosts:
    """Two ways to the server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.first = Proxy(server.host, int(server.port))
        self.second = Proxy(server.host, int(server.port))

    def dsn(self, more: str = "") -> str:
        server = self.server
        return (
            f"host=127.0.0.1,127.0.0.1 port={self.first.port},{self.second.port}"
            f" user={server.user} password={server.password} dbname={server.database} {more}"
        )

    def cut(self) -> None:
        self.first.cut()
        self.second.cut()


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    both = Hosts(Server.from_environment())
    yield both
    both.first.close()
    both.second.close()


@pytest.fixture
def conn(hosts: Hosts) -> Iterator[Any]:
    connection = aya_db.connect(hosts.dsn())
    with connection.cursor() as cur:
        cur.execute("drop table if exists survival")
        cur.execute("create table survival (id int primary key, v text)")
    connection.commit()
    yield connection
    connection.close()


@pytest.fixture
def plain() -> Iterator[Any]:
    """A connection that nothing is done to."""
    connection = aya_db.connect(Server.from_environment().dsn)
    connection.autocommit = True
    yield connection
    connection.close()


def rows(plain: Any) -> list[Any]:
    cur = plain.cursor()
    cur.execute("select * from survival order by id")
    fetched: list[Any] = cur.fetchall()
    return fetched


def test_an_idle_connection_goes_on(conn: Any, hosts: Hosts) -> None:
    cur = conn.cursor()
    hosts.cut()
    cur.execute("select 42")
    assert cur.fetchone() == (42,)
    assert conn.closed == 0


def test_an_open_transaction_is_replayed(conn: Any, hosts: Hosts, plain: Any) -> None:
    cur = conn.cursor()
    cur.execute("insert into survival values (1, 'a')")
    hosts.first.stop()
    cur.execute("insert into survival values (2, 'b')")
    assert cur.rowcount == 1
    conn.commit()
    assert rows(plain) == [(1, "a"), (2, "b")]
    assert conn.status == extensions.STATUS_READY


def test_a_commit_without_an_answer_is_resolved(conn: Any, hosts: Hosts, plain: Any) -> None:
    cur = conn.cursor()
    for number, where in enumerate(("front", "behind")):
        cur.execute("insert into survival values (%s, %s)", (number, where))
        seen = threading.Event()

        def watch(data: bytes, where: str = where, seen: threading.Event = seen) -> str | None:
            if b"COMMIT" in data.upper() and not seen.is_set():
                seen.set()
                return where
            return None

        hosts.first.watch = hosts.second.watch = watch
        conn.commit()
        assert seen.is_set()
    assert rows(plain) == [(0, "front"), (1, "behind")]


def test_an_autocommit_write_is_written_once(conn: Any, hosts: Hosts, plain: Any) -> None:
    conn.autocommit = True
    cur = conn.cursor()
    for number in range(10):
        seen = threading.Event()

        def watch(_: bytes, seen: threading.Event = seen, number: int = number) -> str | None:
            if seen.is_set():
                return None
            seen.set()
            return "behind" if number % 2 else "front"

        hosts.first.watch_answers = hosts.second.watch_answers = watch
        cur.execute("insert into survival values (%s, 'x')", (number,))
        assert cur.rowcount == 1
    assert [row[0] for row in rows(plain)] == list(range(10))


def test_the_session_is_as_it_was(conn: Any, hosts: Hosts) -> None:
    conn.set_client_encoding("LATIN1")
    conn.set_session(isolation_level="serializable", readonly=True)
    conn.autocommit = True
    cur = conn.cursor()
    cur.execute("set work_mem = '7MB'")
    cur.execute("prepare twice as select 2 * $1::int")
    hosts.cut()
    cur.execute("show work_mem")
    assert cur.fetchone() == ("7MB",)
    cur.execute("execute twice (21)")
    assert cur.fetchone() == (42,)
    cur.execute("show client_encoding")
    assert cur.fetchone() == ("LATIN1",)
    assert conn.encoding == "LATIN1"
    assert conn.readonly is True


def test_what_was_listened_to_is_heard(conn: Any, hosts: Hosts, plain: Any) -> None:
    conn.autocommit = True
    conn.cursor().execute("listen heard")
    hosts.cut()
    deadline = time.monotonic() + DEADLINE
    while not conn.notifies:
        assert time.monotonic() < deadline
        plain.cursor().execute("notify heard, 'again'")
        select.select([conn], [], [], 0.1)
        conn.poll()
    assert conn.notifies[0].payload == "again"


def test_lost_state_is_told_once(conn: Any, hosts: Hosts) -> None:
    conn.autocommit = True
    cur = conn.cursor()
    cur.execute("create temp table mine (i int)")
    hosts.cut()
    with pytest.raises(errors.SessionStateLost, match="temporary table mine") as told:
        cur.execute("select 1")
    assert told.value.fate == "not_sent"
    assert isinstance(told.value, aya_db.OperationalError)
    cur.execute("select 1")
    assert cur.fetchone() == (1,)


def test_another_result_is_told(conn: Any, hosts: Hosts, plain: Any) -> None:
    plain.cursor().execute("insert into survival values (1, 'before')")
    cur = conn.cursor()
    cur.execute("select v from survival")
    assert cur.fetchall() == [("before",)]
    cur.execute("update survival set v = 'mine'")
    hosts.cut()
    plain.cursor().execute("update survival set v = 'after'")
    with pytest.raises(errors.ReplayDiverged) as told:
        cur.execute("select 1")
    assert told.value.pgcode == "40001"
    assert told.value.fate == "rolled_back"
    conn.rollback()
    cur.execute("select v from survival")
    assert cur.fetchall() == [("after",)]


def test_without_replay_the_transaction_is_lost(hosts: Hosts, conn: Any) -> None:
    other = aya_db.connect(hosts.dsn("transaction_replay=off"))
    cur = other.cursor()
    cur.execute("insert into survival values (1, 'a')")
    hosts.cut()
    with pytest.raises(errors.TransactionLost) as told:
        cur.execute("select 1")
    assert told.value.fate == "rolled_back"
    copy = pickle.loads(pickle.dumps(told.value))
    assert (type(copy), copy.fate, copy.pgcode) == (
        errors.TransactionLost,
        "rolled_back",
        told.value.pgcode,
    )
    # It is the transaction's end, and not the connection's.
    assert other.closed == 0
    other.rollback()
    cur.execute("select count(*) from survival")
    assert cur.fetchone() == (0,)
    other.close()


def test_no_message_looks_like_a_lost_connection(conn: Any, hosts: Hosts) -> None:
    conn.autocommit = True
    cur = conn.cursor()
    cur.execute("create temp table mine (i int)")
    hosts.cut()
    with pytest.raises(errors.SessionStateLost) as told:
        cur.execute("select 1")
    # By these, SQLAlchemy throws its whole pool away.
    for words in ("closed the connection", "connection not open", "could not receive data"):
        assert words not in str(told.value)


def test_copy_survives_in_both_directions(conn: Any, hosts: Hosts, plain: Any) -> None:
    cur = conn.cursor()
    cur.copy_from(io.StringIO("1\ta\n2\tb\n"), "survival")
    hosts.cut()
    out = io.StringIO()
    cur.copy_to(out, "survival")
    assert out.getvalue() == "1\ta\n2\tb\n"
    conn.commit()
    assert rows(plain) == [(1, "a"), (2, "b")]


def test_a_copy_that_is_cut_is_sent_again(conn: Any, hosts: Hosts, plain: Any) -> None:
    class Cutting(io.StringIO):
        def read(self, size: int | None = -1) -> str:
            data = super().read(10)
            if not data:
                hosts.cut()
            return data

    cur = conn.cursor()
    cur.copy_from(Cutting("".join(f"{n}\tx\n" for n in range(50))), "survival")
    assert cur.rowcount == 50
    conn.commit()
    assert len(rows(plain)) == 50


def test_a_named_cursor_is_replayed(conn: Any, hosts: Hosts) -> None:
    cur = conn.cursor("page")
    cur.itersize = 10
    cur.execute("select generate_series(1, 30)")
    seen = [row[0] for row, _ in zip(cur, range(15))]
    hosts.cut()
    seen += [row[0] for row in cur]
    assert seen == list(range(1, 31)) or seen == [*range(1, 16), *range(17, 31)]


def test_with_one_host_it_is_psycopg2(hosts: Hosts) -> None:
    server = hosts.server
    one = aya_db.connect(
        host="127.0.0.1",
        port=hosts.first.port,
        user=server.user,
        password=server.password,
        dbname=server.database,
    )
    cur = one.cursor()
    cur.execute("select 1")
    hosts.cut()
    with pytest.raises(aya_db.OperationalError, match="server closed the connection"):
        cur.execute("select 1")
    assert one.closed == 2


def test_failover_can_be_asked_for_and_refused(hosts: Hosts) -> None:
    asked = aya_db.connect(
        hosts.server.dsn, host="127.0.0.1", port=str(hosts.first.port), failover=True
    )
    hosts.cut()
    cur = asked.cursor()
    cur.execute("select 1")
    assert cur.fetchone() == (1,)
    asked.close()
    refused = aya_db.connect(hosts.dsn(), failover=False)
    hosts.cut()
    with pytest.raises(aya_db.OperationalError):
        refused.cursor().execute("select 1")
    assert refused.closed == 2


def test_reads_stand_behind_a_token(conn: Any, hosts: Hosts) -> None:
    cur = conn.cursor()
    cur.execute("insert into survival values (1, 'a')")
    conn.commit()
    token = conn.causal_token
    reader = aya_db.connect(hosts.dsn(), readonly=True, after=token)
    assert reader.readonly is True
    with reader.cursor() as read:
        read.execute("select * from survival")
        assert read.fetchall() == [(1, "a")]
    reader.close()
    other = conn.read_only()
    with other.cursor() as read:
        read.execute("select * from survival")
        assert read.fetchall() == [(1, "a")]
        with pytest.raises(errors.ReadOnlySqlTransaction):
            read.execute("delete from survival")
    other.close()


def test_a_token_that_is_none_is_refused(hosts: Hosts) -> None:
    with pytest.raises(ValueError, match="after: "):
        aya_db.connect(hosts.dsn(), after="nonsense")
    with pytest.raises(aya_db.ProgrammingError, match="failover"):
        aya_db.connect(hosts.server.dsn, after="aya1:1:0/1:1")


def test_threads_share_one_that_is_lost(conn: Any, hosts: Hosts) -> None:
    conn.autocommit = True
    wrong: list[Exception] = []
    written = threading.Semaphore(0)

    def work(number: int) -> None:
        try:
            for turn in range(20):
                with conn.cursor() as cur:
                    cur.execute("insert into survival values (%s, 'x')", (number * 100 + turn,))
                written.release()
        except Exception as error:  # noqa: BLE001
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    # Whenever some rows are written; in between, one is always under way.
    for _ in range(80 // 5):
        for _ in range(5):
            assert written.acquire(timeout=60), wrong
        hosts.cut()
    for thread in threads:
        thread.join()
    assert not wrong
    with conn.cursor() as cur:
        cur.execute("select count(*) from survival")
        assert cur.fetchone() == (80,)


def _child(conn: Any, answers: Any) -> None:
    with conn.cursor() as cur:
        cur.execute("select pg_backend_pid()")
        answers.put(cur.fetchone()[0])


def test_a_forked_child_gets_a_connection_of_its_own(conn: Any) -> None:
    conn.autocommit = True
    cur = conn.cursor()
    cur.execute("select pg_backend_pid()")
    mine = cur.fetchone()[0]
    context: Any = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=_child, args=(conn, answers))
    child.start()
    theirs = answers.get(timeout=DEADLINE)
    child.join(DEADLINE)
    assert theirs != mine
    cur.execute("select pg_backend_pid()")
    assert cur.fetchone() == (mine,)

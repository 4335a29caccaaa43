"""Programs that fork below an open connection, as application servers do; `test_fork` runs them.

Each is a process of its own: what a child does when it ends (objects that are dropped, functions of
`atexit`) is part of what is tested, and must not be pytest's.

Usage: ``python forking.py PROGRAM HOSTS``, where ``several`` names the server twice, so that a
driver that watches clusters has its watcher running when the process forks.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from server import Server, module_under_test

if TYPE_CHECKING:
    from collections.abc import Callable

WORKERS = 4
DRIVER = module_under_test()


class Parent:
    """A connection in the middle of its work, which must not notice that others fork below it."""

    def __init__(self, where: str) -> None:
        self.conn = DRIVER.connect(where)
        self.pid = self.conn.info.backend_pid
        with self.conn.cursor() as cur:
            cur.execute("create temp table kept (a int)")
        self.conn.commit()
        # A transaction is open, with a cursor on the server and rows that are not fetched.
        self.cursor = self.conn.cursor()
        self.cursor.execute("insert into kept values (1), (2), (3) returning a")
        self.named = self.conn.cursor("named")
        self.named.execute("select generate_series(1, 100)")

    def check(self) -> None:
        """Go on with all of it."""
        assert self.cursor.fetchall() == [(1,), (2,), (3,)]
        assert len(self.named.fetchall()) == 100
        self.conn.commit()
        with self.conn.cursor() as cur:
            cur.execute("select count(*), pg_backend_pid() from kept")
            assert cur.fetchone() == (3, self.pid)
        assert self.conn.closed == 0
        self.conn.close()


def session(where: str) -> int:
    """Do a unit of work on a new connection; return whose process served it."""
    with closing(DRIVER.connect(where)) as conn, conn, conn.cursor() as cur:
        cur.execute("create temp table mine (a int)")
        cur.executemany("insert into mine values (%s)", [(1,), (2,)])
        cur.execute("select sum(a), pg_backend_pid() from mine")
        total, pid = cur.fetchone()
        assert total == 3
        return int(pid)


def fork(work: Callable[[], object]) -> int:
    """Run ``work`` in a child that ends as interpreters end."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    # A child that hangs is a failure as well.
    signal.alarm(30)
    work()
    sys.exit(0)


def join(children: list[int]) -> None:
    """Wait for children, all of which must end well."""
    for child in children:
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0


def preload(where: str) -> None:
    """Fork workers after the application was loaded with a connection, as gunicorn does."""
    parent = Parent(where)
    join([fork(lambda: session(where)) for _ in range(WORKERS)])
    parent.check()


def inherited_is_closed(where: str) -> None:
    """Have the children close what is not theirs, as careful ones do."""
    parent = Parent(where)

    def work() -> None:
        parent.conn.close()
        assert parent.conn.closed
        session(where)

    join([fork(work) for _ in range(WORKERS)])
    parent.check()


def inherited_is_dropped(where: str) -> None:
    """Have the children lose what is not theirs to the collector."""
    parents = [Parent(where)]

    def work() -> None:
        parents.clear()
        gc.collect()
        session(where)

    join([fork(work) for _ in range(WORKERS)])
    parents.pop().check()


def at_once(where: str) -> None:
    """Work in the parent and in all children at the same time, each on its own connection."""
    parent = Parent(where)

    def work() -> None:
        assert len({session(where) for _ in range(20)}) == 20

    children = [fork(work) for _ in range(WORKERS)]
    for _ in range(20):
        assert session(where) != parent.pid
    join(children)
    parent.check()


def grandchildren(where: str) -> None:
    """Fork again below a child that has connections, as daemons do."""
    parent = Parent(where)

    def work() -> None:
        child = Parent(where)
        join([fork(lambda: session(where)) for _ in range(2)])
        child.check()

    join([fork(work) for _ in range(2)])
    parent.check()


def prefork(where: str) -> None:
    """Keep a pool in each worker and replace workers after some tasks, as celery does."""
    parent = Parent(where)
    pool = module_under_test("pool").ThreadedConnectionPool(1, 2, where)
    before = pool.getconn()
    context = multiprocessing.get_context("fork")
    initializer = (where,)
    with context.Pool(WORKERS, _open_pool, initializer, maxtasksperchild=5) as workers:
        pids = workers.map(_task, range(60), chunksize=1)
        workers.close()
        workers.join()
    assert len(pids) == 60
    assert not {parent.pid, before.info.backend_pid} & set(pids)
    # Workers are replaced, and each has one session for all of its tasks.
    assert WORKERS < len(set(pids)) < 60
    pool.putconn(before)
    with closing(pool.getconn()) as again, again.cursor() as cur:
        cur.execute("select 1")
    parent.check()


def spawn(where: str) -> None:
    """Start interpreters anew, which is all that some platforms can do."""
    parent = Parent(where)
    with multiprocessing.get_context("spawn").Pool(2) as workers:
        pids = workers.map(session, [where] * 10)
        workers.close()
        workers.join()
    assert parent.pid not in pids
    parent.check()


def killed(where: str) -> None:
    """Kill children in the middle of their work: the parent's connection is not theirs to lose."""
    parent = Parent(where)
    read, write = os.pipe()

    def work() -> None:
        with closing(DRIVER.connect(where)) as conn, conn.cursor() as cur:
            cur.execute("select 1")
            os.write(write, b".")
            time.sleep(60)

    children = [fork(work) for _ in range(WORKERS)]
    for _ in children:
        assert os.read(read, 1) == b"."
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    parent.check()


def one_fails(where: str) -> None:
    """Have a child end badly, which must be told."""
    join([fork(lambda: session(where)), fork(lambda: sys.exit(3))])


_pool: Any = None


def _open_pool(where: str) -> None:
    global _pool
    _pool = module_under_test("pool").ThreadedConnectionPool(1, 2, where)


def _task(number: int) -> int:
    conn = _pool.getconn()
    try:
        with conn, conn.cursor() as cur:
            cur.execute("select %s, pg_backend_pid()", (number,))
            answer, pid = cur.fetchone()
            assert answer == number
            return int(pid)
    finally:
        _pool.putconn(conn)


PROGRAMS = [
    preload,
    inherited_is_closed,
    inherited_is_dropped,
    at_once,
    grandchildren,
    prefork,
    spawn,
    killed,
]

if __name__ == "__main__":
    name, hosts = sys.argv[1:]
    server = Server.from_environment()
    where = server.dsn if hosts == "one" else server.cluster_dsn
    # Only the process that was started says that all went well.
    started = os.getpid()
    next(it for it in [*PROGRAMS, one_fails] if it.__name__ == name)(where)
    assert os.getpid() == started
    print("well")

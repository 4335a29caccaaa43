"""psycopg2 and aya_db, by the very same calls."""

from __future__ import annotations

import importlib
import io
import threading
from contextlib import ExitStack, closing
from typing import Any

import data
from cases import CONNECTIONS, PAGE_SIZE, STATEMENTS, STATEMENTS_A_THREAD, THREADS
from measure import peak_bytes, seconds, server


class Psycopg2Face:
    """A connection of a module with psycopg2's face.

    Args:
        module: its name.
    """

    def __init__(self, module: str) -> None:
        self._module = importlib.import_module(module)
        self._extras = importlib.import_module(f"{module}.extras")
        self._conn = self._connect()
        self._insertions = data.insertions()
        self._copied = data.copied()

    @property
    def version(self) -> str:
        """Return what the driver says of itself."""
        return str(getattr(self._module, "__aya_version__", self._module.__version__)).split()[0]

    def select_1(self) -> float:
        with self._conn.cursor() as cur:
            return seconds(lambda: _select_1(cur, STATEMENTS))

    def select_parameters(self) -> float:
        def run(cur: Any) -> None:
            for _ in range(STATEMENTS):
                cur.execute("select %s::int, %s::text", data.SELECT_PARAMETERS)
                cur.fetchone()

        with self._conn.cursor() as cur:
            return seconds(lambda: run(cur))

    def fetch_mixed(self) -> float:
        return seconds(lambda: self._fetch(data.SELECT_MIXED))

    def fetch_ints(self) -> float:
        return seconds(lambda: self._fetch(data.SELECT_INTS))

    def executemany(self) -> float:
        def run(cur: Any) -> None:
            cur.executemany("insert into written values (%s, %s, %s, %s, %s)", self._insertions)

        return self._write(run)

    def execute_values(self) -> float:
        def run(cur: Any) -> None:
            self._extras.execute_values(
                cur, "insert into written values %s", self._insertions, page_size=PAGE_SIZE
            )

        return self._write(run)

    def copy_in(self) -> float:
        source = io.BytesIO(self._copied)
        return self._write(lambda cur: cur.copy_expert("copy written from stdin", source))

    def copy_out(self) -> float:
        with self._conn.cursor() as cur:
            return seconds(lambda: cur.copy_expert("copy mixed to stdout", io.BytesIO()))

    def connect_close(self) -> float:
        def run() -> None:
            for _ in range(CONNECTIONS):
                self._connect().close()

        return seconds(run)

    def threads(self) -> float:
        def work(conn: Any) -> None:
            with conn.cursor() as cur:
                _select_1(cur, STATEMENTS_A_THREAD)

        def run() -> None:
            threads = [threading.Thread(target=work, args=(conn,)) for conn in crowd]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        with ExitStack() as opened:
            crowd = [opened.enter_context(closing(self._connect())) for _ in range(THREADS)]
            return seconds(run)

    def memory(self) -> float:
        self._fetch("select * from many limit 1000")
        before = peak_bytes()
        rows = self._fetch(data.SELECT_MANY)
        return peak_bytes() - before if rows else 0

    def _connect(self) -> Any:
        conn = self._module.connect(**server())
        conn.autocommit = True
        return conn

    def _fetch(self, query: str) -> list[Any]:
        with self._conn.cursor() as cur:
            cur.execute(query)
            rows: list[Any] = cur.fetchall()
            return rows

    def _write(self, write: Any) -> float:
        """Time ``write`` in a transaction of its own, which begins with an empty table."""

        def run(conn: Any) -> None:
            with conn, conn.cursor() as cur:
                write(cur)

        with self._conn.cursor() as cur:
            cur.execute(data.TRUNCATE)
        with closing(self._module.connect(**server())) as conn:
            return seconds(lambda: run(conn))


def _select_1(cur: Any, times: int) -> None:
    for _ in range(times):
        cur.execute("select 1")
        cur.fetchone()

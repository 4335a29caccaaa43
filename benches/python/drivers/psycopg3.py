"""psycopg 3, with its C half."""

from __future__ import annotations

import io
import threading
from contextlib import ExitStack, closing
from typing import Any

import psycopg

import data
from cases import CONNECTIONS, STATEMENTS, STATEMENTS_A_THREAD, THREADS
from measure import peak_bytes, seconds, server

BLOCK_BYTES = 1 << 16


class Psycopg3:
    """A connection of psycopg 3; it has nothing like `execute_values`."""

    def __init__(self) -> None:
        if psycopg.pq.__impl__ == "python":
            raise RuntimeError("psycopg runs without its C half")
        self._conn = self._connect()
        self._insertions = data.insertions()
        self._copied = data.copied()

    @property
    def version(self) -> str:
        """Return what the driver says of itself."""
        return psycopg.__version__

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

    def copy_in(self) -> float:
        source = io.BytesIO(self._copied)

        def run(cur: Any) -> None:
            with cur.copy("copy written from stdin") as copy:
                while block := source.read(BLOCK_BYTES):
                    copy.write(block)

        return self._write(run)

    def copy_out(self) -> float:
        def run(cur: Any) -> io.BytesIO:
            out = io.BytesIO()
            with cur.copy("copy mixed to stdout") as copy:
                for block in copy:
                    out.write(block)
            return out

        with self._conn.cursor() as cur:
            return seconds(lambda: run(cur))

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
        return psycopg.connect(**server(), autocommit=True)  # type: ignore[arg-type]

    def _fetch(self, query: str) -> list[Any]:
        with self._conn.cursor() as cur:
            cur.execute(query)
            rows: list[Any] = cur.fetchall()
            return rows

    def _write(self, write: Any) -> float:
        """Time ``write`` in a transaction of its own, which begins with an empty table."""

        def run(conn: Any) -> None:
            with conn.transaction(), conn.cursor() as cur:
                write(cur)

        self._conn.execute(data.TRUNCATE)
        with closing(psycopg.connect(**server())) as conn:  # type: ignore[arg-type]
            return seconds(lambda: run(conn))


def _select_1(cur: Any, times: int) -> None:
    for _ in range(times):
        cur.execute("select 1")
        cur.fetchone()

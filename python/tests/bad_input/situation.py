"""What a snippet finds when it runs: its names, and the things it may need."""

from __future__ import annotations

import datetime
import decimal
import io
import pickle
import select
import uuid
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from server import Server


class Situation:
    """A connection with a cursor, the submodules of the driver, and ways to spoil things.

    Args:
        load: gives the driver, or the submodule of it that is named.
        server: where it connects to.
    """

    def __init__(self, load: Callable[..., Any], server: Server) -> None:
        self._load = load
        self._dsn = server.dsn
        self._open = ExitStack()

    def __enter__(self) -> dict[str, Any]:
        """Return what the names of a snippet mean."""
        driver = self._load()
        # Last things first: connections are closed before registers are put back, and those before
        # this connects again.
        self._open.callback(self._forget_prepared)
        self._keep_registers()
        conn = self._connect()
        submodules = ("errorcodes", "errors", "extensions", "extras", "pool", "sql", "tz")
        return {
            "m": driver,
            **{name: self._load(name) for name in submodules},
            "ext": self._load("extensions"),
            "dsn": self._dsn,
            "conn": conn,
            "cur": conn.cursor(),
            # The driver in other states.
            "another": self._connect,
            "asynchronous": self._asynchronous,
            "replication": self._replication,
            "lost": self._lost,
            "bare": lambda kind: kind.__new__(kind),
            "wait": _wait,
            # What goes in, or is written to.
            "Broken": Broken,
            "Unreadable": Unreadable,
            "Strange": Strange,
            "Endless": Endless,
            "dt": datetime,
            "Decimal": decimal.Decimal,
            "StringIO": io.StringIO,
            "BytesIO": io.BytesIO,
            "pickle": pickle,
            "uuid": uuid,
        }

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def _keep_registers(self) -> None:
        """Put back at the end what snippets register for the whole process."""
        ext = self._load("extensions")
        self._open.callback(ext.set_wait_callback, ext.get_wait_callback())
        for register in (ext.adapters, ext.string_types, ext.binary_types):
            self._open.callback(register.update, dict(register))
            self._open.callback(register.clear)

    def _forget_prepared(self) -> None:
        """End the transactions that snippets have prepared, which outlive their connections."""
        with closing(self._load().connect(self._dsn)) as conn, conn.cursor() as cursor:
            conn.autocommit = True
            cursor.execute("select gid from pg_prepared_xacts where database = current_database()")
            for row in cursor.fetchall():
                cursor.execute("rollback prepared %s", row)

    def _connect(self, **kwargs: Any) -> Any:
        return self._open.enter_context(closing(self._load().connect(self._dsn, **kwargs)))

    def _asynchronous(self) -> Any:
        """Return an asynchronous connection that is ready."""
        conn = self._connect(async_=1)
        _wait(conn)
        return conn

    def _replication(self, kind: str = "LogicalReplicationConnection") -> Any:
        """Return a connection for replication, of that class of `extras`."""
        return self._connect(connection_factory=getattr(self._load("extras"), kind))

    def _lost(self) -> Any:
        """Return a connection whose session the server has ended, which it has not noticed."""
        conn = self._connect()
        with self._connect() as other, other.cursor() as cursor:
            pid = conn.info.backend_pid
            cursor.execute("select pg_terminate_backend(%s, 10000)", (pid,))
        return conn


class Broken:
    """Cannot be adapted, as it says itself."""

    def __conform__(self, protocol: object) -> None:
        raise ZeroDivisionError("broken on purpose")


class Unreadable:
    """A file whose every method fails."""

    def read(self, size: int = -1) -> str:
        raise ZeroDivisionError("cannot read")

    def readline(self) -> str:
        raise ZeroDivisionError("cannot read")

    def write(self, data: object) -> None:
        raise ZeroDivisionError("cannot write")


class Strange:
    """Answers every question with the one value it was made with.

    Args:
        answer: that value.
    """

    def __init__(self, answer: object) -> None:
        self._answer = answer

    def __getitem__(self, key: object) -> object:
        return self._answer

    def __len__(self) -> Any:
        return self._answer

    def __str__(self) -> Any:
        return self._answer

    def __conform__(self, protocol: object) -> object:
        return self._answer

    def getquoted(self) -> object:
        return self._answer

    def read(self, size: int = -1) -> object:
        return self._answer

    def readline(self) -> object:
        return self._answer


class Endless:
    """An iterable that fails before its end."""

    def __iter__(self) -> Any:
        yield (1,)
        raise ZeroDivisionError("cannot go on")


def _wait(conn: Any) -> None:
    """Wait until an asynchronous connection has nothing left to do."""
    while True:
        # POLL_OK, POLL_READ, POLL_WRITE.
        state = conn.poll()
        if state == 0:
            return
        readers, writers = ([conn], []) if state == 1 else ([], [conn])
        if not any(select.select(readers, writers, [], 10)):
            raise TimeoutError("the server is silent")

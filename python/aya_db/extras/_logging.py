"""Connections that log what they run."""

from __future__ import annotations

import logging
import os
import time

from aya_db._psycopg import ProgrammingError, connection, cursor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from aya_db._psycopg import _Query, _Vars


class LoggingConnection(connection):
    """A connection that logs each query to a file or a logger.

    `initialize()` must be called before the first cursor is made.
    """

    def initialize(self, logobj: Any) -> None:
        """Log to this.

        Args:
            logobj: a `logging.Logger`, which gets debug messages, or anything with ``write()``.
        """
        self._logobj = logobj
        self.log = self._logtologger if isinstance(logobj, logging.Logger) else self._logtofile

    def filter(self, msg: Any, curs: Any) -> Any:
        """Return what is to be logged of a query; nothing is logged if it is false.

        Subclasses override it, to leave queries out or to write more about them.
        """
        return msg

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """Return a cursor."""
        self._check()
        kwargs.setdefault("cursor_factory", self.cursor_factory or LoggingCursor)
        return super().cursor(*args, **kwargs)

    def _check(self) -> None:
        if not hasattr(self, "_logobj"):
            raise ProgrammingError("LoggingConnection object has not been initialize()d")

    def _logtofile(self, msg: Any, curs: Any) -> None:
        text = self.filter(msg, curs)
        if not text:
            return
        if isinstance(text, bytes):
            text = text.decode(_codec(self), "replace")
        self._logobj.write(text + os.linesep)

    def _logtologger(self, msg: Any, curs: Any) -> None:
        text = self.filter(msg, curs)
        if text:
            self._logobj.debug(text)


class LoggingCursor(cursor):
    """The cursor of a `LoggingConnection`."""

    def execute(self, query: _Query, vars: _Vars = None) -> None:
        """Run a query, and log it whether it fails or not."""
        try:
            super().execute(query, vars)
        finally:
            _log(self)

    def callproc(self, procname: str | bytes, vars: _Vars = None) -> Any:
        """Call a function, and log it whether it fails or not."""
        try:
            return super().callproc(procname, vars)
        finally:
            _log(self)


class MinTimeLoggingConnection(LoggingConnection):
    """A connection that logs the queries that take long, and how long they took."""

    def initialize(self, logobj: Any, mintime: float = 0) -> None:
        """Log to this what takes ``mintime`` milliseconds or more."""
        super().initialize(logobj)
        self._mintime = mintime

    def filter(self, msg: Any, curs: Any) -> Any:
        """Return the query with its time, or nothing if it was quick."""
        milliseconds = (time.time() - curs.timestamp) * 1000
        if milliseconds < self._mintime:
            return None
        if isinstance(msg, bytes):
            msg = msg.decode(_codec(self), "replace")
        return f"{msg}{os.linesep}  (execution time: {milliseconds} ms)"

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """Return a cursor."""
        kwargs.setdefault("cursor_factory", self.cursor_factory or MinTimeLoggingCursor)
        return super().cursor(*args, **kwargs)


class MinTimeLoggingCursor(LoggingCursor):
    """The cursor of a `MinTimeLoggingConnection`."""

    # When the query at hand was begun.
    timestamp: float

    def execute(self, query: _Query, vars: _Vars = None) -> None:
        """Run a query, and log it if it takes long."""
        self.timestamp = time.time()
        super().execute(query, vars)

    def callproc(self, procname: str | bytes, vars: _Vars = None) -> Any:
        """Call a function, and log it if it takes long."""
        self.timestamp = time.time()
        return super().callproc(procname, vars)


def _log(curs: LoggingCursor) -> None:
    conn: Any = curs.connection
    conn.log(curs.query, curs)


def _codec(conn: connection) -> str:
    from aya_db._psycopg import encodings

    return encodings.get(conn.encoding, "utf-8")

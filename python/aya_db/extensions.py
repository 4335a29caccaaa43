"""Objects beyond DB-API: adaptation, typecasters, statuses, and what a DSN is made of.

Most of them come from the compiled module; what is written here are the constants and the making of
connection strings.
"""

from __future__ import annotations

import re as _re

from aya_db import _json
from aya_db import _range as _range
from aya_db._adapters import SQL_IN, NoneAdapter, register_adapter
from aya_db._psycopg import (
    BINARYARRAY,
    BOOLEAN,
    BOOLEANARRAY,
    BYTES,
    BYTESARRAY,
    DATE,
    DATEARRAY,
    DATETIMEARRAY,
    DECIMAL,
    DECIMALARRAY,
    FLOAT,
    FLOATARRAY,
    INTEGER,
    INTEGERARRAY,
    INTERVAL,
    INTERVALARRAY,
    LONGINTEGER,
    LONGINTEGERARRAY,
    PYDATE,
    PYDATEARRAY,
    PYDATETIME,
    PYDATETIMEARRAY,
    PYDATETIMETZ,
    PYDATETIMETZARRAY,
    PYINTERVAL,
    PYINTERVALARRAY,
    PYTIME,
    PYTIMEARRAY,
    ROWIDARRAY,
    STRINGARRAY,
    TIME,
    TIMEARRAY,
    UNICODE,
    UNICODEARRAY,
    AsIs,
    Binary,
    Boolean,
    Column,
    ConnectionInfo,
    DateFromPy,
    Diagnostics,
    Float,
    Int,
    IntervalFromPy,
    ISQLQuote,
    Notify,
    QueryCanceledError,
    QuotedString,
    TimeFromPy,
    TimestampFromPy,
    TransactionRollbackError,
    Xid,
    adapt,
    adapters,
    binary_types,
    connection,
    cursor,
    encodings,
    encrypt_password,
    get_wait_callback,
    libpq_version,
    lobject,
    new_array_type,
    new_type,
    parse_dsn,
    quote_ident,
    register_type,
    set_wait_callback,
    string_types,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Isolation levels. Two of them are given the same number by applications that predate 2.7, which
# is why the numbers are not in the order of strength.
ISOLATION_LEVEL_AUTOCOMMIT = 0
ISOLATION_LEVEL_READ_UNCOMMITTED = 4
ISOLATION_LEVEL_READ_COMMITTED = 1
ISOLATION_LEVEL_REPEATABLE_READ = 2
ISOLATION_LEVEL_SERIALIZABLE = 3
ISOLATION_LEVEL_DEFAULT = None

# What a connection is in, as `connection.status` tells it.
STATUS_SETUP = 0
STATUS_READY = 1
STATUS_BEGIN = 2
STATUS_IN_TRANSACTION = STATUS_BEGIN
STATUS_PREPARED = 5
STATUS_SYNC = 3
STATUS_ASYNC = 4

# What `connection.poll()` asks for.
POLL_OK = 0
POLL_READ = 1
POLL_WRITE = 2
POLL_ERROR = 3

# What the server last said of the transaction.
TRANSACTION_STATUS_IDLE = 0
TRANSACTION_STATUS_ACTIVE = 1
TRANSACTION_STATUS_INTRANS = 2
TRANSACTION_STATUS_INERROR = 3
TRANSACTION_STATUS_UNKNOWN = 4


def make_dsn(dsn: str | None = None, **kwargs: Any) -> str:
    """Merge a connection string and keywords into one connection string.

    Keywords win over the string, ``None`` stands for a keyword that is not given, and ``database``
    is another name of ``dbname``. The string is returned as it is when there is nothing to merge.

    Raises:
        TypeError: both ``database`` and ``dbname`` are given.
        ProgrammingError: the result is no connection string.
    """
    if not kwargs:
        if dsn is None:
            return ""
        parse_dsn(dsn)
        return dsn
    if "database" in kwargs:
        if "dbname" in kwargs:
            raise TypeError("you can't specify both 'database' and 'dbname' arguments")
        kwargs["dbname"] = kwargs.pop("database")
    given = {name: value for name, value in kwargs.items() if value is not None}
    if dsn is not None:
        given = {**parse_dsn(dsn), **given}
    merged = " ".join([f"{name}={_param_escape(str(value))}" for name, value in given.items()])
    parse_dsn(merged)
    return merged


def _param_escape(
    s: str,
    re_escape: _re.Pattern[str] = _re.compile(r"([\\'])"),
    re_space: _re.Pattern[str] = _re.compile(r"\s"),
) -> str:
    """Quote one value of a connection string, as libpq's documentation asks for it."""
    if not s:
        return "''"
    escaped = re_escape.sub(r"\\\1", s)
    return f"'{escaped}'" if re_space.search(escaped) else escaped


# JSON and ranges are cast without being asked for.
JSON, JSONARRAY = _json.register_default_json()
JSONB, JSONBARRAY = _json.register_default_jsonb()

# The words of a server's encoding are looked up with and without their punctuation.
for _name, _codec in list(encodings.items()):
    encodings.setdefault(_re.sub(r"[^A-Za-z0-9]", "", _name).upper(), _codec)
del _name, _codec

__all__ = [
    "BINARYARRAY",
    "BOOLEAN",
    "BOOLEANARRAY",
    "BYTES",
    "BYTESARRAY",
    "DATE",
    "DATEARRAY",
    "DATETIMEARRAY",
    "DECIMAL",
    "DECIMALARRAY",
    "FLOAT",
    "FLOATARRAY",
    "INTEGER",
    "INTEGERARRAY",
    "INTERVAL",
    "INTERVALARRAY",
    "ISOLATION_LEVEL_AUTOCOMMIT",
    "ISOLATION_LEVEL_DEFAULT",
    "ISOLATION_LEVEL_READ_COMMITTED",
    "ISOLATION_LEVEL_READ_UNCOMMITTED",
    "ISOLATION_LEVEL_REPEATABLE_READ",
    "ISOLATION_LEVEL_SERIALIZABLE",
    "JSON",
    "JSONARRAY",
    "JSONB",
    "JSONBARRAY",
    "LONGINTEGER",
    "LONGINTEGERARRAY",
    "POLL_ERROR",
    "POLL_OK",
    "POLL_READ",
    "POLL_WRITE",
    "PYDATE",
    "PYDATEARRAY",
    "PYDATETIME",
    "PYDATETIMEARRAY",
    "PYDATETIMETZ",
    "PYDATETIMETZARRAY",
    "PYINTERVAL",
    "PYINTERVALARRAY",
    "PYTIME",
    "PYTIMEARRAY",
    "ROWIDARRAY",
    "SQL_IN",
    "STATUS_ASYNC",
    "STATUS_BEGIN",
    "STATUS_IN_TRANSACTION",
    "STATUS_PREPARED",
    "STATUS_READY",
    "STATUS_SETUP",
    "STATUS_SYNC",
    "STRINGARRAY",
    "TIME",
    "TIMEARRAY",
    "TRANSACTION_STATUS_ACTIVE",
    "TRANSACTION_STATUS_IDLE",
    "TRANSACTION_STATUS_INERROR",
    "TRANSACTION_STATUS_INTRANS",
    "TRANSACTION_STATUS_UNKNOWN",
    "TYPE_CHECKING",
    "UNICODE",
    "UNICODEARRAY",
    "AsIs",
    "Binary",
    "Boolean",
    "Column",
    "ConnectionInfo",
    "DateFromPy",
    "Diagnostics",
    "Float",
    "ISQLQuote",
    "Int",
    "IntervalFromPy",
    "NoneAdapter",
    "Notify",
    "QueryCanceledError",
    "QuotedString",
    "TimeFromPy",
    "TimestampFromPy",
    "TransactionRollbackError",
    "Xid",
    "adapt",
    "adapters",
    "binary_types",
    "connection",
    "cursor",
    "encodings",
    "encrypt_password",
    "get_wait_callback",
    "libpq_version",
    "lobject",
    "make_dsn",
    "new_array_type",
    "new_type",
    "parse_dsn",
    "quote_ident",
    "register_adapter",
    "register_type",
    "set_wait_callback",
    "string_types",
]

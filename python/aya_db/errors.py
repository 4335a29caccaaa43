"""One exception class per SQLSTATE, named after PostgreSQL's conditions.

The classes are made by the compiled module, because it raises them; here they get the names they
are imported by. `errors.pyi` lists them for type checkers and is made from PostgreSQL's table.
"""

from __future__ import annotations

from aya_db._psycopg import (
    CommitUnknown,
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    QueryCanceledError,
    ReplayDiverged,
    SessionStateLost,
    TransactionLost,
    TransactionRollbackError,
    Warning,
    sqlstate_errors,
)

__all__ = [
    "CommitUnknown",
    "DataError",
    "DatabaseError",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "QueryCanceledError",
    "ReplayDiverged",
    "SessionStateLost",
    "TransactionLost",
    "TransactionRollbackError",
    "Warning",
    "lookup",
]

for _error in sqlstate_errors.values():
    globals()[_error.__name__] = _error
    __all__ += [_error.__name__]
del _error


def lookup(code: str) -> type[Error]:
    """Return the exception class of a SQLSTATE.

    Raises:
        KeyError: no class has this code.
    """
    return sqlstate_errors[code]

"""Many sets of values in few round trips."""

from __future__ import annotations

import re
from itertools import islice

from aya_db import sql as _sql
from aya_db._psycopg import encodings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from aya_db._psycopg import _Query, _Vars, cursor


def execute_batch(
    cur: cursor, sql: _Query, argslist: Iterable[_Vars], page_size: int = 100
) -> None:
    """Run a statement once for each set of values, many of them in one message.

    After it, the cursor holds the result of the last message alone.

    Args:
        cur: the cursor.
        sql: the statement.
        argslist: the sets of values.
        page_size: how many statements go into one message.
    """
    for page in _paginate(argslist, page_size=page_size):
        cur.execute(b";".join([cur.mogrify(sql, args) for args in page]))


def execute_values(
    cur: cursor,
    sql: _Query,
    argslist: Iterable[Any],
    template: str | bytes | None = None,
    page_size: int = 100,
    fetch: bool = False,
) -> list[Any] | None:
    """Run a statement with many rows of values in the place of its one ``%s``.

    Args:
        cur: the cursor.
        sql: the statement, as ``insert into t (a, b) values %s``.
        argslist: the rows, sequences or, with a template that names them, mappings.
        template: how a row is written, by default ``(%s, %s, ...)`` of its length.
        page_size: how many rows go into one statement.
        fetch: return what the statements return, as with ``returning``.

    Returns:
        The rows that came back if ``fetch`` was asked for, else ``None``.

    Raises:
        ValueError: there is not exactly one ``%s`` in the statement.
    """
    if isinstance(sql, _sql.Composable):
        sql = sql.as_string(cur)
    codec = encodings[cur.connection.encoding]
    if not isinstance(sql, bytes):
        sql = sql.encode(codec)
    if isinstance(template, str):
        template = template.encode(codec)
    head, tail = _split_sql(sql)
    result: list[Any] | None = [] if fetch else None
    for page in _paginate(argslist, page_size=page_size):
        if template is None:
            template = b"(" + b",".join([b"%s"] * len(page[0])) + b")"
        rows = [cur.mogrify(template, args) for args in page]
        cur.execute(b"".join([*head, b",".join(rows), *tail]))
        if result is not None:
            result.extend(cur.fetchall())
    return result


def _paginate(seq: Iterable[Any], page_size: int) -> Iterator[list[Any]]:
    """Cut a sequence into lists of at most ``page_size``; the last may be shorter."""
    if page_size < 1:
        raise ValueError(f"page_size must be at least 1, got {page_size!r}")
    values = iter(seq)
    while True:
        page = list(islice(values, page_size))
        if not page:
            return
        yield page


def _split_sql(sql: bytes) -> tuple[list[bytes], list[bytes]]:
    """Return what is in front of the one ``%s`` and what is behind it, with ``%%`` undone."""
    head: list[bytes] = []
    tail: list[bytes] = []
    side = head
    # Every second part is the character behind a percent sign.
    parts = re.split(rb"%(.)", sql, flags=re.DOTALL)
    for index, part in enumerate(parts):
        if index % 2 == 0:
            if part:
                side.append(part)
        elif part == b"%":
            side.append(b"%")
        elif part != b"s":
            letter = part.decode("ascii", "replace")
            raise ValueError(f"unsupported format character: '{letter}'")
        elif side is tail:
            raise ValueError("the query contains more than one '%s' placeholder")
        else:
            side = tail
    if side is head:
        raise ValueError("the query doesn't contain any '%s' placeholder")
    return head, tail

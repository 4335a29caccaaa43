"""Rows by the names of their columns: a list that also knows the names, and a dictionary."""

from __future__ import annotations

from collections import OrderedDict

from aya_db._psycopg import connection, cursor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Union

    from aya_db._psycopg import _Query, _Vars

    _Key = Union[int, slice, str]


class DictCursorBase(cursor):
    """What both cursors share: they index the columns once per result.

    Args:
        *args: passed on to the cursor.
        row_factory: makes the rows; called with the cursor.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "row_factory" not in kwargs:
            raise NotImplementedError("DictCursorBase can't be instantiated without a row factory.")
        row_factory = kwargs.pop("row_factory")
        super().__init__(*args, **kwargs)
        # Set by execute(): the next fetch finds new columns.
        self._query_executed = False
        # A named cursor knows its columns only once it has fetched.
        self._prefetch = False
        self.row_factory = row_factory

    def _build_index(self) -> None:
        """Index the columns of the result. Subclasses do."""
        raise NotImplementedError

    # Some rows need the index while they are made, others once they are there. The order of these
    # two steps is the only difference between the cursors, and it is in `_prefetch`.

    def fetchone(self) -> Any:
        """Return the next row, or ``None`` if there is no more."""
        if self._prefetch:
            row = super().fetchone()
        if self._query_executed:
            self._build_index()
        if not self._prefetch:
            row = super().fetchone()
        return row

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """Return the next ``size`` rows, by default `arraysize`."""
        if self._prefetch:
            rows = super().fetchmany(size)
        if self._query_executed:
            self._build_index()
        if not self._prefetch:
            rows = super().fetchmany(size)
        return rows

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""
        if self._prefetch:
            rows = super().fetchall()
        if self._query_executed:
            self._build_index()
        if not self._prefetch:
            rows = super().fetchall()
        return rows

    def __iter__(self) -> Iterator[Any]:
        # A plain cursor is its own iterator: `iter()` of it would come back here.
        following = super().__next__
        try:
            if self._prefetch:
                row = following()
            if self._query_executed:
                self._build_index()
            if not self._prefetch:
                row = following()
            while True:
                yield row
                row = following()
        except StopIteration:
            return


class DictConnection(connection):
    """A connection whose cursors are `DictCursor`."""

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """Return a cursor."""
        kwargs.setdefault("cursor_factory", self.cursor_factory or DictCursor)
        return super().cursor(*args, **kwargs)


class DictCursor(DictCursorBase):
    """A cursor whose rows are `DictRow`."""

    # The place of each column by its name; the last of several columns of one name wins.
    index: OrderedDict[str, int]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["row_factory"] = DictRow
        super().__init__(*args, **kwargs)
        self._prefetch = True

    def execute(self, query: _Query, vars: _Vars = None) -> None:
        """Run a query."""
        self.index = OrderedDict()
        self._query_executed = True
        super().execute(query, vars)

    def callproc(self, procname: str | bytes, vars: _Vars = None) -> Any:
        """Call a function."""
        self.index = OrderedDict()
        self._query_executed = True
        return super().callproc(procname, vars)

    def _build_index(self) -> None:
        # The rows that were fetched already hold this very object.
        if self.description:
            for place, column in enumerate(self.description):
                self.index[column[0]] = place
        self._query_executed = False


class DictRow(list):  # type: ignore[type-arg]
    """A row: a list whose values are also found by the names of their columns.

    Args:
        cursor: the cursor that fetched it.
    """

    __slots__ = ("_index",)

    _index: OrderedDict[str, int]

    def __init__(self, cursor: DictCursor) -> None:
        self._index = cursor.index
        # The driver fills the places in.
        self[:] = [None] * len(cursor.description or ())

    def __getitem__(self, x: Any) -> Any:
        if not isinstance(x, (int, slice)):
            x = self._index[x]
        return super().__getitem__(x)

    def __setitem__(self, x: Any, v: Any) -> None:
        if not isinstance(x, (int, slice)):
            x = self._index[x]
        super().__setitem__(x, v)

    def __contains__(self, x: object) -> bool:
        return x in self._index

    def items(self) -> Iterator[tuple[str, Any]]:
        """Return the names with their values."""
        return ((name, self[name]) for name in self._index)

    def keys(self) -> Iterator[str]:
        """Return the names."""
        return iter(self._index)

    def values(self) -> Iterator[Any]:
        """Return the values, one for each name."""
        return (self[name] for name in self._index)

    def get(self, x: _Key, default: Any = None) -> Any:
        """Return the value of a column, or ``default`` if there is no such column."""
        try:
            return self[x]
        except (KeyError, IndexError):
            return default

    def copy(self) -> OrderedDict[str, Any]:  # type: ignore[override]
        """Return the row as a dictionary."""
        return OrderedDict(self.items())

    def __getstate__(self) -> tuple[list[Any], OrderedDict[str, int]]:
        return self[:], self._index.copy()

    def __setstate__(self, data: tuple[list[Any], OrderedDict[str, int]]) -> None:
        self[:] = data[0]
        self._index = data[1]

    def __reduce__(self) -> Any:
        # The list is rebuilt from its own state: appending to it would need an index first.
        return _new_dict_row, (type(self),), self.__getstate__()


def _new_dict_row(kind: type[DictRow]) -> DictRow:
    """Make an empty row, for `pickle` and `copy` to fill in."""
    return kind.__new__(kind)


class RealDictConnection(connection):
    """A connection whose cursors are `RealDictCursor`."""

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """Return a cursor."""
        kwargs.setdefault("cursor_factory", self.cursor_factory or RealDictCursor)
        return super().cursor(*args, **kwargs)


class RealDictCursor(DictCursorBase):
    """A cursor whose rows are dictionaries, and know no numbers."""

    # The names of the columns, in their order.
    column_mapping: list[str]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["row_factory"] = RealDictRow
        super().__init__(*args, **kwargs)

    def execute(self, query: _Query, vars: _Vars = None) -> None:
        """Run a query."""
        self.column_mapping = []
        self._query_executed = True
        super().execute(query, vars)

    def callproc(self, procname: str | bytes, vars: _Vars = None) -> Any:
        """Call a function."""
        self.column_mapping = []
        self._query_executed = True
        return super().callproc(procname, vars)

    def _build_index(self) -> None:
        if self.description:
            self.column_mapping = [column[0] for column in self.description]
        self._query_executed = False


class RealDictRow(OrderedDict):  # type: ignore[type-arg]
    """A row: a dictionary by the names of the columns, in their order."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args and isinstance(args[0], cursor):
            # While the driver fills it in by number, the row keeps its cursor under this key.
            super().__init__()
            super().__setitem__(RealDictRow, args[0])
        else:
            super().__init__(*args, **kwargs)

    def __setitem__(self, key: Any, value: Any) -> None:
        filled_by = self.get(RealDictRow)
        if filled_by is None:
            super().__setitem__(key, value)
            return
        names = filled_by.column_mapping
        if not names:
            # A named cursor learns its columns with its first rows, of which this is the first.
            filled_by._build_index()
            names = filled_by.column_mapping
        if key == 0:
            # All the names first, so that they are in order, whatever comes twice.
            for name in names:
                super().__setitem__(name, None)
        super().__setitem__(names[key], value)
        if key == len(names) - 1:
            del self[RealDictRow]

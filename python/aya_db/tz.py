"""Time zones as psycopg2 made them before `datetime.timezone` existed.

New code wants `datetime.timezone`. These stay for applications that name them, and for values that
were pickled with them.
"""

from __future__ import annotations

import datetime
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar, Optional, Union

    _Key = tuple[Optional[str], Union[float, datetime.timedelta]]

ZERO = datetime.timedelta(0)
STDOFFSET = datetime.timedelta(seconds=-time.timezone)
DSTOFFSET = datetime.timedelta(seconds=-time.altzone) if time.daylight else STDOFFSET
DSTDIFF = DSTOFFSET - STDOFFSET


class FixedOffsetTimezone(datetime.tzinfo):
    """A fixed distance from UTC. Equal arguments give the same object.

    Args:
        offset: minutes east of UTC, or a timedelta.
        name: what `tzname()` says; by default it is made from the offset.
    """

    _name: str | None = None
    _offset = ZERO

    _cache: ClassVar[dict[_Key, FixedOffsetTimezone]] = {}

    def __new__(
        cls, offset: float | datetime.timedelta | None = None, name: str | None = None
    ) -> FixedOffsetTimezone:
        """Return the object with these arguments, if there is one."""
        # A subclass has a cache entry of its own kind or none: only this class is shared.
        if cls is not FixedOffsetTimezone:
            return super().__new__(cls)
        key = (name, ZERO if offset is None else offset)
        known = cls._cache.get(key)
        if known is None:
            known = cls._cache.setdefault(key, super().__new__(cls))
        return known

    def __init__(
        self, offset: float | datetime.timedelta | None = None, name: str | None = None
    ) -> None:
        if offset is not None:
            if not isinstance(offset, datetime.timedelta):
                offset = datetime.timedelta(minutes=offset)
            self._offset = offset or ZERO
        if name is not None:
            self._name = name

    def __repr__(self) -> str:
        # The name is psycopg2's, because applications compare it.
        return f"psycopg2.tz.FixedOffsetTimezone(offset={self._offset!r}, name={self._name!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FixedOffsetTimezone):
            return NotImplemented
        return self._offset == other._offset

    def __ne__(self, other: object) -> bool:
        if not isinstance(other, FixedOffsetTimezone):
            return NotImplemented
        return self._offset != other._offset

    def __hash__(self) -> int:
        return hash(self._offset)

    def __getinitargs__(self) -> tuple[datetime.timedelta, str | None]:
        # The base class pickles by these arguments.
        return self._offset, self._name

    def utcoffset(self, dt: datetime.datetime | None) -> datetime.timedelta:
        """Return the distance from UTC."""
        return self._offset

    def tzname(self, dt: datetime.datetime | None) -> str:
        """Return the name, or the offset in the manner of PostgreSQL."""
        if self._name is not None:
            return self._name
        total = int(self._offset.total_seconds())
        minutes, seconds = divmod(abs(total), 60)
        hours, minutes = divmod(minutes, 60)
        text = f"{'-' if total < 0 else '+'}{hours:02d}"
        if minutes or seconds:
            text += f":{minutes:02d}"
        if seconds:
            text += f":{seconds:02d}"
        return text

    def dst(self, dt: datetime.datetime | None) -> datetime.timedelta:
        """Return zero: a fixed offset knows no summer."""
        return ZERO


class LocalTimezone(datetime.tzinfo):
    """The zone that the operating system believes to be in."""

    def utcoffset(self, dt: datetime.datetime | None) -> datetime.timedelta:
        """Return the distance from UTC at this moment."""
        return DSTOFFSET if self._isdst(dt) else STDOFFSET

    def dst(self, dt: datetime.datetime | None) -> datetime.timedelta:
        """Return how far summer is ahead at this moment."""
        return DSTDIFF if self._isdst(dt) else ZERO

    def tzname(self, dt: datetime.datetime | None) -> str:
        """Return the operating system's name of the zone at this moment."""
        return time.tzname[self._isdst(dt)]

    def _isdst(self, dt: datetime.datetime | None) -> bool:
        if dt is None:
            return False
        moment = dt.replace(tzinfo=None).timetuple()
        return time.localtime(time.mktime((*moment[:8], -1))).tm_isdst > 0


LOCAL = LocalTimezone()

"""The value of a range: two ends, and whether each of them belongs to it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Range:
    """A range of anything that can be compared. It never changes.

    It is what PostgreSQL sent or is to be sent: nothing is normalised, so ``[1,2]`` and ``[1,3)``
    differ even for integers. An end of ``None`` is infinite and never included.

    Args:
        lower: the lower end.
        upper: the upper end.
        bounds: ``[]``, ``[)``, ``(]`` or ``()``: whether the ends are included.
        empty: nothing is in the range, and the other arguments do not matter.
    """

    __slots__ = ("_bounds", "_lower", "_upper")

    _lower: Any
    _upper: Any
    # None for the empty range.
    _bounds: str | None

    def __init__(
        self, lower: Any = None, upper: Any = None, bounds: str = "[)", empty: bool = False
    ) -> None:
        if empty:
            self._lower = self._upper = self._bounds = None
            return
        if bounds not in ("[)", "(]", "()", "[]"):
            raise ValueError(f"bound flags not valid: {bounds!r}")
        self._lower = lower
        self._upper = upper
        self._bounds = bounds

    @property
    def lower(self) -> Any:
        """The lower end; ``None`` if it is infinite or the range is empty."""
        return self._lower

    @property
    def upper(self) -> Any:
        """The upper end; ``None`` if it is infinite or the range is empty."""
        return self._upper

    @property
    def isempty(self) -> bool:
        """Whether nothing is in the range."""
        return self._bounds is None

    @property
    def lower_inf(self) -> bool:
        """Whether the range goes down for ever."""
        return self._bounds is not None and self._lower is None

    @property
    def upper_inf(self) -> bool:
        """Whether the range goes up for ever."""
        return self._bounds is not None and self._upper is None

    @property
    def lower_inc(self) -> bool:
        """Whether the lower end is in the range."""
        return self._bounds is not None and self._lower is not None and self._bounds[0] == "["

    @property
    def upper_inc(self) -> bool:
        """Whether the upper end is in the range."""
        return self._bounds is not None and self._upper is not None and self._bounds[1] == "]"

    def __contains__(self, x: Any) -> bool:
        if self._bounds is None:
            return False
        if self._lower is not None and (
            x < self._lower or (x == self._lower and not self.lower_inc)
        ):
            return False
        return self._upper is None or x < self._upper or (x == self._upper and self.upper_inc)

    def __bool__(self) -> bool:
        return self._bounds is not None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Range):
            return False
        return self._state() == other._state()

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self._state())

    # The order serves to sort keys, as PostgreSQL's does. It means nothing else.

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Range):
            return NotImplemented
        return self._before(other, when_equal=False)

    def __le__(self, other: object) -> bool:
        if not isinstance(other, Range):
            return NotImplemented
        return self._before(other, when_equal=True)

    def __gt__(self, other: object) -> bool:
        if not isinstance(other, Range):
            return NotImplemented
        return other._before(self, when_equal=False)

    def __ge__(self, other: object) -> bool:
        if not isinstance(other, Range):
            return NotImplemented
        return other._before(self, when_equal=True)

    def __repr__(self) -> str:
        kind = type(self).__name__
        if self._bounds is None:
            return f"{kind}(empty=True)"
        return f"{kind}({self._lower!r}, {self._upper!r}, {self._bounds!r})"

    def __str__(self) -> str:
        if self._bounds is None:
            return "empty"
        return f"{self._bounds[0]}{self._lower}, {self._upper}{self._bounds[1]}"

    def __getstate__(self) -> dict[str, Any]:
        return {"_lower": self._lower, "_upper": self._upper, "_bounds": self._bounds}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for slot, value in state.items():
            setattr(self, slot, value)

    def _state(self) -> tuple[Any, Any, str | None]:
        return self._lower, self._upper, self._bounds

    def _before(self, other: Range, *, when_equal: bool) -> bool:
        """Compare the lower ends, then the upper ones, then the bounds; ``None`` comes first."""
        for mine, theirs in zip(self._state(), other._state()):
            if mine == theirs:
                continue
            if mine is None or theirs is None:
                return mine is None
            return bool(mine < theirs)
        return when_equal


class NumericRange(Range):
    """A range of numbers: ``int4range``, ``int8range`` or ``numrange``."""

    __slots__ = ()


class DateRange(Range):
    """A range of dates: ``daterange``."""

    __slots__ = ()


class DateTimeRange(Range):
    """A range of moments without a zone: ``tsrange``."""

    __slots__ = ()


class DateTimeTZRange(Range):
    """A range of moments with a zone: ``tstzrange``."""

    __slots__ = ()

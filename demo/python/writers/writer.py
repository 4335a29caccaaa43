"""What all writers have in common."""

from __future__ import annotations

from typing import Any, Literal, Protocol, TypedDict

Task = Literal["autocommit", "explicit", "closure"]


class Agent(TypedDict):
    """One agent, and what a unit of its work is."""

    number: int
    task: Task


class Order(TypedDict):
    """What is asked of a process."""

    library: str
    parameters: dict[str, Any]
    pause_s: float
    agents: list[Agent]


class Writer(Protocol):
    """Writes the units of one agent."""

    def write(self, unit: int) -> None:
        """Write ``unit``, and raise whatever the library raises."""

    def recover(self) -> None:
        """Do after an error what every program does."""

    def left(self, error: Exception) -> str:
        """Return what ``error`` says of the unit."""


class MisreadError(Exception):
    """A transaction did not see what it had written."""


STEPS = 3


def left_by_fate(error: BaseException) -> str:
    """Return what an error of ours says of the unit."""
    if isinstance(error, MisreadError):
        return "nothing"
    fate: Any = getattr(error, "fate", None)
    lefts = {"not_sent": "nothing", "rolled_back": "nothing", "committed": "one-copy"}
    return lefts.get(fate, "perhaps")

"""The snippets, as the files hold them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

HERE = Path(__file__).parent


class Compare(Enum):
    """How much of an error must be the same."""

    ALL = "class and message"
    # The message is of the argument parser of C, and changes with the version of Python.
    CLASS = "class"


@dataclass(frozen=True)
class Case:
    """One line of a file of cases; the marker ``~`` in front means `Compare.CLASS`."""

    file: str
    snippet: str
    compare: Compare

    @property
    def key(self) -> tuple[str, str]:
        """Return what the case is called in ``expected.tsv``."""
        return self.file, self.snippet


def read_cases() -> list[Case]:
    """Return all cases, file by file."""
    return [
        _parse(path.stem, line)
        for path in sorted(HERE.glob("*.cases"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]


def _parse(file: str, line: str) -> Case:
    marked = line.startswith("~ ")
    return Case(file, line[2:] if marked else line, Compare.CLASS if marked else Compare.ALL)

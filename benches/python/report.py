"""What the samples say, as JSON and as the README's table."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from cases import CASES, Case

REFERENCE = "psycopg2"
OURS = "aya_db"


@dataclass(frozen=True)
class Ratio:
    """How much of what psycopg2 takes a driver takes.

    A ratio is of two samples of the same round, so that what slows the machine down for a while
    slows down both. The spread is that of the middle half of the rounds.
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, samples: list[float], reference: list[float]) -> Ratio:
        """Compare two drivers round by round."""
        ratios = [mine / theirs for mine, theirs in zip(samples, reference)]
        low, _, high = quantiles(ratios, n=4, method="inclusive")
        return cls(median(ratios), low, high)


@dataclass(frozen=True)
class Report:
    """Everything that was measured.

    Attributes:
        versions: what each driver says of itself.
        server: the server's version.
        samples: by the name of a case and that of a driver, one for each round.
    """

    versions: dict[str, str]
    server: str
    samples: dict[str, dict[str, list[float]]]

    @property
    def cases(self) -> list[Case]:
        """Return the cases that were measured."""
        return [case for case in CASES if case.name in self.samples]

    def ratio(self, case: Case, driver: str) -> Ratio | None:
        """Return how a driver does, or ``None`` if it has nothing of the kind."""
        samples = self.samples[case.name]
        if driver not in samples or REFERENCE not in samples:
            return None
        return Ratio.of(samples[driver], samples[REFERENCE])

    def missed(self) -> list[str]:
        """Say which targets our driver has missed."""
        return [
            f"{case.title}: {ratio.median:.2f} of {REFERENCE}'s, at most {case.target}"
            for case in self.cases
            if (ratio := self.ratio(case, OURS)) is not None and ratio.median > case.target
        ]

    def json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        cases = {}
        for case in self.cases:
            drivers = {}
            for driver, samples in self.samples[case.name].items():
                ratio = self.ratio(case, driver)
                drivers[driver] = {
                    "median": median(samples),
                    "ratio": asdict(ratio) if ratio else None,
                    "samples": samples,
                }
            cases[case.name] = {"unit": case.unit, "target": case.target, "drivers": drivers}
        return {"place": self.place(), "versions": self.versions, "cases": cases}

    def markdown(self) -> str:
        """Return the tables for the README, between the marks that stand there."""
        drivers = [driver for driver in self.versions if driver != REFERENCE]
        rounds = max(len(it) for case in self.samples.values() for it in case.values())
        names = ", ".join(f"{driver} {version}" for driver, version in self.versions.items())
        heads = [REFERENCE, *(f"{driver} / {REFERENCE}" for driver in drivers), "limit"]
        lines = [
            "<!-- MEASURED: cargo xtask bench python -->",
            "",
            f"{self.place()}; {names}. Medians of {rounds} interleaved rounds, and the middle half"
            " of the ratios.",
            "",
            "| | " + " | ".join(heads) + " |",
            "|" + " --- |" * (len(heads) + 1),
        ]
        for case in self.cases:
            reference = self.samples[case.name].get(REFERENCE)
            cells = [case.title, _quantity(median(reference), case.unit) if reference else "—"]
            cells += [_cell(self.ratio(case, driver)) for driver in drivers]
            lines.append("| " + " | ".join([*cells, f"{case.target:.1f}"]) + " |")
        return "\n".join([*lines, "", "<!-- END MEASURED -->"])

    def place(self) -> str:
        """Say where it was measured."""
        cores = os.cpu_count()
        python = platform.python_version()
        return f"PostgreSQL {self.server}, Python {python}, {_processor()}, {cores} cores"


def _cell(ratio: Ratio | None) -> str:
    return f"{ratio.median:.2f} ({ratio.low:.2f}–{ratio.high:.2f})" if ratio else "—"


def _quantity(value: float, unit: str) -> str:
    return f"{value / (1 << 20):.0f} MiB" if unit == "bytes" else f"{value * 1000:.1f} ms"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else []:
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()

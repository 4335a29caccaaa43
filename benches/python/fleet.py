"""The processes that measure: one for each driver, and one for a case that wants a fresh one."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cases import Where

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from typing_extensions import Self

    from cases import Case

_WORKER = Path(__file__).with_name("worker.py")


class Worker:
    """A process with one driver.

    Args:
        driver: the name of the driver's module.
    """

    def __init__(self, driver: str) -> None:
        self._driver = driver
        self._process = subprocess.Popen(
            [sys.executable, str(_WORKER), driver],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        # Popen's own attributes may be None for all that type checkers know.
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._questions = self._process.stdin
        self._answers = self._process.stdout

    def ask(self, case: str) -> Any:
        """Have it run a case, and return its answer."""
        print(case, file=self._questions)
        line = self._answers.readline()
        if not line:
            raise RuntimeError(f"{self._driver} ended in {case}: exit code {self._process.wait()}")
        return json.loads(line)

    def close(self) -> None:
        """Let it end."""
        self._questions.close()
        self._process.wait(30)


class Fleet:
    """A worker for each driver, for as long as the run takes.

    Args:
        drivers: the names of their modules.
    """

    def __init__(self, drivers: list[str]) -> None:
        self._open = ExitStack()
        self._workers = {driver: self._open.enter_context(_worker(driver)) for driver in drivers}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def versions(self) -> dict[str, str]:
        """Return what the drivers say of themselves."""
        return {driver: worker.ask("version") for driver, worker in self._workers.items()}

    def measure(self, driver: str, case: Case) -> float | None:
        """Run ``case`` once; ``None`` if the driver has nothing of the kind."""
        if case.where is Where.FRESH:
            with _worker(driver) as worker:
                answer: float | None = worker.ask(case.name)
        else:
            answer = self._workers[driver].ask(case.name)
        return answer


@contextmanager
def _worker(driver: str) -> Iterator[Worker]:
    worker = Worker(driver)
    try:
        yield worker
    finally:
        worker.close()

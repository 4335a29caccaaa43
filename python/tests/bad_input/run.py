"""Runs one snippet."""

from __future__ import annotations

import ast
import signal
from typing import TYPE_CHECKING, Any

from bad_input.outcome import Outcome
from bad_input.situation import Situation

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from server import Server

    from bad_input.case import Case

DEADLINE_S = 30


def run(case: Case, load: Callable[..., Any], server: Server) -> Outcome:
    """Return what became of the snippet of ``case``.

    Args:
        case: what to run.
        load: gives the driver, or the submodule of it that is named.
        server: where it connects to.
    """
    before = signal.signal(signal.SIGALRM, _give_up)
    signal.alarm(DEADLINE_S)
    try:
        with Situation(load, server) as names:
            try:
                value = _evaluate(case.snippet, names)
            except Exception as error:  # noqa: BLE001
                return Outcome.of_error(error, load().__name__, server)
            return Outcome.of_value(value)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _evaluate(snippet: str, names: dict[str, Any]) -> object:
    """Return the value of the last statement of ``snippet``, if it has one."""
    *before, last = ast.parse(snippet).body
    exec(compile(ast.Module(before, []), "case", "exec"), names)
    if isinstance(last, ast.Expr):
        return eval(compile(ast.Expression(last.value), "case", "eval"), names)
    exec(compile(ast.Module([last], []), "case", "exec"), names)
    return None


class Hung(BaseException):
    """A snippet did not come to an end; no error of a driver, so that no case can expect it."""


def _give_up(number: int, frame: FrameType | None) -> None:
    raise Hung(f"no end after {DEADLINE_S} s")

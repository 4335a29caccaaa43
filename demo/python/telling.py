"""The lines on the standard output: the word, the agent, the unit, the moment, and more."""

from __future__ import annotations

import json
import os
import time


def written(number: int, unit: int) -> None:
    """Tell that ``unit`` was acknowledged."""
    _tell("written", number, unit)


def failed(number: int, unit: int, left: str, error: Exception) -> None:
    """Tell that writing ``unit`` raised ``error``.

    Args:
        number: the agent's.
        unit: which one.
        left: what the error says of the unit: nothing, perhaps, one-copy, untold.
        error: what was raised.
    """
    cause = getattr(error, "orig", None) or error.__cause__ or error
    words = (type(cause).__name__, getattr(cause, "pgcode", None), getattr(cause, "fate", None))
    label = " ".join(word for word in words if word)
    _tell("failed", number, unit, left, label, json.dumps(str(cause)))


def _tell(*words: object) -> None:
    moment = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    word, number, unit, *more = words
    line = "\t".join(str(part) for part in (word, number, unit, moment, *more))
    # One write, so that the lines of two threads do not mix.
    os.write(1, f"{line}\n".encode())

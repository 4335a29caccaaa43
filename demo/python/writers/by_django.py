"""Django's ORM on aya_db: each agent's thread has a connection of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import django
from django.conf import settings

from writers.writer import STEPS, MisreadError, left_by_fate

if TYPE_CHECKING:
    from collections.abc import Callable

    from writers.writer import Order, Task


def maker(order: Order) -> Callable[[int, Task], OrmWriter]:
    """Return what makes the writer of an agent."""
    settings.configure(DATABASES={"default": _database(order["parameters"])})
    django.setup()
    entry = _model()
    return lambda number, task: OrmWriter(entry, number, task)


def _database(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a database on several hosts."""
    options = dict(parameters)
    names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
    database: dict[str, Any] = {theirs: options.pop(ours) for ours, theirs in names.items()}
    database.update(ENGINE="aya_db.django", NAME=options.pop("dbname"), OPTIONS=options)
    return database


def _model() -> Any:
    """Return the model of a row of the ledger, which can be made once Django is set up."""
    from django.db import models

    class Entry(models.Model):  # type: ignore[misc]
        # The table has no key that is unique; Django wants one.
        id = models.BigIntegerField(primary_key=True)
        agent = models.IntegerField()
        step = models.IntegerField()
        steps = models.IntegerField()

        class Meta:
            app_label = "ledger"
            db_table = "ledger"
            managed = False

    return Entry


class OrmWriter:
    """One agent's way to the model."""

    def __init__(self, entry: Any, number: int, task: Task) -> None:
        self._entry = entry
        self._number = number
        self._task = task

    def write(self, unit: int) -> None:
        """Write ``unit``."""
        from django.db import transaction

        if self._task == "autocommit":
            self._entry.objects.create(id=unit, agent=self._number, step=1, steps=1)
            return
        with transaction.atomic():
            for step in range(1, STEPS + 1):
                self._entry.objects.create(id=unit, agent=self._number, step=step, steps=STEPS)
                if step < STEPS and self._entry.objects.filter(id=unit).count() != step:
                    raise MisreadError("it did not read what it had written")

    def recover(self) -> None:
        """Do what Django does between two requests."""
        from django.db import close_old_connections

        close_old_connections()

    def left(self, error: Exception) -> str:
        """Return what ``error`` says of the unit."""
        return left_by_fate(error.__cause__ or error)

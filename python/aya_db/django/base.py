"""The backend: what Django looks for in a module of this name."""

from __future__ import annotations

from typing import Any

import aya_db

aya_db.install_as_psycopg2()

from django.db.backends.postgresql.base import (  # noqa: E402
    DatabaseWrapper as PostgresWrapper,
)


class DatabaseWrapper(PostgresWrapper):
    """Django's backend for PostgreSQL; ``OPTIONS`` takes every parameter of `aya_db.connect()`."""

    def get_connection_params(self) -> dict[str, Any]:
        """Return what `connect()` is given.

        Several hosts stand in ``HOST``, separated by commas, or in ``OPTIONS``.
        """
        parameters: dict[str, Any] = super().get_connection_params()
        return parameters

    def is_usable(self) -> bool:
        """Return whether the connection is open; one that outlives its server mends itself."""
        return self.connection is not None and not self.connection.closed

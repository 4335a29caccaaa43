"""SQLAlchemy's dialect ``postgresql+aya_db``.

Several hosts are given as to psycopg2:
``postgresql+aya_db://user@/shop?host=db1:5432&host=db2:5432``.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2


class AyaDialect(PGDialect_psycopg2):
    """psycopg2's dialect on this package.

    A connection that has outlived its server stays in the pool: only one that is closed is thrown
    away, whatever an error says.
    """

    driver = "aya_db"
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> Any:
        """Return this package."""
        import aya_db
        import aya_db.extensions
        import aya_db.extras

        return aya_db

    @property
    def _psycopg2_extensions(self) -> Any:
        from aya_db import extensions

        return extensions

    @property
    def _psycopg2_extras(self) -> Any:
        from aya_db import extras

        return extras

    def is_disconnect(self, e: Any, connection: Any, cursor: Any) -> bool:
        """Return whether the connection is of no more use."""
        if isinstance(e, self.loaded_dbapi.Error):
            if getattr(connection, "closed", False):
                return True
            return "already closed" in str(e).partition("\n")[0]
        return False


dialect = AyaDialect

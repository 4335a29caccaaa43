"""The module under test, and the server it is tested with."""

from __future__ import annotations

import importlib
import os
import re
from dataclasses import dataclass
from typing import Any


def module_under_test(name: str = "") -> Any:
    """Import the driver that ``AYA_TEST_MODULE`` names, by default ours, or the submodule ``name``.

    Any module with psycopg2's face will do: psycopg2 itself shows that a test asks for nothing
    that it does not do.
    """
    package = os.environ.get("AYA_TEST_MODULE", "aya_db")
    return importlib.import_module(f"{package}.{name}" if name else package)


@dataclass(frozen=True)
class Server:
    """A server that is there for the tests alone, and the account of its superuser."""

    host: str
    port: str
    user: str
    password: str
    database: str

    @classmethod
    def from_environment(cls) -> Server:
        """Read ``AYA_HOST`` and the others, as the program ``with-postgres`` sets them."""
        names = ("HOST", "PORT", "USER", "PASSWORD", "DATABASE")
        return cls(*(os.environ[f"AYA_{name}"] for name in names))

    @property
    def dsn(self) -> str:
        """Return a connection string for a session in the database of the tests."""
        return (
            f"host={self.host} port={self.port} user={self.user} password={self.password}"
            f" dbname={self.database} connect_timeout=10"
        )

    @property
    def cluster_dsn(self) -> str:
        """Return the same with the server named twice, as if it were a cluster to be watched."""
        twice = f"host={self.host},{self.host} port={self.port},{self.port}"
        return f"{self.dsn} {twice} target_session_attrs=read-write"

    def hide(self, text: str) -> str:
        """Put names in the place of the address, which is another one in each run."""
        text = re.sub(r"\b127\.\d+\.\d+\.\d+\b", "HOST", text)
        text = re.sub(rf'(database|in) "{re.escape(self.database)}"', r'\1 "DATABASE"', text)
        return re.sub(rf"\b{self.port}\b", "PORT", text)

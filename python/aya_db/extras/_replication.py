"""Replication connections, and the commands they send in place of SQL."""

from __future__ import annotations

from aya_db._psycopg import (
    REPLICATION_LOGICAL,
    REPLICATION_PHYSICAL,
    ProgrammingError,
    quote_ident,
)
from aya_db._psycopg import ReplicationConnection as _replicationConnection
from aya_db._psycopg import ReplicationCursor as _replicationCursor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class LogicalReplicationConnection(_replicationConnection):
    """A connection for logical replication: changes, as a plugin of the server writes them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["replication_type"] = REPLICATION_LOGICAL
        super().__init__(*args, **kwargs)
        self.cursor_factory = ReplicationCursor


class PhysicalReplicationConnection(_replicationConnection):
    """A connection for physical replication: the write-ahead log as it is."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["replication_type"] = REPLICATION_PHYSICAL
        super().__init__(*args, **kwargs)
        self.cursor_factory = ReplicationCursor


class StopReplication(Exception):
    """Raised by a consumer to leave `ReplicationCursor.consume_stream()`."""


class ReplicationCursor(_replicationCursor):
    """The cursor of a replication connection."""

    def create_replication_slot(
        self, slot_name: str, slot_type: int | None = None, output_plugin: str | None = None
    ) -> None:
        """Create a slot, which keeps the log until its consumer has had it.

        Args:
            slot_name: its name.
            slot_type: ``REPLICATION_LOGICAL`` or ``REPLICATION_PHYSICAL``, by default the
                connection's.
            output_plugin: the plugin that writes the changes; a logical slot needs one.
        """
        command = f"CREATE_REPLICATION_SLOT {quote_ident(slot_name, self)} "
        logical = self._is_logical(slot_type)
        if logical and output_plugin is None:
            raise ProgrammingError(
                "output plugin name is required to create logical replication slot"
            )
        if not logical and output_plugin is not None:
            raise ProgrammingError(
                "cannot specify output plugin name when creating physical replication slot"
            )
        if output_plugin is None:
            command += "PHYSICAL"
        else:
            command += f"LOGICAL {quote_ident(output_plugin, self)}"
        self.execute(command)

    def drop_replication_slot(self, slot_name: str) -> None:
        """Drop a slot."""
        self.execute(f"DROP_REPLICATION_SLOT {quote_ident(slot_name, self)}")

    def start_replication(
        self,
        slot_name: str | None = None,
        slot_type: int | None = None,
        start_lsn: int | str = 0,
        timeline: int = 0,
        options: Mapping[str, Any] | None = None,
        decode: bool = False,
        status_interval: float = 10,
    ) -> None:
        """Begin to stream; `consume_stream()` or `read_message()` reads what comes.

        Args:
            slot_name: the slot; logical replication needs one.
            slot_type: ``REPLICATION_LOGICAL`` or ``REPLICATION_PHYSICAL``, by default the
                connection's.
            start_lsn: from where, as a number or as PostgreSQL writes it; 0 goes on where the slot
                stands.
            timeline: of which timeline; physical replication only.
            options: what the slot's plugin is told; logical replication only.
            decode: give text instead of bytes.
            status_interval: seconds between two reports to the server.
        """
        logical = self._is_logical(slot_type)
        command = "START_REPLICATION "
        if logical and not slot_name:
            raise ProgrammingError("slot name is required for logical replication")
        if slot_name:
            command += f"SLOT {quote_ident(slot_name, self)} "
        if logical:
            command += "LOGICAL "
        command += _written_lsn(start_lsn)
        if timeline != 0:
            if logical:
                raise ProgrammingError("cannot specify timeline for logical replication")
            command += f" TIMELINE {timeline}"
        if options:
            if not logical:
                raise ProgrammingError(
                    "cannot specify output plugin options for physical replication"
                )
            written = [
                f"{quote_ident(name, self)} {_literal(value)}" for name, value in options.items()
            ]
            command += f" ({', '.join(written)})"
        self.start_replication_expert(command, decode=decode, status_interval=status_interval)

    def fileno(self) -> int:
        """Return the descriptor of the connection's socket, for `select.select()`."""
        return self.connection.fileno()

    def _is_logical(self, slot_type: int | None) -> bool:
        if slot_type is None:
            conn: Any = self.connection
            slot_type = conn.replication_type
        if slot_type not in (REPLICATION_LOGICAL, REPLICATION_PHYSICAL):
            raise ProgrammingError(f"unrecognized replication type: {slot_type!r}")
        return slot_type == REPLICATION_LOGICAL


def _written_lsn(lsn: int | str) -> str:
    if isinstance(lsn, str):
        high, _, low = lsn.partition("/")
        return f"{int(high, 16):X}/{int(low, 16):08X}"
    return f"{(lsn >> 32) & 0xFFFFFFFF:X}/{lsn & 0xFFFFFFFF:08X}"


def _literal(value: Any) -> str:
    """Write an option; the replication grammar knows doubled quotes and no escapes."""
    return "'" + str(value).replace("'", "''") + "'"

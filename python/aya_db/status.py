"""How a cluster stands, as its servers tell it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import aya_db
from aya_db.extensions import make_dsn, parse_dsn

if TYPE_CHECKING:
    from collections.abc import Sequence

# A standby says how far it has replayed, a primary how far it has written.
_QUESTION = """
select pg_is_in_recovery(),
       case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end
           - '0/0'::pg_lsn,
       coalesce((select received_tli from pg_stat_wal_receiver),
                (select timeline_id from pg_control_checkpoint())),
       current_setting('server_version')
"""

_DEFAULT_TIMEOUT = 3


@dataclass(frozen=True)
class NodeStatus:
    """One server: its role is ``primary``, ``standby``, or ``unreachable`` with the reason."""

    host: str
    port: int
    role: str
    timeline: int | None = None
    position: int | None = None
    lag_bytes: int | None = None
    latency_ms: float | None = None
    version: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class ClusterStatus:
    """All servers that a connection string names."""

    nodes: Sequence[NodeStatus]

    @property
    def primary(self) -> NodeStatus | None:
        """Return the primary of the highest timeline, if one answers."""
        primaries = [node for node in self.nodes if node.role == "primary"]
        return max(primaries, key=lambda node: node.timeline or 0, default=None)

    @property
    def is_healthy(self) -> bool:
        """Return whether every server answers and exactly one of them is a primary."""
        roles = [node.role for node in self.nodes]
        return roles.count("primary") == 1 and "unreachable" not in roles

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can have it."""
        leader = self.primary
        return {
            "healthy": self.is_healthy,
            "primary": f"{leader.host}:{leader.port}" if leader else None,
            "nodes": [asdict(node) for node in self.nodes],
        }


def cluster_status(dsn: str = "", **kwargs: Any) -> ClusterStatus:
    """Ask every server that the connection string names, all at once.

    Args:
        dsn: a connection string; several hosts are several servers.
        **kwargs: parameters of it, as of `connect()`. ``connect_timeout`` is 3 seconds by default.
    """
    given = parse_dsn(make_dsn(dsn, **kwargs))
    hosts = given.pop("host", "").split(",")
    ports = given.pop("port", "").split(",")
    for name in ("failover", "target_session_attrs", "load_balance_hosts"):
        given.pop(name, None)
    given.setdefault("connect_timeout", str(_DEFAULT_TIMEOUT))
    ports = ports * len(hosts) if len(ports) == 1 else ports
    places = list(zip(hosts, ports))
    with ThreadPoolExecutor(max_workers=len(places)) as threads:
        nodes = list(threads.map(lambda place: _ask(place[0], place[1], given), places))
    head = max((node.position or 0 for node in nodes if node.role == "primary"), default=None)
    return ClusterStatus(tuple(_with_lag(node, head) for node in nodes))


def _ask(host: str, port: str, given: dict[str, str]) -> NodeStatus:
    own: dict[str, Any] = {**given, "host": host or None, "port": port or None}
    began = time.monotonic()
    try:
        conn = aya_db.connect(failover=False, **own)
        try:
            conn.autocommit = True
            with conn.cursor() as cur:
                cur.execute(_QUESTION)
                in_recovery, position, timeline, version = cur.fetchone()
            return NodeStatus(
                host=conn.info.host,
                port=conn.info.port,
                role="standby" if in_recovery else "primary",
                timeline=timeline,
                position=None if position is None else int(position),
                latency_ms=round(1000 * (time.monotonic() - began), 1),
                version=version,
            )
        finally:
            conn.close()
    except aya_db.Error as error:
        return NodeStatus(host, int(port or 5432), "unreachable", error=str(error).strip())


def _with_lag(node: NodeStatus, head: int | None) -> NodeStatus:
    if head is None or node.position is None:
        return node
    lag = max(0, head - node.position)
    return NodeStatus(**{**asdict(node), "lag_bytes": lag})

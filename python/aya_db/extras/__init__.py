"""Cursors with other rows, more types, batches, logging and replication.

Each of them lives in a room of its own in this folder; this is where they are imported from.
"""

from __future__ import annotations

import json
import re as _re
import time as _time
from collections import OrderedDict, namedtuple
from functools import lru_cache

import aya_db as psycopg2
from aya_db import extensions as _ext
from aya_db._catalog import solve_conn_curs as _solve_conn_curs
from aya_db._ipaddress import register_ipaddress
from aya_db._json import (
    Json,
    register_default_json,
    register_default_jsonb,
    register_json,
)
from aya_db._psycopg import (
    REPLICATION_LOGICAL,
    REPLICATION_PHYSICAL,
    ReplicationMessage,
    quote_ident,
)
from aya_db._psycopg import ReplicationConnection as _replicationConnection
from aya_db._psycopg import ReplicationCursor as _replicationCursor
from aya_db._psycopg import adapt as _A
from aya_db._psycopg import connection as _connection
from aya_db._psycopg import cursor as _cursor
from aya_db._range import (
    DateRange,
    DateTimeRange,
    DateTimeTZRange,
    NumericRange,
    Range,
    RangeAdapter,
    RangeCaster,
    register_range,
)
from aya_db.extras._batches import (
    _paginate,
    _split_sql,
    execute_batch,
    execute_values,
)
from aya_db.extras._composite import CompositeCaster, register_composite
from aya_db.extras._dict_rows import (
    DictConnection,
    DictCursor,
    DictCursorBase,
    DictRow,
    RealDictConnection,
    RealDictCursor,
    RealDictRow,
)
from aya_db.extras._hstore import HstoreAdapter, register_hstore
from aya_db.extras._inet import Inet, register_inet
from aya_db.extras._logging import (
    LoggingConnection,
    LoggingCursor,
    MinTimeLoggingConnection,
    MinTimeLoggingCursor,
)
from aya_db.extras._named_tuples import (
    NamedTupleConnection,
    NamedTupleCursor,
    _cached_make_nt,
    _re_clean,
)
from aya_db.extras._replication import (
    LogicalReplicationConnection,
    PhysicalReplicationConnection,
    ReplicationCursor,
    StopReplication,
)
from aya_db.extras._uuid import UUID_adapter, register_uuid
from aya_db.extras._wait import wait_select

# The names without a use here are psycopg2's own: code in the wild imports them from this module.
__all__ = [
    "REPLICATION_LOGICAL",
    "REPLICATION_PHYSICAL",
    "_A",
    "CompositeCaster",
    "DateRange",
    "DateTimeRange",
    "DateTimeTZRange",
    "DictConnection",
    "DictCursor",
    "DictCursorBase",
    "DictRow",
    "HstoreAdapter",
    "Inet",
    "Json",
    "LoggingConnection",
    "LoggingCursor",
    "LogicalReplicationConnection",
    "MinTimeLoggingConnection",
    "MinTimeLoggingCursor",
    "NamedTupleConnection",
    "NamedTupleCursor",
    "NumericRange",
    "OrderedDict",
    "PhysicalReplicationConnection",
    "Range",
    "RangeAdapter",
    "RangeCaster",
    "RealDictConnection",
    "RealDictCursor",
    "RealDictRow",
    "ReplicationCursor",
    "ReplicationMessage",
    "StopReplication",
    "UUID_adapter",
    "_cached_make_nt",
    "_connection",
    "_cursor",
    "_ext",
    "_paginate",
    "_re",
    "_re_clean",
    "_replicationConnection",
    "_replicationCursor",
    "_solve_conn_curs",
    "_split_sql",
    "_time",
    "execute_batch",
    "execute_values",
    "json",
    "lru_cache",
    "namedtuple",
    "psycopg2",
    "quote_ident",
    "register_composite",
    "register_default_json",
    "register_default_jsonb",
    "register_hstore",
    "register_inet",
    "register_ipaddress",
    "register_json",
    "register_range",
    "register_uuid",
    "wait_select",
]

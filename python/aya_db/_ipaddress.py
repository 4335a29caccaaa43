"""inet and cidr as the objects of the module `ipaddress`."""

from __future__ import annotations

import ipaddress

from aya_db._adapters import register_adapter
from aya_db._psycopg import QuotedString, new_array_type, new_type, register_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Union

    from aya_db._psycopg import _Scope, _Typecaster, cursor

    _Interface = Union[ipaddress.IPv4Interface, ipaddress.IPv6Interface]
    _Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

# Made by the first use.
_casters: list[_Typecaster] | None = None


def register_ipaddress(conn_or_curs: _Scope | None = None) -> None:
    """Have inet read as interfaces, cidr as networks, and both of them written.

    Args:
        conn_or_curs: where they are read so; by default everywhere.
    """
    global _casters
    if _casters is None:
        _casters = _make_casters()
    for caster in _casters:
        register_type(caster, conn_or_curs)
    for kind in (
        ipaddress.IPv4Interface,
        ipaddress.IPv6Interface,
        ipaddress.IPv4Network,
        ipaddress.IPv6Network,
    ):
        register_adapter(kind, adapt_ipaddress)


def _make_casters() -> list[_Typecaster]:
    inet = new_type((869,), "INET", cast_interface)
    inet_array = new_array_type((1041,), "INET[]", inet)
    cidr = new_type((650,), "CIDR", cast_network)
    cidr_array = new_array_type((651,), "CIDR[]", cidr)
    return [inet, inet_array, cidr, cidr_array]


def cast_interface(s: str | None, cur: cursor | None = None) -> _Interface | None:
    """Read an inet value."""
    if s is None:
        return None
    return ipaddress.ip_interface(s)


def cast_network(s: str | None, cur: cursor | None = None) -> _Network | None:
    """Read a cidr value."""
    if s is None:
        return None
    return ipaddress.ip_network(s)


def adapt_ipaddress(obj: Any) -> QuotedString:
    """Write an address, an interface or a network."""
    return QuotedString(str(obj))

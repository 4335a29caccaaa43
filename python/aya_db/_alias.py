"""Makes ``import psycopg2`` mean this package.

One set of module objects answers to both names: a class must be the same whether it was imported as
``psycopg2.extras.DictCursor`` or as ``aya_db.extras.DictCursor``, or ``isinstance`` and ``except``
would lie.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType
    from typing import Any

_ALIAS = "psycopg2"
_PACKAGE = __name__.partition(".")[0]


def install_as_psycopg2() -> None:
    """Have every later ``import psycopg2`` in this process give this package.

    Call it before anything imports psycopg2; calling it again changes nothing. Only this process is
    changed. To change every process of an environment, put a file ``aya_db.pth`` into its folder
    ``site-packages`` with the one line ``import aya_db; aya_db.install_as_psycopg2()``: Python runs
    it whenever it starts.

    Raises:
        RuntimeError: the real psycopg2 is loaded already, and objects of both would be mixed.
    """
    for name, module in list(sys.modules.items()):
        if _translated(name) is not None and not _is_ours(module):
            raise RuntimeError(
                f"cannot stand in for psycopg2: {name} is loaded from"
                f" {getattr(module, '__file__', 'an unknown place')};"
                " call install_as_psycopg2() before anything imports it"
            )
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder:
    """Answers for ``psycopg2`` and everything below it."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        ours = _translated(fullname)
        if ours is None:
            return None
        # The import system asks for two methods, not for a base class that costs an import.
        loader: Any = _Loader(ours)
        return ModuleSpec(fullname, loader, is_package=True)


class _Loader:
    """Hands out our module under the other name, as it is."""

    def __init__(self, ours: str) -> None:
        self._ours = ours

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        try:
            module = import_module(self._ours)
        except ModuleNotFoundError as error:
            if error.name != self._ours:
                raise
            raise ModuleNotFoundError(f"No module named {spec.name!r}", name=spec.name) from None
        # The import system gives the module the spec of the alias; exec_module puts its own back.
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # It ran when it was imported by its own name. Its spec is the one that reload() goes by.
        module.__spec__ = self._spec


def _translated(name: str) -> str | None:
    """Return our name of a module of psycopg2, or ``None`` for any other module."""
    if name == _ALIAS or name.startswith(_ALIAS + "."):
        return _PACKAGE + name[len(_ALIAS) :]
    return None


def _is_ours(module: ModuleType) -> bool:
    return module.__name__ == _PACKAGE or module.__name__.startswith(_PACKAGE + ".")

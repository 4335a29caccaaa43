"""A way to the server that can be cut, so that a server seems to be lost."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Proxy:
    """Passes bytes on to a server, until it is told to cut.

    Two of them to one server are two hosts to a client: what is lost on the one goes on on the
    other.
    """

    def __init__(self, host: str, port: int) -> None:
        """Listen on a port of its own."""
        self._target = (host, port)
        self._lock = threading.Lock()
        self._pairs: set[_Pair] = set()
        self._refuses = False
        # Called with what a client sends; it says whether to cut in front of that, or behind.
        self.watch: Callable[[bytes], str | None] = lambda _data: None
        # The same with what the server sends.
        self.watch_answers: Callable[[bytes], str | None] = lambda _data: None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every connection."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            pair.cut()

    def stop(self) -> None:
        """End every connection and take no more."""
        self._refuses = True
        self.cut()

    def start(self) -> None:
        """Take connections again."""
        self._refuses = False

    def close(self) -> None:
        """End it all."""
        self.stop()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refuses:
                client.close()
                continue
            pair = _Pair(client, socket.create_connection(self._target))
            with self._lock:
                self._pairs.add(pair)
            for answers in (False, True):
                threading.Thread(target=self._pass_on, args=(pair, answers), daemon=True).start()

    def _pass_on(self, pair: _Pair, answers: bool) -> None:
        source, sink = (pair.server, pair.client) if answers else (pair.client, pair.server)
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                where = self.watch_answers(data) if answers else self.watch(data)
                if where == "front":
                    break
                sink.sendall(data)
                if where == "behind":
                    break
        pair.cut()
        if pair.leave():
            with self._lock:
                self._pairs.discard(pair)


class _Pair:
    """A connection of a client, and the one of the proxy that belongs to it."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self._lock = threading.Lock()
        self._users = 2

    def cut(self) -> None:
        with self._lock:
            if self._users:
                for end in (self.client, self.server):
                    with contextlib.suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)

    def leave(self) -> bool:
        """Close both once nobody reads them any more, and tell so."""
        with self._lock:
            self._users -= 1
            if not self._users:
                self.client.close()
                self.server.close()
            return not self._users

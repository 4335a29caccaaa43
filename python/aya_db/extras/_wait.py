"""Waiting for a connection that never blocks by itself."""

from __future__ import annotations

import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aya_db._psycopg import connection

_POLL_OK = 0
_POLL_READ = 1
_POLL_WRITE = 2


def wait_select(conn: connection) -> None:
    """Wait until an asynchronous connection has done what it is at.

    It is also an example of a callback for `set_wait_callback()`. Ctrl-C cancels the query, and is
    raised once the server has said that it is cancelled.
    """
    while True:
        try:
            state = conn.poll()
            if state == _POLL_OK:
                return
            if state == _POLL_READ:
                select.select([conn.fileno()], [], [])
            elif state == _POLL_WRITE:
                select.select([], [conn.fileno()], [])
            else:
                raise conn.OperationalError(f"bad state from poll: {state}")
        except KeyboardInterrupt:
            conn.cancel()
            # The server answers with an error, which poll() raises.

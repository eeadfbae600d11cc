"""Refuses every address outside of this machine before anything is sent there.

Python imports a module of this name at its start. The tests put this folder on `PYTHONPATH`, so
that the processes that they start are closed off as they are themselves. What native code asks for
does not come by here: Ray is told to stay on this machine (`closed_off.py`), Chromium finds no
names (`reports/browsing.py`), and PostgreSQL's servers are started on 127.0.0.1.
"""

from __future__ import annotations

import socket
import sys

TYPE_CHECKING = False  # to load `typing` would double what this costs each process
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

HERE = (None, "", "localhost", "127.0.0.1", "::1")
"""What a host is called that is this machine."""

ADDRESS = {"connect": 0, "connect_ex": 0, "sendto": -1, "sendmsg": 3}
"""The methods of sockets that reach out, and which of their arguments says where to."""

LOOKUPS = ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo")
"""The functions that ask for a host's name or address, which is their first argument."""


class OutsideError(BaseException):
    """A test asks for what is outside of this machine; no `except Exception` hides it."""


def _refuse_outside(host: Any) -> None:
    host = host.decode(errors="replace") if isinstance(host, bytes) else host
    if host in HERE:
        return
    if "/ray/dashboard/" in sys.argv[0]:
        # it asks clouds' metadata servers where it runs, even if it is to report nothing
        raise ConnectionRefusedError("there is no network")
    raise OutsideError(
        f"a test asks for '{host}', and tests ask for nothing outside of 127.0.0.1; "
        "if it is for the papers' data files, mark the test with @pytest.mark.data"
    )


def _closed_method(name: str) -> Callable[..., Any]:
    method = getattr(socket.socket, name)

    def closed(self: socket.socket, *arguments: Any) -> Any:
        given = arguments[ADDRESS[name] :]
        if given and isinstance(given[0], tuple):  # a Unix socket has a path
            _refuse_outside(given[0][0])
        return method(self, *arguments)

    return closed


def _closed_lookup(name: str) -> Callable[..., Any]:
    lookup = getattr(socket, name)

    def closed(host: Any, *arguments: Any, **options: Any) -> Any:
        _refuse_outside(host[0] if isinstance(host, tuple) else host)
        return lookup(host, *arguments, **options)

    return closed


for name in ADDRESS:
    setattr(socket.socket, name, _closed_method(name))
for name in LOOKUPS:
    setattr(socket, name, _closed_lookup(name))

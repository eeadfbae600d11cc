"""Whether a Ray cluster can be there: Ray itself asks for minutes before it gives up."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

from rafair.engine.text_file import text_in
from rafair.errors import ClusterError, InputError

PATIENCE = 5.0
"""Seconds to wait for an answer."""

GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
"""How a client begins to speak to a gRPC server, such as the head node's; it answers at once."""


def check_address(address: str) -> None:
    """Refuses an address where no cluster can be.

    Args:
        address: `HOST:PORT` of a head node, or "auto", which Ray looks up on this machine.

    Raises:
        InputError: If it cannot be read.
        ClusterError: If nothing answers there, or something else than a head node.

    Example:
        >>> check_address("nowhere")
        Traceback (most recent call last):
        rafair.errors.InputError: address: expected HOST:PORT of a Ray cluster's head node...
    """
    if address == "auto":
        _check_own_cluster()
        return
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise InputError(
            f"address: expected HOST:PORT of a Ray cluster's head node, or auto, got '{address}'"
        )
    try:
        answer = _greet(host.strip("[]"), int(port))
    except OSError as error:
        raise ClusterError(
            f"address '{address}': no Ray cluster answers: {error.strerror or error}"
        ) from error
    if not answer:
        raise ClusterError(f"address '{address}': what answers is no Ray cluster's head node")


def _check_own_cluster() -> None:
    """Refuses a cluster of this machine that is not there, or not any more."""
    # Ray does not ask for TMPDIR
    folder = "/tmp" if os.name == "posix" else tempfile.gettempdir()
    noted = Path(os.environ.get("RAY_TMPDIR") or folder) / "ray" / "ray_current_cluster"
    try:
        known = os.environ.get("RAY_ADDRESS") or text_in(noted.read_bytes()).strip()
    except (OSError, ValueError):
        known = ""
    if known in ("", "auto", "local"):
        raise ClusterError("address 'auto': this machine belongs to no Ray cluster")
    check_address(known)


def _greet(host: str, port: int) -> bool:
    """Whether a server that speaks HTTP/2 answers; where TLS is used, whether any does."""
    with socket.create_connection((host, port), timeout=PATIENCE) as connection:
        if os.environ.get("RAY_USE_TLS", "0") not in ("", "0"):
            return True
        connection.sendall(GREETING)
        head = connection.recv(9)
        return len(head) > 3 and head[3] == 4  # a frame of settings

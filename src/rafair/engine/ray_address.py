"""Whether a Ray cluster can be there: Ray itself asks for minutes before it gives up."""

from __future__ import annotations

import os
import socket

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
        >>> check_address("auto")
    """
    if address == "auto":
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


def _greet(host: str, port: int) -> bool:
    """Whether a server that speaks HTTP/2 answers; where TLS is used, whether any does."""
    with socket.create_connection((host, port), timeout=PATIENCE) as connection:
        if os.environ.get("RAY_USE_TLS", "0") not in ("", "0"):
            return True
        connection.sendall(GREETING)
        head = connection.recv(9)
        return len(head) > 3 and head[3] == 4  # a frame of settings

"""What a server can do to whoever asks it, on a connection whose request it has read."""

from __future__ import annotations

import itertools
import socket
import threading
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from servers import Hostile

DRIP = 0.05
"""Seconds from one byte to the next."""

MEBIBYTE = 1 << 20

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
ENDLESS = OK + b"Content-Length: 1000000000000\r\n\r\n"


def silent(connection: socket.socket, over: threading.Event) -> None:
    over.wait(100)


def dripping(begin: bytes, then: bytes = b" ") -> Hostile:
    """A beginning at once, and then a byte now and then."""

    def drip(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(begin)
        for byte in itertools.cycle(then):
            if over.wait(DRIP):
                return
            connection.sendall(bytes([byte]))

    return drip


def pouring(pieces: Iterable[bytes]) -> Hostile:
    """As much as the other end takes."""

    def pour(connection: socket.socket, over: threading.Event) -> None:
        for piece in pieces:
            if over.is_set():
                return
            connection.sendall(piece)

    return pour


def endless(begin: bytes = ENDLESS, piece: bytes = b" " * MEBIBYTE) -> Iterator[bytes]:
    yield begin
    yield from itertools.repeat(piece)


def bomb(mebibytes: int, codings: str = "gzip") -> list[bytes]:
    """An answer of so many mebibytes of blanks, each in about a kilobyte."""
    press = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    head = press.compress(b"") + press.flush(zlib.Z_FULL_FLUSH)
    block = press.compress(b" " * MEBIBYTE) + press.flush(zlib.Z_FULL_FLUSH)
    content = head + block * mebibytes
    for _ in range(codings.count(",")):
        content = zlib.compress(content, wbits=zlib.MAX_WBITS | 16)
    about = f"Content-Encoding: {codings}\r\nContent-Length: {len(content)}\r\n\r\n"
    return [OK + about.encode(), content]


@contextmanager
def unaccepting() -> Iterator[str]:
    """The address of a server to which no connection comes about, and none is refused."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(server.getsockname())
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        for one in waiting:
            one.close()

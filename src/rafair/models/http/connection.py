"""A connection to a server that ends when it is told to, whatever the server does.

Limits of a library's hold for each read alone: a server that sends a byte now and then keeps them
all. So each request runs in a thread of its own, which is left alone once nobody waits for it.
"""

from __future__ import annotations

import socket
import zlib
from collections.abc import Iterable
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rafair.models.http.response_scores import Malformed

if TYPE_CHECKING:
    import httpx

GLANCE = 0.1
"""Seconds between two looks at whether anybody still waits: what Ctrl-C may take longer."""

GRACE = 0.5
"""Seconds that a reply may still take once it is asked for no more: it may be under way already,
and is paid for. Ctrl-C waits for no longer either."""

CODING = "gzip"
"""The one coding of answers that is asked for and taken: it is undone piece by piece, no further
than may be read, where others make gigabytes of a few bytes before anybody can look."""

REFUSAL_BYTES = 1 << 16
"""What is read of an answer that is no success: only its first words are told."""


@dataclass(frozen=True)
class Question:
    """A request.

    Args:
        method: GET or POST.
        address: Where.
        body: The JSON that is sent; None for none.
        most_bytes: What a good answer may hold, decompressed.
    """

    method: str
    address: str
    body: bytes | None
    most_bytes: int

    @property
    def headers(self) -> dict[str, str]:
        """What is said of it besides what the client always says."""
        kind = {"Content-Type": "application/json"} if self.body is not None else {}
        return kind | {"Accept-Encoding": CODING}


@dataclass(frozen=True)
class Reply:
    """What a server said: all of it, or its first words if it is no success.

    Args:
        status: The status.
        headers: The headers.
        body: The content, decompressed.
    """

    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether it holds an answer."""
        return 200 <= self.status < 300


class Line:
    """One connection, for one request at a time; after one that failed it is of no more use.

    Args:
        client: A client of its own, which it closes.
    """

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._stream: Any = None
        self._is_cut = False
        self._peer: tuple[str, int] | None = None

    @property
    def connected(self) -> bool:
        """Whether anybody is at the other end."""
        return self._stream is not None

    def proxy(self, address: str) -> str | None:
        """HOST:PORT of who is asked instead of the server at an address; None if nobody is."""
        parts = urlsplit(address)
        direct = (parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme))
        return None if self._peer in (None, direct) else "{}:{}".format(*self._peer or ())

    def ask(self, question: Question, seconds: float, abandoned: Event) -> Reply:
        """The whole reply.

        Args:
            question: What is asked.
            seconds: How long all of it may take.
            abandoned: Set by others when it is asked for no more; a reply that comes at once is
                taken all the same.

        Raises:
            TimeoutError: If it is not there in time.
            Malformed: If it is larger than it may be, or in a coding that was not asked for.
            httpx.HTTPError: If the connection fails.
        """
        until, reply = monotonic() + seconds, Future[Reply]()
        # nothing waits for such a thread, so that the process can end while a server holds it
        Thread(target=self._run, args=(question, reply), daemon=True).start()
        try:
            while not reply.done():
                if (left := until - monotonic()) <= 0:
                    raise TimeoutError
                if abandoned.is_set():
                    return reply.result(min(left, GRACE))
                wait([reply], min(left, GLANCE))
            return reply.result()
        except BaseException:
            self._cut()
            reply.add_done_callback(lambda _: self.close())
            raise

    def close(self) -> None:
        """Hangs up."""
        self._client.close()

    def _run(self, question: Question, reply: Future[Reply]) -> None:
        try:
            reply.set_result(self._reply(question))
        except BaseException as error:  # whoever waits is told
            reply.set_exception(error)

    def _reply(self, question: Question) -> Reply:
        with self._client.stream(
            question.method,
            question.address,
            content=question.body,
            headers=question.headers,
            extensions={"trace": self._note},
        ) as response:
            if not response.is_success:
                return Reply(response.status_code, response.headers, _first_words(response))
            most = question.most_bytes
            body = b"".join(decoded(response.iter_raw(), response.headers, most + 1))
            if len(body) > most:
                raise Malformed(f"an answer of more than {most:,} bytes")
            return Reply(response.status_code, response.headers, body)

    def _note(self, event: str, about: dict[str, Any]) -> None:
        """Takes down, as httpx traces it, where the connection goes and what it goes over."""
        if event.endswith("connect_tcp.started"):
            self._stream, self._peer = None, (about.get("host", ""), about.get("port", 0))
        elif event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._stream = about.get("return_value")
            if self._is_cut:  # by when nothing was there to be cut
                self._cut()

    def _cut(self) -> None:
        """Wakes the thread if it reads or writes; to close the socket would not do that."""
        self._is_cut = True
        with suppress(OSError):
            if self._stream is not None:
                socket.socket.shutdown(self._stream.get_extra_info("socket"), socket.SHUT_RDWR)


def _first_words(response: httpx.Response) -> bytes:
    with suppress(Malformed):  # the status says enough
        return b"".join(decoded(response.iter_raw(), response.headers, REFUSAL_BYTES))
    return b""


def decoded(raw: Iterable[bytes], headers: httpx.Headers, most: int) -> Iterable[bytes]:
    """The content of an answer, piece by piece; no more is decompressed than may be read.

    Args:
        raw: What came.
        headers: The headers, which say in what coding.
        most: How many bytes to give at most.

    Raises:
        Malformed: If it is in another coding than gzip, in several, or not in the one it says.
    """
    coding = headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("identity", "", CODING):
        raise Malformed(f"an answer in the coding '{coding[:20]}', where {CODING} was asked for")
    unzip = zlib.decompressobj(zlib.MAX_WBITS | 16) if coding == CODING else None
    for came in raw:
        try:
            piece = unzip.decompress(came, most) if unzip else came[:most]
        except zlib.error as error:
            raise Malformed("an answer that says it is gzip and is not") from error
        yield piece
        most -= len(piece)
        if most <= 0 or (unzip and unzip.unused_data):
            return

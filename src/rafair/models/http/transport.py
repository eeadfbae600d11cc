"""Requests to a server that may stumble: tried again with growing pauses, then given up."""

from __future__ import annotations

import json
import random
import weakref
from collections.abc import Callable
from importlib.util import find_spec
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from rafair.errors import InputError, ModelError, ModelGoneError
from rafair.masking import masked, without_token
from rafair.models.http.options import TOKEN, HttpOptions
from rafair.models.http.retry_after import asked_pause
from rafair.models.http.scores import Malformed

if TYPE_CHECKING:
    import httpx

Answer = TypeVar("Answer")

LONGEST_PAUSE = 60.0
"""Seconds; servers that ask for a longer one with Retry-After do not get it."""

PASSING = (408, 425, 429)
"""Statuses below 500 that are worth another try; so are all from 500 on."""

GONE = (401, 403, 404, 410)
"""Statuses that mean, after answers were given, that the model is not to be had any more."""

MOST_TOLD, MOST_READ = 200, 2000
"""Characters of a server's own words that a message repeats, and that are searched for a token."""


class _Stumble(Exception):  # never leaves this module
    """A try that failed, and may do better next time."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


class Transport:
    """A pool of connections to one model's server; safe to use from several threads.

    Args:
        name: What to call the model.
        options: How it is asked.

    Raises:
        InputError: If httpx is not installed, or the token is none.
    """

    def __init__(self, name: str, options: HttpOptions) -> None:
        if find_spec("httpx") is None:
            raise InputError(
                "a model behind HTTP: httpx is not installed; pip install 'rafair[http]' installs "
                "it"
            )
        self.name, self.options = name, options
        self._token = options.token()
        self._answered = False
        self._lock = Lock()
        self._client: httpx.Client | None = None

    def ask(
        self,
        method: Literal["GET", "POST"],
        address: str,
        read: Callable[[Any], Answer],
        content: Any = None,
        abandoned: Event | None = None,
    ) -> Answer:
        """What the server answers, as `read` understands it.

        Args:
            method: GET or POST.
            address: Where.
            read: Takes the JSON of the answer; raises `Malformed` to have it asked again.
            content: What is sent as JSON.
            abandoned: Set by the caller when nobody waits for the answer any more.

        Raises:
            ModelError: If the server refuses what it is asked.
            ModelGoneError: If there was no usable answer in all tries.
        """
        abandoned = abandoned or Event()
        body = None if content is None else json.dumps(content, allow_nan=False).encode()
        reason, tries = "", 0
        for attempt in range(self.options.retries + 1):
            tries += 1
            try:
                answer = read(self._send(method, address, body))
            except (_Stumble, Malformed) as error:
                reason = str(error)
                pause = self._pause(attempt, getattr(error, "pause", 0.0))
            else:
                self._answered = True
                return answer
            if attempt == self.options.retries or abandoned.wait(pause):
                break
        counted = "1 try" if tries == 1 else f"{tries} tries"
        raise ModelGoneError(
            f"model '{self.name}': expected an answer, got {reason}, in {counted}"
            + ModelGoneError.KEPT
        )

    def _pause(self, attempt: int, least: float) -> float:
        longest = min(self.options.backoff_s * 2.0**attempt, LONGEST_PAUSE)
        # drawn, so that requests that failed together do not come back together
        return max(random.uniform(longest / 2, longest), min(least, LONGEST_PAUSE))

    def _send(self, method: str, address: str, body: bytes | None) -> Any:
        import httpx

        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            response = self._connected().request(method, address, content=body, headers=headers)
        except httpx.TimeoutException as error:
            limit = f"within {self.options.timeout_s:g} s"
            raise _Stumble(f"nothing {limit} ({type(error).__name__})") from error
        except httpx.HTTPError as error:
            raise _Stumble(f"'{self._told(str(error)) or type(error).__name__}'") from error
        if not response.is_success:
            self._refused(response)
        try:
            return response.json()
        except (ValueError, RecursionError) as error:
            kind = response.headers.get("Content-Type", "no content type").split(";")[0]
            told = self._told(response.text)
            raise _Stumble(f"an answer that is not JSON but {kind} ('{told}')") from error

    def _refused(self, response: httpx.Response) -> None:
        """Raises what a status that is no success means."""
        status = response.status_code
        told = self._told(response.text)
        found = f"status {status}" + (f" ('{told}')" if told else "")
        if status in PASSING or status >= 500:
            raise _Stumble(found, asked_pause(response.headers.get("Retry-After")))
        if status in GONE and self._answered:
            raise ModelGoneError(
                f"model '{self.name}': expected an answer as before, got {found}"
                + ModelGoneError.KEPT
            )
        raise ModelError(f"model '{self.name}': expected {self._expected(status)}, got {found}")

    def _expected(self, status: int) -> str:
        if status in (401, 403):
            found = "that the server takes" if self._token else "(none was found there)"
            return f"a bearer token in {self.options.token_env or TOKEN} {found}"
        if 300 <= status < 400:
            return "the address where the model is"
        if status in (404, 405, 410):
            return "a model at this address"
        if status == 413:
            return f"a server that takes {self.options.batch_rows:,} rows at once"
        return "a model that takes the table's rows"

    def _told(self, text: str) -> str:
        """The first line of a server's own words, without our token."""
        line = next((line.strip() for line in text.splitlines() if line.strip()), "")
        line = masked(without_token(line[:MOST_READ], self._token))
        return line if len(line) <= MOST_TOLD else line[:MOST_TOLD] + "…"

    def _connected(self) -> httpx.Client:
        with self._lock:
            if self._client is None:
                import httpx

                most = self.options.concurrency
                self._client = httpx.Client(
                    headers={"Authorization": f"Bearer {self._token}"} if self._token else {},
                    timeout=self.options.timeout_s,
                    limits=httpx.Limits(max_connections=most, max_keepalive_connections=most),
                )
                # Python warns of sockets that nobody closed
                weakref.finalize(self, self._client.close)
            return self._client

    def __reduce__(self) -> tuple[Any, ...]:
        # another process opens its own connections, and finds the token in its own environment
        return Transport, (self.name, self.options)

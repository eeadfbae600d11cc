"""Requests to a server that may stumble: tried again with growing pauses, then given up."""

from __future__ import annotations

import json
import random
import weakref
from collections.abc import Callable
from importlib.util import find_spec
from threading import Event, Lock
from typing import Any, Literal, TypeVar

from rafair.engine.strict_json import DoubtfulJsonError, strict_json
from rafair.errors import InputError, ModelError, ModelGoneError
from rafair.masking import masked, without_token
from rafair.models.http.connection import Line, Question, Reply
from rafair.models.http.http_options import TOKEN, HttpOptions
from rafair.models.http.proxies_and_certificates import certificates, check_proxies, trusted
from rafair.models.http.response_scores import Malformed
from rafair.models.http.retry_after import asked_pause

Answer = TypeVar("Answer")

LONGEST_PAUSE = 60.0
"""Seconds; servers that ask for a longer one with Retry-After do not get it."""

PASSING = (408, 425, 429)
"""Statuses below 500 that are worth another try; so are all from 500 on."""

GONE = (401, 403, 404, 410)
"""Statuses that mean, after answers were given, that the model is not to be had any more."""

ANSWER_BYTES, SCORE_BYTES = 4 << 20, 256
"""What an answer may hold in any case, metadata and outputs that nobody asked for among it; and
besides for each row and class: a number and its name take some 40 bytes, however they are set."""

MOST_TOLD, MOST_READ = 200, 2000
"""Characters of a server's own words that a message repeats, and that are searched for a token."""


class _Stumble(Exception):  # never leaves this module
    """A try that failed, and may do better next time."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


class Transport:
    """Connections to one model's server; safe to use from several threads.

    Args:
        name: What to call the model.
        options: How it is asked.

    Raises:
        InputError: If httpx is not installed, the token is none, or the environment names proxies
            or certificates that cannot be used.
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
        check_proxies()
        self._certificates = certificates()
        self._lock = Lock()
        self._idle: list[Line] = []
        # Python warns of sockets that nobody closed
        weakref.finalize(self, _hang_up, self._idle)

    def ask(
        self,
        method: Literal["GET", "POST"],
        address: str,
        read: Callable[[Any], Answer],
        content: Any = None,
        n_scores: int = 0,
        abandoned: Event | None = None,
    ) -> Answer:
        """What the server answers, as `read` understands it.

        Args:
            method: GET or POST.
            address: Where.
            read: Takes the JSON of the answer; raises `Malformed` to have it asked again.
            content: What is sent as JSON.
            n_scores: How many scores are asked for, which bounds what is read of an answer.
            abandoned: Set by the caller when nobody waits for the answer any more.

        Raises:
            ModelError: If the server refuses what it is asked.
            ModelGoneError: If there was no usable answer in all tries.
        """
        abandoned = abandoned or Event()
        body = None if content is None else json.dumps(content, allow_nan=False).encode()
        question = Question(method, address, body, ANSWER_BYTES + SCORE_BYTES * n_scores)
        reason, tries = "", 0
        for attempt in range(self.options.retries + 1):
            tries += 1
            try:
                answer = self._understood(self._send(question, abandoned), read)
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

    def _send(self, question: Question, abandoned: Event) -> Reply:
        """What the server says to a request, if that is no refusal."""
        import httpx

        line, seconds = self._line(), self.options.timeout_s
        try:
            reply = line.ask(question, seconds, abandoned)
        except (TimeoutError, httpx.TimeoutException) as error:
            what = "no whole answer" if line.connected else "no connection"
            raise _Stumble(f"{what} within {seconds:g} s{_by(line, question)}") from error
        except httpx.HTTPError as error:
            told = self._told(str(error)) or type(error).__name__
            if "CERTIFICATE_VERIFY_FAILED" in told and trusted()[0]:
                told += f"; trusted are those of {trusted()[0]}"
            raise _Stumble(f"'{told}'{_by(line, question)}") from error
        except (httpx.InvalidURL, UnicodeError) as error:
            raise ModelError(
                f"model '{self.name}': expected an address with a host's name, got {error}"
            ) from error
        with self._lock:
            self._idle.append(line)
        if not reply.is_success:
            self._refused(reply, _by(line, question))
        return reply

    def _understood(self, reply: Reply, read: Callable[[Any], Answer]) -> Answer:
        try:
            said = strict_json(reply.body)
        except DoubtfulJsonError as error:
            raise Malformed(f"an answer of doubtful JSON: {error}") from error
        except (ValueError, RecursionError) as error:
            kind = reply.headers.get("Content-Type", "no content type").split(";")[0]
            raise _Stumble(
                f"an answer that is not JSON but {self._told(kind)} ('{self._words(reply)}')"
            ) from error
        try:
            return read(said)
        except RecursionError as error:  # lists in lists that were only just read
            raise Malformed("an answer that is nested too deeply") from error

    def _refused(self, reply: Reply, by: str) -> None:
        """Raises what a status that is no success means."""
        status, told = reply.status, self._words(reply)
        found = f"status {status}" + (f" ('{told}')" if told else "") + by
        if status in PASSING or status >= 500:
            raise _Stumble(found, asked_pause(reply.headers.get("Retry-After")))
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
        if status == 407:
            return "a proxy that lets this machine through, as http://USER:PASSWORD@HOST:PORT does"
        if 300 <= status < 400:
            return "the address where the model is"
        if status in (404, 405, 410):
            return "a model at this address"
        if status == 413:
            return f"a server that takes {self.options.batch_rows:,} rows at once"
        return "a model that takes the table's rows"

    def _words(self, reply: Reply) -> str:
        return self._told(reply.body.decode(errors="replace"))

    def _told(self, text: str) -> str:
        """The first line of a server's own words, without our token."""
        line = next((line.strip() for line in text.splitlines() if line.strip()), "")
        line = masked(without_token(line[:MOST_READ], self._token))
        return line if len(line) <= MOST_TOLD else line[:MOST_TOLD] + "…"

    def _line(self) -> Line:
        """A connection that nobody uses; a new one where there is none."""
        import httpx

        with self._lock:
            if self._idle:
                return self._idle.pop()
        try:
            client = httpx.Client(
                headers={"Authorization": f"Bearer {self._token}"} if self._token else {},
                timeout=self.options.timeout_s,
                verify=self._certificates,
            )
        except (ValueError, httpx.InvalidURL) as error:  # each proxy alone was found good
            raise InputError(
                f"NO_PROXY: expected hosts such as localhost,example.org, found others ({error})"
            ) from error
        return Line(client)

    def __reduce__(self) -> tuple[Any, ...]:
        # another process opens its own connections, and finds the token in its own environment
        return Transport, (self.name, self.options)


def _hang_up(lines: list[Line]) -> None:
    for line in lines:
        line.close()


def _by(line: Line, question: Question) -> str:
    """Who was asked, where it was not the server itself."""
    proxy = line.proxy(question.address)
    if proxy:
        return f" by way of the proxy {proxy}, which the environment names"
    return ""

"""Alarms sent to a receiver over HTTP, each until it is taken, refused, or may be tried later.

Headers follow the Standard Webhooks specification (https://www.standardwebhooks.com): an id that is
the same for every try, a time, and an HMAC-SHA256 over both and the body.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import os
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.util import find_spec
from typing import Any, Protocol
from urllib.parse import urlsplit

from rafair.arguments import check_real
from rafair.errors import InputError
from rafair.models.http.retry_after import asked_pause

SECRET = "RAFAIR_WEBHOOK_SECRET"
ENCODED = "whsec_"
"""How a secret begins whose rest is Base64."""

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 600.0
"""Seconds; receivers that ask for a longer one with Retry-After do not get it."""

PASSING = (408, 425, 429)
"""Statuses below 500 that are worth another try; so are all from 500 on."""


class Outbox(Protocol):
    """Messages that wait to be sent, kept where a restart does not lose them."""

    def due(self, now: datetime) -> Iterable[tuple[Any, Mapping[str, Any], int]]:
        """Id, body, and number of tries so far of each message whose time has come."""

    def done(self, delivery: Any) -> None:
        """The receiver took it."""

    def failed(self, delivery: Any, attempts: int, next_time: datetime) -> None:
        """It was tried so many times, and is due again then."""

    def given_up(self, delivery: Any, reason: str) -> None:
        """The receiver refused it; it is never due again."""


@dataclass(frozen=True)
class Outcome:
    """How a try ended.

    Args:
        state: "done", "again" (worth another try), or "refused".
        reason: What happened, where it is not done.
        pause: The seconds that the receiver asked to be left alone.
        answered: Whether the receiver said anything.
    """

    state: str
    reason: str = ""
    pause: float = 0.0
    answered: bool = True


@dataclass(frozen=True)
class Webhook:
    """A receiver of alarms.

    Args:
        url: Where to post; `http://` or `https://`. It may hold a key in its path or query, so
            only scheme, host and port are ever shown.
        secret: What messages are signed with; by default what `RAFAIR_WEBHOOK_SECRET` holds.
            None, and nothing there, leaves them unsigned.
        timeout_s: Seconds for one try, from finding the host to the answer's status.

    Raises:
        InputError: If the address or the secret is wrong, or httpx is not installed.

    Example:
        >>> print(Webhook("https://hooks.example.org:8443/T0/secret"))
        https://hooks.example.org:8443
    """

    url: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    timeout_s: float = 5.0
    _key: bytes | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        if find_spec("httpx") is None:
            raise InputError(
                "webhook: httpx is not installed; pip install 'rafair[monitor]' installs it"
            )
        check_real("timeout_s", self.timeout_s, 0, 3600)
        _check_address(self.url)
        object.__setattr__(self, "_key", _key_of(self.secret or os.environ.get(SECRET)))

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def send(self, body: Mapping[str, Any], now: datetime) -> Outcome:
        """Tries once; never takes longer than `timeout_s`, and raises nothing for what is there."""
        content = json.dumps(body, sort_keys=True, allow_nan=False).encode()
        loop = asyncio.new_event_loop()
        try:
            posted = self._post(content, self.headers(content, now))
            return loop.run_until_complete(asyncio.wait_for(posted, self.timeout_s))
        except TimeoutError:
            return Outcome("again", f"no answer within {self.timeout_s:g} s", answered=False)
        finally:
            _close(loop)

    def headers(self, content: bytes, now: datetime) -> dict[str, str]:
        """What goes with a body: its kind, id and time, and the signature if there is a secret.

        Example:
            >>> from datetime import UTC, datetime
            >>> hook = Webhook("http://localhost/", secret="s")
            >>> found = hook.headers(b"{}", datetime(2026, 3, 1, tzinfo=UTC))
            >>> found["webhook-timestamp"], found["webhook-signature"][:7]
            ('1772323200', 'v1,a6au')
        """
        identifier = f"rafair_{hashlib.sha256(content).hexdigest()[:32]}"
        moment = str(int(now.timestamp()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "rafair",
            "Idempotency-Key": identifier,
            "webhook-id": identifier,
            "webhook-timestamp": moment,
        }
        if self._key is not None:
            signed = f"{identifier}.{moment}.".encode() + content
            digest = hmac.new(self._key, signed, hashlib.sha256).digest()
            headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
        return headers

    async def _post(self, content: bytes, headers: Mapping[str, str]) -> Outcome:
        import httpx

        try:
            async with (
                httpx.AsyncClient(timeout=self.timeout_s, follow_redirects=False) as client,
                client.stream("POST", self.url, content=content, headers=headers) as response,
            ):
                # the answer's body is of no interest, and may never end
                return _outcome(response.status_code, response.headers.get("Retry-After"))
        except httpx.TimeoutException as error:
            raise TimeoutError from error
        except httpx.HTTPError as error:
            return Outcome("again", f"no connection ({type(error).__name__})", answered=False)


def deliver_due(
    outbox: Outbox, webhook: Webhook, now: datetime, say: Callable[[str], None]
) -> None:
    """Sends all messages whose time has come; one that fails is put off, and holds up no other.

    Where the receiver does not answer at all, the others are put off with it: a silent receiver
    costs one `timeout_s`. Of a slow one no further try begins after that time.

    Args:
        outbox: Where they wait.
        webhook: Where they go.
        now: The time, with its zone.
        say: Takes one line for people: of first failures, of what was refused, and of what went
            through after failures.
    """
    waiting, began = list(outbox.due(now)), time.monotonic()
    for place, (delivery, body, attempts) in enumerate(waiting):
        if time.monotonic() - began > webhook.timeout_s:
            return
        outcome = webhook.send(body, now)
        if outcome.state == "done":
            outbox.done(delivery)
            if attempts:
                say(f"webhook {webhook}: an alarm was taken at try {attempts + 1:,}")
        elif outcome.state == "refused":
            outbox.given_up(delivery, outcome.reason)
            say(
                f"webhook {webhook}: expected a status of 200 to 299, got {outcome.reason}; "
                "the alarm is not sent again"
            )
        else:
            next_time = now + timedelta(seconds=next_pause(attempts + 1, outcome.pause))
            outbox.failed(delivery, attempts + 1, next_time)
            if attempts == 0:
                say(f"webhook {webhook}: {outcome.reason}; the alarm is kept and sent again later")
            if not outcome.answered:
                for other, _, tried in waiting[place + 1 :]:
                    outbox.failed(other, tried, next_time)
                return


def next_pause(attempts: int, asked: float = 0.0) -> float:
    """The seconds until the next try: twice as long each time, drawn, and 10 minutes at most.

    Args:
        attempts: How many tries have failed, from 1.
        asked: The seconds that the receiver asked for; never less than that within the limit.

    Example:
        >>> 1 <= next_pause(1) <= 2, 300 <= next_pause(50) <= 600, next_pause(1, 90)
        (True, True, 90)
    """
    longest = min(FIRST_PAUSE * 2.0 ** min(attempts - 1, 64), LONGEST_PAUSE)
    # drawn, so that watches that failed together do not come back together
    return max(random.uniform(longest / 2, longest), min(asked, LONGEST_PAUSE))


def _close(loop: asyncio.AbstractEventLoop) -> None:
    """Ends what an interrupt has left, and does not wait for a name that is still looked up."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.close()


def _outcome(status: int, retry_after: str | None) -> Outcome:
    if 200 <= status < 300:
        return Outcome("done")
    if status in PASSING or status >= 500:
        return Outcome("again", f"status {status}", asked_pause(retry_after))
    said = " (redirects are not followed)" if 300 <= status < 400 else ""
    return Outcome("refused", f"status {status}{said}")


def _check_address(url: str) -> None:
    """Refuses what is no address, without repeating it: it may hold a key.

    Raises:
        InputError: If it is none, or holds a user or password.
    """
    expected = "webhook: expected an address such as https://HOST/PATH"
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good or not (url.isascii() and url.isprintable() and " " not in url):
        raise InputError(f"{expected}, got something else (not shown, as it may hold a key)")
    if "@" in parts.netloc:
        raise InputError(f"{expected}, got one with a user or password in it")
    import httpx

    try:
        httpx.URL(url)
    except httpx.InvalidURL:
        raise InputError(f"{expected}, got one that cannot be asked") from None


def _key_of(secret: str | None) -> bytes | None:
    """The bytes to sign with.

    Raises:
        InputError: If they are said to be Base64 and are not.
    """
    if not secret:
        return None
    if not secret.startswith(ENCODED):
        return secret.encode("utf-8", "surrogateescape")
    try:
        return base64.b64decode(secret.removeprefix(ENCODED), validate=True)
    except (binascii.Error, ValueError):
        raise InputError(f"{SECRET}: expected Base64 after '{ENCODED}', found others") from None

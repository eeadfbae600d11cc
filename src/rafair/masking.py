"""Texts for people without the secrets that addresses and answers of servers may hold."""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Iterator
from urllib.parse import unquote

MASK = "***"

USER = re.compile(r"((?:\b[a-z][a-z0-9+.-]*:)?/{0,3}[^\s'\"/:@]*):([^\s'\"]*)@", re.IGNORECASE)
"""A user with a password up to the last @, after `scheme://`, `scheme:/`, `scheme:` or nothing; the
word that our own messages have there is none."""

SETTING = re.compile(
    r"\b([\w-]*(?:password|passwd|pwd|secret|token|api-?key|signature))=[^\s'\"&;,]+", re.IGNORECASE
)
"""A setting of an address, or of a connection string, whose value is a secret."""

RUN = re.compile(r"[A-Za-z0-9+/_-]{6,}={0,2}")
"""Characters that may be Base64."""

LEAST = 8
"""Of so many characters on, a piece of a token is one that may not be shown."""


def masked(text: str) -> str:
    """The text with the passwords of the addresses in it left out.

    Example:
        >>> masked("got 'postgresql:/me:secret@db/watch?sslpassword=x'")
        "got 'postgresql:/me:***@db/watch?sslpassword=***'"
    """
    if "@" in text:
        text = USER.sub(_without_password, text)
    return SETTING.sub(rf"\1={MASK}", text) if "=" in text else text


def _without_password(found: re.Match[str]) -> str:
    return found[0] if found[2] == "PASSWORD" else f"{found[1]}:{MASK}@"


def without_token(text: str, token: str | None) -> str:
    """What a server said, without a token that it was sent, in whatever coding it repeats it.

    Args:
        text: What it said.
        token: The token; None for none.

    Example:
        >>> without_token("no such token: abcdefgh", "abcdefgh")
        'no such token: ***'
        >>> without_token("no such token: YWJjZGVmZ2g=", "abcdefgh")
        '(not shown: it repeats the token)'
    """
    if not token:
        return text
    plain = text.replace(token, MASK)
    sought = _bare(token)
    pieces = {sought[start : start + LEAST] for start in range(len(sought) - LEAST + 1)} or {sought}
    for read in map(_bare, _readings(plain)):
        if any(piece in read or piece[::-1] in read for piece in pieces):
            return "(not shown: it repeats the token)"
    return plain


def _bare(text: str) -> str:
    """Its letters and digits, whatever stands between them."""
    return re.sub(r"[^0-9A-Za-z]", "", text).lower()


def _readings(text: str) -> Iterator[str]:
    """The text as it is, and as whoever knows a coding would read it."""
    yield text
    once = unquote(text)
    yield once
    yield unquote(once)
    yield html.unescape(text)
    yield re.sub(r"\\[uUx]\{?([0-9a-fA-F]{2,8})\}?", lambda found: _character(found[1]), text)
    for run in RUN.findall(once) + RUN.findall(re.sub(r"\s", "", once)):
        yield from _decoded(run)


def _character(digits: str) -> str:
    number = int(digits, 16)
    return chr(number) if number < 0x110000 else ""


def _decoded(run: str) -> Iterator[str]:
    """What Base64, of either alphabet and wherever it begins, and hexadecimal make of a run."""
    with_plus = run.rstrip("=").replace("-", "+").replace("_", "/")
    for start in range(4):
        piece = with_plus[start:]
        whole = piece[: len(piece) // 4 * 4] if len(piece) % 4 == 1 else piece
        try:
            content = base64.b64decode(whole + "=" * (-len(whole) % 4))
        except (binascii.Error, ValueError):
            continue
        yield content.decode("latin-1")
    digits = re.sub(r"[^0-9a-fA-F]", "", run)
    for start in range(2):
        piece = digits[start:]
        yield bytes.fromhex(piece[: len(piece) // 2 * 2]).decode("latin-1")

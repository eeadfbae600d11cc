"""Texts and moments in a form that SQLite and PostgreSQL both keep without loss."""

from __future__ import annotations

import datetime
import re
from typing import Any

from sqlalchemy import DateTime, Text
from sqlalchemy.types import TypeDecorator

_STORED = r"⟨U\+(0000|D[89A-F][0-9A-F]{2}|27E8)⟩"
_READ = re.compile(_STORED)
_WRITTEN = re.compile(rf"[\x00\ud800-\udfff]|⟨(?={_STORED[1:]})")


def storable(text: str) -> str:
    r"""The text with the characters spelt out that databases refuse: NUL and lone surrogates.

    Two texts stay two texts, and `restored` gives the very text back.

    Example:
        >>> print(storable("a\0b"), storable("⟨U+0000⟩"), storable("é ⟨x⟩"))
        a⟨U+0000⟩b ⟨U+27E8⟩U+0000⟩ é ⟨x⟩
    """
    return _WRITTEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


def restored(text: str) -> str:
    r"""The text of which `storable` made this one.

    Example:
        >>> restored(storable("a\0⟨U+0000⟩\udc80")) == "a\0⟨U+0000⟩\udc80"
        True
    """
    return _READ.sub(lambda found: chr(int(found[1], 16)), text)


class AnyText(TypeDecorator[str]):
    """A text that may hold any character of Python."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        """As it is stored."""
        return None if value is None else storable(value)

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:
        """As it was."""
        return None if value is None else restored(value)


class Moment(TypeDecorator[datetime.datetime]):
    """A moment in UTC; SQLite, which knows no time zones, keeps it without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self, value: datetime.datetime | None, dialect: Any
    ) -> datetime.datetime | None:
        """In UTC."""
        if value is None:
            return None
        assert value.tzinfo is not None, "a moment needs a time zone"
        there = value.astimezone(datetime.UTC)
        return there.replace(tzinfo=None) if dialect.name == "sqlite" else there

    def process_result_value(
        self, value: datetime.datetime | None, dialect: Any
    ) -> datetime.datetime | None:
        """In UTC, and saying so."""
        if value is None:
            return None
        if value.tzinfo is None:
            return value.replace(tzinfo=datetime.UTC)
        return value.astimezone(datetime.UTC)

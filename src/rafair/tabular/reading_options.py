"""How a file of one's own is to be read, where its name and its bytes do not say so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

from rafair.arguments import check_name
from rafair.errors import InputError
from rafair.options import option

TABS = ("tab", "\\t")
"""What a tab may be called, which is hard to type."""

QUOTE = '"'
SIGN = re.compile(r"[^\w+-]")
"""What may stand between digits."""


@dataclass(frozen=True, kw_only=True)
class ReadAs:
    """What a user says of a file; None where nothing was said.

    Raises:
        InputError: If one is no such sign or encoding, or two are the same sign.

    Example:
        >>> ReadAs(separator=";", decimal=",").facts
        {'separator': ';', 'decimal': ','}
    """

    separator: str | None = option(
        None,
        "Of a text file, what stands between fields, as ';' or tab.",
        "SIGN",
        said="a comma; of .tsv a tab",
    )
    decimal: str | None = option(
        None, "Of a text file, what stands before decimals.", "SIGN", said="a dot"
    )
    thousands: str | None = option(
        None, "Of a text file, what stands between thousands.", "SIGN", said="nothing"
    )
    encoding: str | None = option(None, "Of a text file, as latin-1.", "NAME", said="UTF-8")
    sheet: str | None = option(None, "Of an Excel file, the sheet.", "NAME", said="the only one")

    def __post_init__(self) -> None:
        if self.separator in TABS:
            object.__setattr__(self, "separator", "\t")
        for name in ("separator", "decimal", "thousands"):
            value = getattr(self, name)
            if value is not None and (
                len(value) != 1 or value == QUOTE or value in "\r\n\0" or not SIGN.match(value)
            ):
                raise InputError(f"{name}: expected one sign, such as ',', got {value!r}")
        if self.encoding is not None and not _is_text_encoding(self.encoding):
            raise InputError(
                "encoding: expected the name of an encoding, such as latin-1 or cp1252, got "
                f"{self.encoding!r}"
            )
        if self.thousands is not None and self.thousands == (self.decimal or "."):
            raise InputError(
                f"thousands: expected another sign than decimals have, got {self.thousands!r}; "
                "`decimal` says what these have"
            )

    @classmethod
    def of(cls, facts: Mapping[str, str] | None) -> Self:
        """What `facts` tell, as an audit has kept them.

        Raises:
            InputError: If there is no such option.
        """
        names = [field.name for field in fields(cls)]
        known = facts or {}
        return cls(**{check_name("option", name, names): known[name] for name in known})

    @property
    def facts(self) -> dict[str, str]:
        """What was said, as plain values."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def says_numbers(self) -> bool:
        """Whether it says how numbers are written."""
        return self.decimal is not None or self.thousands is not None

    def check_for(self, path: Path, kind: str, *names: str) -> None:
        """Refuses what has no meaning for a file.

        Args:
            path: The file.
            kind: What it is.
            names: Those that have.

        Raises:
            InputError: If another one was said.
        """
        for name, value in self.facts.items():
            if name not in names:
                raise InputError(
                    f"{name}: expected not to be said of {kind}, '{path}'; got {value!r}"
                )


AS_IT_IS = ReadAs()


def _is_text_encoding(name: str) -> bool:
    try:
        return bool("a".encode(name))
    except (LookupError, ValueError):
        return False

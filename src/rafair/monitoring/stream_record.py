"""One row of a stream as it was read, and the places that reading has come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LONGEST_RAW = 200
"""How many characters of a malformed line are kept for people."""


@dataclass(frozen=True)
class Position:
    """How far a source was read and stored.

    Args:
        records: How many records; of a file that was refused as a whole, `-1 - records`.
        offset: How many bytes of a text file; 0 for Parquet. Of a file that was refused as a
            whole, its size.
        sha256: The hash of those bytes (of Parquet: of the whole file), so that a file that was
            changed, and not only added to, is known.

    Example:
        >>> refused = Position(3, 120, "…").refused(400, "…")
        >>> refused.records, refused.is_refused, refused.taken
        (-4, True, 3)
    """

    records: int
    offset: int = 0
    sha256: str = ""

    @property
    def is_refused(self) -> bool:
        """Whether the file was refused as a whole, as it then was."""
        return self.records < 0

    @property
    def taken(self) -> int:
        """How many records were read, also before a refusal of the whole file."""
        return -1 - self.records if self.is_refused else self.records

    def refused(self, size: int, sha256: str) -> Position:
        """The same for a file that is refused as a whole, as long as it is of this size and hash.

        Args:
            size: The file's bytes.
            sha256: Their hash.
        """
        return Position(-1 - self.taken, size, sha256)


@dataclass(frozen=True, slots=True)
class Record:
    """One row, or something that should have been one.

    Args:
        source: Where it was read: a file's name, or "-" for standard input.
        number: Its line in a text file, from 1; its row in Parquet, from 0. With a problem of the
            whole file, 0.
        values: By column; None where the line is not even a row.
        problem: Why `values` is None: what was expected, and found.
        raw: The start of the line as it stands, for people; empty of a row of Parquet.
        after: How far the source is read with this record.
    """

    source: str
    number: int
    values: Mapping[str, object] | None
    problem: str = ""
    raw: str = ""
    after: Position = Position(0)


@dataclass(frozen=True)
class Refusal:
    """Why records were refused, summed up.

    Args:
        reason: The kind of fault, and where.
        count: How many records had it.
        example: What the first of them had there; empty where the reason says it all.
    """

    reason: str
    count: int
    example: str = ""


@dataclass(frozen=True)
class Refused:
    """A record that was put into quarantine.

    Args:
        source: Where it was read.
        number: Its line or row there; 0 with a whole file.
        reason: What was expected, and found.
        content: The start of what was there.
        faults: All that is wrong, a sentence each; not stored.
    """

    source: str
    number: int
    reason: str
    content: str
    faults: tuple[str, ...] = field(default=(), compare=False, repr=False)

    def to_dict(self) -> dict[str, object]:
        """As it is stored and told."""
        return {name: value for name, value in vars(self).items() if name != "faults"}

"""What is known about a data set before any of its files is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from urllib.parse import urlparse


class Variant(StrEnum):
    """Which features a data set is loaded with."""

    CLEAN = "clean"
    PAPER = "paper"


@dataclass(frozen=True)
class SourceFile:
    """One file that a data set is read from.

    Args:
        name: What it is called, unpacked.
        sha256: The hash of its unpacked bytes.
        url: Where its publisher offers it, packed or not; empty if nowhere.
        members: The way to it through archives, such as `("bank.zip", "bank-full.csv")`.
        minimise: For a file with personal data: takes the publisher's bytes, gives those that may
            be kept.
        substitute: Another file that is accepted in its place.

    Example:
        >>> file = SourceFile("rows.csv", "ab" * 32, "https://example.org/all.zip", ("rows.csv",))
        >>> file.names
        ('rows.csv', 'rows.csv.gz', 'all.zip')
    """

    name: str
    sha256: str
    url: str = ""
    members: tuple[str, ...] = ()
    minimise: Callable[[bytes], bytes] | None = None
    substitute: SourceFile | None = None

    @property
    def forms(self) -> tuple[SourceFile, ...]:
        """The file itself and what is accepted in its place."""
        return (self, self.substitute) if self.substitute else (self,)

    @property
    def kept_name(self) -> str:
        """What the cache calls it; a minimised file must not pass for the publisher's."""
        path = PurePosixPath(self.name)
        return f"{path.stem}.minimised{path.suffix}" if self.minimise else self.name

    @property
    def names(self) -> tuple[str, ...]:
        """The file names under which a folder may hold it, in the order they are looked for."""
        own = [self.kept_name, self.name, f"{self.name}.gz"]
        if self.members:
            own.append(PurePosixPath(urlparse(self.url).path).name)
        if self.substitute:
            own.extend(self.substitute.names)
        return tuple(dict.fromkeys(own))


@dataclass(frozen=True)
class PaperFacts:
    """What the paper's Table 2 says of a data set.

    Args:
        rows: Its size.
        sensitive: The number of values of each sensitive attribute.
    """

    rows: int
    sensitive: Mapping[str, int]


@dataclass(frozen=True)
class DatasetInfo:
    """What is known about a data set; all figures are checked against the data by our tests.

    Args:
        name: What `load_dataset` calls it.
        title: Its full name.
        source: The page or DOI of its publisher.
        citation: How to cite it.
        licence: On what terms it may be used.
        label: What class 1 means.
        problems: What a reader of results on it should know.
        rows: The number of rows, after dropping those that cannot be used.
        features: The number of features of each variant.
        sensitive: The number of values of each sensitive feature.
        files: What it is read from; none if it comes with an installed package.
        bundled: The package and file it comes with; empty if it is read from `files`.
        train_rows: How many of the first rows are the publisher's training split; None if rafair
            splits.
        paper: What the paper says of it; None if the paper does not use it.
    """

    name: str
    title: str
    source: str
    citation: str
    licence: str
    label: str
    problems: tuple[str, ...]
    rows: int
    features: Mapping[Variant, int]
    sensitive: Mapping[str, int]
    files: tuple[SourceFile, ...] = ()
    bundled: str = ""
    train_rows: int | None = None
    paper: PaperFacts | None = None

    @property
    def counterparts(self) -> int:
        """The number of counterparts of each instance, itself included."""
        return math.prod(self.sensitive.values())

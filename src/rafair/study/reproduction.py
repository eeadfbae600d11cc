"""What a reproduction found: its tables, and where its files are."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd

from rafair._version import __version__
from rafair.study.claims import Claim
from rafair.study.config import Part, StudyConfig
from rafair.study.examples import Example


@dataclass
class Reproduction:
    """The tables of the asked parts, as data.

    Args:
        what: What was asked for.
        config: With which options.
        out: The folder that holds everything.
        tables: Frames in long form by name: table3, table4, epsilons, comparison, quadrants,
            drawing, cost, networks.
        claims: What the figures say of each statement.
        examples: The cases.
        captions: Per figure its file's name and what to write below it.
        files: What was written, in order.
        warnings: What the audits warn of.
    """

    what: Part
    config: StudyConfig
    out: Path
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    captions: list[tuple[str, str]] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def document(self) -> dict[str, object]:
        """Everything as plain values."""
        return {
            "rafair_version": __version__,
            "what": str(self.what),
            "config": asdict(self.config),
            **{name: records(table) for name, table in self.tables.items()},
            "claims": [asdict(claim) for claim in self.claims],
            "examples": [example.to_dict() for example in self.examples],
            "figures": [{"name": name, "caption": caption} for name, caption in self.captions],
            "warnings": self.warnings,
            "folder": str(self.out),
            "files": [path.relative_to(self.out).as_posix() for path in self.files],
        }


def records(table: pd.DataFrame) -> list[dict[str, object]]:
    """A frame as a list of rows, null where a figure does not exist."""
    text = table.to_json(orient="records", double_precision=15)
    found: list[dict[str, object]] = json.loads(text)
    return found

"""The content of `reference.json` as types, and the one function that reads them out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, StrictFloat, StrictInt

from rafair.arguments import check_real
from rafair.models.model_options import SaidOptions
from rafair.monitoring.references.stream_judge_options import StreamJudgeOptions
from rafair.results.audit_record import DataFile, DecisionRule
from rafair.results.record_reader import Reader
from rafair.tabular.schema import Schema

IN_RUN = "run"
"""Says that a model's files lie in the run's folder."""


@dataclass(frozen=True)
class FrozenRun:
    """The audit that a reference is frozen from: its folder's name, its `audit.json`'s hash."""

    name: str
    sha256: str


@dataclass(frozen=True)
class FrozenDataset:
    """The audited data, as in `audit.json`."""

    name: str
    variant: str | None
    rows: StrictInt
    sha256: str
    file: DataFile | None


@dataclass(frozen=True, kw_only=True)
class ModelPlace(SaidOptions):
    """Where a model is opened again, and what its user said of it if that is not the run."""

    where: Annotated[str, Field(alias="in")]

    def to_dict(self) -> dict[str, object]:
        """As plain values; only what was said."""
        return {"in": self.where, **({} if self.where == IN_RUN else self.facts)}


@dataclass(frozen=True, kw_only=True)
class FrozenModel:
    """The audited model; references of older versions tell neither `input` nor `decision`."""

    name: str
    kind: str | None
    sha256: str | None
    input: str | None = None
    decision: DecisionRule | None = None
    place: ModelPlace


@dataclass(frozen=True)
class SeenNumber:
    """The values of a number; `low` and `high` are None where all is missing."""

    missing: StrictInt
    low: StrictFloat | None
    high: StrictFloat | None


@dataclass(frozen=True)
class LevelCount:
    """How often a level was seen."""

    level: object
    count: StrictInt


@dataclass(frozen=True)
class SeenLevels:
    """The values of a feature with levels."""

    missing: StrictInt
    levels: tuple[LevelCount, ...]


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """What a reference says, besides what follows from its rows.

    Args:
        run: The audit it was frozen from.
        dataset: Its data.
        model: Its model, and where that is opened again.
        schema: The features of rows, the label, and the classes.
        judge: How rows are judged.
        alpha: The chance that a stream without drift ever raises an alarm.
        tolerance: How far a rate may lie below the reference's own lower bound.
        instances: How many rows were drawn; None for all.
        observed: By feature, the values seen.
        warnings: What a reader should know.
        rafair_version: By what it was frozen.
        created: When; ISO, UTC.
        id: The hash of all else that was written then; empty before.
    """

    run: FrozenRun
    dataset: FrozenDataset
    model: FrozenModel
    schema: Schema
    judge: StreamJudgeOptions
    alpha: StrictFloat
    tolerance: StrictFloat
    instances: StrictInt | None
    observed: Mapping[str, SeenNumber | SeenLevels]
    warnings: tuple[str, ...]
    rafair_version: str
    created: str
    id: str

    def __post_init__(self) -> None:
        check_real("alpha", self.alpha, 0, 1)
        check_real("tolerance", self.tolerance, 0, 1, low_included=True)


@dataclass(frozen=True)
class FrozenRows:
    """The hash of what is kept of each row."""

    sha256: str


@dataclass(frozen=True, kw_only=True)
class ReferenceRecord(Frozen):
    """The content of `reference.json`.

    Args:
        n: How many rows there are.
        rates: Their rates by condition and metric, as plain values.
        rows: What is kept of them.
    """

    n: StrictInt
    rates: Mapping[str, Mapping[str, Mapping[str, StrictFloat]]]
    rows: FrozenRows


_read = Reader(ReferenceRecord, "expected a reference written by rafair")


def reference_of(document: object, path: Path) -> ReferenceRecord:
    """Reads the content of a `reference.json`.

    Args:
        document: The content; what is not known in it is left alone, but for options of the judge.
        path: The file, for messages.

    Raises:
        RunFolderError: If no freezing writes it; says what is wrong first.
    """
    return _read(document, path)

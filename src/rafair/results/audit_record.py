"""The content of `audit.json` as types, and the one function that reads them out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from rafair.errors import InputError
from rafair.metrics.group_gaps import Gap
from rafair.metrics.means import Mean
from rafair.metrics.rates import Rate
from rafair.models.model_options import SaidOptions
from rafair.results.audit_options import AuditOptions
from rafair.results.certificate_record import CertificateRecord, CertifiedPoint
from rafair.results.record_reader import Reader
from rafair.results.run_files import AUDIT
from rafair.tabular.schema import Schema

Rates = Mapping[str, Rate]
"""By metric, such as "accurate_fairness"."""
Told = Mapping[str, Any]
"""Options as they were told, by name: for those who show or compare all of them."""

OLDER = {
    "max_gradient_rows",
    "black_box",
    "max_queries",
    "perturbation",
    "max_category_changes",
    "bands",
    "epsilons",
}
"""Options that runs of versions that did not know them do not name; they had the default."""


@dataclass(frozen=True)
class Environment:
    """Where an audit was computed: versions, processor, cores that were used, device."""

    python: str
    packages: Mapping[str, str]
    cpu: str
    threads: int
    device: str


@dataclass(frozen=True)
class DataFile:
    """The file that a table of one's own was read from, and how, where somebody said so."""

    name: str
    sha256: str
    reading: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DatasetRecord:
    """The audited data: the section `dataset`.

    Args:
        sensitive: How many values each sensitive feature has.
        domains: Their codes.
        sha256: Of all encoded rows and labels; of a streamed file, of its bytes.
        variant: Of a named data set; None of a table of one's own.
        file: The file of a table of one's own; None of a named data set.
        streamed: Whether it is a file of which a sample was audited.
        outside_range: Of a streamed file, how many numbers lie outside their range, by column.
        own: Whether a streamed file is a table of one's own, all of whose rows are as its schema
            says.
    """

    name: str
    rows: int
    audited_rows: int
    features: list[str]
    sensitive: Mapping[str, int]
    domains: Mapping[str, list[float]]
    counterparts_per_instance: int
    label: str
    classes: list[str]
    schema: Schema
    sha256: str
    variant: str | None = None
    file: DataFile | None = None
    streamed: bool = False
    outside_range: Mapping[str, int] = field(default_factory=dict)
    own: bool = False

    @property
    def title(self) -> str:
        """Its name, with the variant where it has one."""
        return f"{self.name} ({self.variant})" if self.variant else self.name


@dataclass(frozen=True)
class DecisionRule:
    """How a model decides.

    Args:
        rule: "arg max", "threshold", or "own".
        threshold: The class and the score from which on it is decided for; None without one.
        comparison: ">=" or ">"; None without a threshold.
        classes: The classes in the order of the model's outputs.
    """

    rule: str
    threshold: Mapping[str, float] | None
    comparison: str | None
    classes: list[str]


@dataclass(frozen=True)
class ModelRecord:
    """The audited model: the section `model`.

    Args:
        test_accuracy: Of all rows of the table.
        majority: The share of the largest class.
        predicted_classes: How many classes it ever predicts.
        parameters: How many it has; None where nobody knows.
        sha256: Of its parameters or files; None where it has none.
        kind: What it was opened as; None where a caller handed it in.
        input: "raw" values or "encoded" rows; like `decision` None of older runs.
        options: What a user said of it.
    """

    name: str
    test_accuracy: Rate
    majority: Rate
    predicted_classes: int
    parameters: int | None = None
    sha256: str | None = None
    kind: str | None = None
    input: str | None = None
    decision: DecisionRule | None = None
    options: SaidOptions = field(default_factory=SaidOptions)


UNNAMED = ""
"""The key of rates that stand beside other values in one table: no place is named by it."""


def _apart(section: Any) -> Any:
    """Rates, and beside them of how many rows they are."""
    if not isinstance(section, Mapping):
        return section
    rates = {key: value for key, value in section.items() if isinstance(value, Mapping)}
    return {**section, UNNAMED: rates}


@dataclass(frozen=True)
class CleanRates:
    """Rates of the instances as they were."""

    n: int
    rates: Annotated[Rates, Field(alias=UNNAMED)]


@dataclass(frozen=True)
class WholeRates:
    """Rates of all rows of a file as they were."""

    rows: int
    rates: Annotated[Rates, Field(alias=UNNAMED)]


@dataclass(frozen=True)
class Bits:
    """How much sensitive values decide at one moment, in bits."""

    min_entropy: Mean
    shannon_entropy: Mean


@dataclass(frozen=True)
class DiscriminationBits:
    """The same of clean rows, of outcomes, and at the worst step; `bin_width` is the bins'."""

    bin_width: float
    clean: Bits
    outcome: Bits
    largest: Bits


@dataclass(frozen=True)
class AttackRecord:
    """What an attack found and cost.

    Args:
        robust: Shares of instances that held throughout.
        zero_gradient: The share without a gradient; None where none was asked for.
        final: Rates of the last iterates; None of a union, as `iterates` is.
        iterates: Rates of all iterates.
        outcome: Rates of the rows that it counts by; None of an attack that keeps witnesses alone,
            as `final`, `iterates` and `exposed` are.
        exposed: Shares of instances that were in a cell at some step.
        queries: Distinct rows that were asked about; None where a model gives gradients.
    """

    robust: Rates
    zero_gradient: Rate | None
    seconds: float
    gradient_rows: int
    prediction_rows: int
    final: Rates | None = None
    iterates: Rates | None = None
    outcome: Rates | None = None
    exposed: Rates | None = None
    queries: int | None = None
    discrimination_bits: DiscriminationBits | None = None


@dataclass(frozen=True)
class RepairRecord:
    """What the repair of an attack's outcome rows did.

    Args:
        final: Rates of the repaired rows.
        corrected: Of those that were not true fair, the share that became so; None of none.
    """

    final: Rates
    corrected: Rate | None


@dataclass(frozen=True)
class Group:
    """The rates of one group; a rate of nobody is None.

    Args:
        n: How many instances are in it.
        clean: Rates of the rows as they were.
        robust: Robust rates, by attack.
    """

    n: int
    clean: Mapping[str, Rate | None]
    robust: Mapping[str, Mapping[str, Rate | None]]

    def under(self, attack: str | None) -> Mapping[str, Rate | None]:
        """Robust rates under an attack; those of the rows as they were if None."""
        return self.clean if attack is None else self.robust[attack]


@dataclass(frozen=True)
class Gaps:
    """The largest gaps between the groups of a feature; None where no two could be compared."""

    clean: Mapping[str, Gap | None]
    robust: Mapping[str, Mapping[str, Gap | None]]

    def under(self, attack: str | None) -> Mapping[str, Gap | None]:
        """Gaps under an attack; those of the rows as they were if None."""
        return self.clean if attack is None else self.robust[attack]


@dataclass(frozen=True)
class Feasible:
    """What feasible perturbations leave alone: features, and by relation how many rows."""

    too_coarse: list[str]
    broken_relations: Mapping[str, int]


@dataclass(frozen=True)
class Yardstick:
    """What random draws broke of the instances that every attack left right and equal.

    Args:
        n: How many instances these are.
        broken: How many of them broke.
        seconds, gradient_rows, prediction_rows, queries: What it cost, as of attacks.
    """

    n: int
    broken: int
    seconds: float
    gradient_rows: int
    prediction_rows: int
    queries: int | None = None


@dataclass(frozen=True)
class LargestMove:
    """How far a feature may move at the largest budget.

    Args:
        by: In its own unit, of an ordinal feature in levels; None of what changes its level.
        effect: By how much the answers to some rows change at the ends of that, as the mean of the
            largest change of a class's probability; None where nobody was asked.
    """

    by: float | None
    effect: float | None = None


@dataclass(frozen=True)
class CurvePoint:
    """Robust rates at a smaller budget than the largest.

    Args:
        robust: By attack.
        groups: Groups by sensitive feature, or pair of them.
        gaps: The largest gaps between them.
    """

    robust: Mapping[str, Rates]
    groups: Mapping[str, Mapping[str, Group]]
    gaps: Mapping[str, Gaps]


@dataclass(frozen=True)
class AuditRecord:
    """The content of `audit.json`.

    Args:
        seed: That of the run; where rows were repaired later, that of the repair.
        files: The hashes of the run's other files.
        config: The options as they were told, the plan's hash, and those of a later repair.
        whole: Rates of all rows of a file; None where there is no file.
        yardstick: By kind of perturbations ("paper", "feasible"); None of runs without attacks or
            from before there was one.
        groups: Groups by sensitive feature, or pair of them; None of older runs, as `gaps` is.
        moves: How far each feature may move, those first on which most depends; None of older runs.
        curve: Robust rates by smaller budget, such as "0.02", ascending; None where there was one
            budget.
        certified: What was proven, by epsilon as in `curve`, ascending; None where nothing was
            tried, as `certificate` is, which says how.
    """

    rafair_version: str
    created: str
    command: str | None
    seed: int
    environment: Environment
    files: Mapping[str, str]
    dataset: DatasetRecord
    model: ModelRecord
    config: Told
    clean: Annotated[CleanRates, BeforeValidator(_apart)]
    attacks: Mapping[str, AttackRecord]
    repairs: Mapping[str, RepairRecord]
    warnings: list[str]
    whole: Annotated[WholeRates, BeforeValidator(_apart)] | None = None
    feasible: Feasible | None = None
    yardstick: Mapping[str, Yardstick] | None = None
    groups: Mapping[str, Mapping[str, Group]] | None = None
    gaps: Mapping[str, Gaps] | None = None
    moves: Mapping[str, LargestMove] | None = None
    curve: Mapping[str, CurvePoint] | None = None
    certified: Mapping[str, CertifiedPoint] | None = None
    certificate: CertificateRecord | None = None

    @cached_property
    def options(self) -> AuditOptions:
        """The options that it was run with; those that older versions did not know by default.

        Raises:
            InputError: If one is out of range, or missing.
            TypeError: If one is of another type.
        """
        names = AuditOptions.__dataclass_fields__.keys()
        if missing := names - OLDER - self.config.keys():
            raise InputError(f"expected 'config.{min(missing)}', found nothing")
        known = {name: value for name, value in self.config.items() if name in names}
        return AuditOptions(**known | {"attacks": tuple(self.config["attacks"])})


_read = Reader(AuditRecord)


def record_of(document: Any, path: Path | str = AUDIT) -> AuditRecord:
    """Reads the content of an `audit.json`.

    Args:
        document: The content; what is not known in it is left alone.
        path: The file, for messages.

    Raises:
        RunFolderError: If no audit writes it; says what is wrong first.
    """
    return _read(document, path)

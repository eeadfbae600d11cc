"""What `rafair data` tells of data sets, known or loaded."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from rafair.datasets.dataset_files import FileStatus, status
from rafair.datasets.info import DatasetInfo, PaperFacts, SourceFile
from rafair.datasets.loading import Dataset
from rafair.datasets.registry import DATASETS
from rafair.tabular.schema import Feature

if TYPE_CHECKING:
    from rafair.tabular.table import Table


@dataclass(frozen=True)
class FileFacts:
    """A file of a data set: where it is, what it must be, and where it comes from."""

    name: str
    place: str
    path: str | None
    url: str | None
    sha256: list[str]


@dataclass(frozen=True)
class KnownDataset:
    """A data set before any of its files is read; `features` are counts, by variant."""

    name: str
    title: str
    rows: int
    features: dict[str, int]
    sensitive: dict[str, int]
    counterparts_per_instance: int
    paper: PaperFacts | None
    files: list[FileFacts]


@dataclass(frozen=True)
class LabelFacts:
    """The label, what class 1 means, and the classes."""

    name: str
    meaning: str
    classes: list[str]


@dataclass(frozen=True)
class ClassFacts:
    """How many rows are of a class."""

    count: int
    share: float


@dataclass(frozen=True)
class LoadedDataset:
    """What is in a data set that was read; `rows` and `classes` by its parts."""

    name: str
    variant: str
    title: str
    rows: dict[str, int]
    label: LabelFacts
    classes: dict[str, dict[str, ClassFacts]]
    features: tuple[Feature, ...]
    counterparts_per_instance: int
    problems: list[str]
    licence: str
    citation: str
    source: str
    files: list[FileFacts]
    sha256: str

    def to_dict(self) -> dict[str, object]:
        """As plain values."""
        features = [feature.model_dump(mode="json") for feature in self.features]
        return asdict(self) | {"features": features}


def overview() -> list[KnownDataset]:
    """The data sets there are and where their files are; reads none of them.

    Raises:
        InputError: If `RAFAIR_DATA` names something that is not a folder.

    Example:
        >>> [known.name for known in overview()]
        ['affairs', 'adult', 'credit', 'bank', 'compas']
    """
    return [_known(info) for info in DATASETS.values()]


def _known(info: DatasetInfo) -> KnownDataset:
    return KnownDataset(
        name=info.name,
        title=info.title,
        rows=info.rows,
        features={str(variant): count for variant, count in info.features.items()},
        sensitive=dict(info.sensitive),
        counterparts_per_instance=info.counterparts,
        paper=info.paper,
        files=whereabouts(info.name),
    )


def whereabouts(name: str) -> list[FileFacts]:
    """Where each file of a data set is, what it must be, and where it comes from.

    Example:
        >>> whereabouts("affairs")[0].place
        'bundled'
    """
    sources = {file.name: file for file in DATASETS[name].files}
    return [_file(found, sources.get(found.name)) for found in status(name)]


def _file(found: FileStatus, source: SourceFile | None) -> FileFacts:
    return FileFacts(
        name=found.name,
        place=str(found.place),
        path=str(found.path) if found.path else None,
        url=source.url if source else None,
        sha256=[form.sha256 for form in source.forms] if source else [],
    )


def describe(dataset: Dataset) -> LoadedDataset:
    """What is in a loaded data set: features, domains, class balance, problems, source.

    Example:
        >>> from rafair.datasets import load_dataset
        >>> describe(load_dataset("affairs")).classes["whole"]["affair"]
        ClassFacts(count=2053, share=0.3224945020420987)
    """
    info, schema = dataset.info, dataset.table.schema
    parts = {"whole": dataset.table, "train": dataset.train, "test": dataset.test}
    return LoadedDataset(
        name=info.name,
        variant=str(dataset.variant),
        title=info.title,
        rows={part: len(table) for part, table in parts.items()},
        label=LabelFacts(schema.label, info.label, list(schema.classes)),
        classes={part: _balance(table) for part, table in parts.items()},
        features=schema.features,
        counterparts_per_instance=info.counterparts,
        problems=list(info.problems),
        licence=info.licence,
        citation=info.citation,
        source=info.source,
        files=whereabouts(info.name),
        sha256=dataset.table.sha256,
    )


def _balance(table: Table) -> dict[str, ClassFacts]:
    return {
        name: ClassFacts(
            count=int((table.labels == code).sum()), share=float((table.labels == code).mean())
        )
        for code, name in enumerate(table.schema.classes)
    }

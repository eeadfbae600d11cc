"""What `rafair data` prints, as plain lists and dictionaries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rafair.datasets.info import DatasetInfo, SourceFile
from rafair.datasets.loading import Dataset
from rafair.datasets.locating import FileStatus, status
from rafair.datasets.registry import DATASETS

if TYPE_CHECKING:
    from rafair.tabular.table import Table


def overview() -> list[dict[str, Any]]:
    """The data sets there are and where their files are; reads none of them.

    Raises:
        InputError: If `RAFAIR_DATA` names something that is not a folder.

    Example:
        >>> [entry["name"] for entry in overview()]
        ['affairs', 'adult', 'credit', 'bank', 'compas']
    """
    return [_known(info) for info in DATASETS.values()]


def _known(info: DatasetInfo) -> dict[str, Any]:
    paper = info.paper
    return {
        "name": info.name,
        "title": info.title,
        "rows": info.rows,
        "features": {str(variant): count for variant, count in info.features.items()},
        "sensitive": dict(info.sensitive),
        "counterparts_per_instance": info.counterparts,
        "paper": paper and {"rows": paper.rows, "sensitive": dict(paper.sensitive)},
        "files": whereabouts(info.name),
    }


def whereabouts(name: str) -> list[dict[str, Any]]:
    """Where each file of a data set is, what it must be, and where it comes from.

    Example:
        >>> whereabouts("affairs")[0]["place"]
        'bundled'
    """
    sources = {file.name: file for file in DATASETS[name].files}
    return [_file(found, sources.get(found.name)) for found in status(name)]


def _file(found: FileStatus, source: SourceFile | None) -> dict[str, Any]:
    return {
        "name": found.name,
        "place": str(found.place),
        "path": str(found.path) if found.path else None,
        "url": source.url if source else None,
        "sha256": [form.sha256 for form in source.forms] if source else [],
    }


def describe(dataset: Dataset) -> dict[str, Any]:
    """What is in a loaded data set: features, domains, class balance, problems, source.

    Example:
        >>> from rafair.datasets import load_dataset
        >>> describe(load_dataset("affairs"))["classes"]["whole"]["affair"]
        {'count': 2053, 'share': 0.3224945020420987}
    """
    info, schema = dataset.info, dataset.table.schema
    parts = {"whole": dataset.table, "train": dataset.train, "test": dataset.test}
    return {
        "name": info.name,
        "variant": str(dataset.variant),
        "title": info.title,
        "rows": {part: len(table) for part, table in parts.items()},
        "label": {"name": schema.label, "meaning": info.label, "classes": list(schema.classes)},
        "classes": {part: _balance(table) for part, table in parts.items()},
        "features": [feature.model_dump(mode="json") for feature in schema.features],
        "counterparts_per_instance": info.counterparts,
        "problems": list(info.problems),
        "licence": info.licence,
        "citation": info.citation,
        "source": info.source,
        "files": whereabouts(info.name),
        "sha256": dataset.table.sha256,
    }


def _balance(table: Table) -> dict[str, dict[str, float]]:
    return {
        name: {
            "count": int((table.labels == code).sum()),
            "share": float((table.labels == code).mean()),
        }
        for code, name in enumerate(table.schema.classes)
    }

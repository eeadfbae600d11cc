"""Which run another may be compared with: one of the same instances, searched alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from rafair.errors import RunFolderError
from rafair.results.audit_record import AuditRecord, ModelRecord, Told
from rafair.results.audit_result import Audit
from rafair.results.instance_outcomes import PerInstance

DATA = ("name", "variant", "features", "domains", "label", "classes", "sha256")
"""What decides which rows were audited and what their counterparts are."""

SEARCH = (
    "steps",
    "step_size",
    "epsilon",
    "loss",
    "k",
    "perturbation",
    "max_category_changes",
    "perturb_sensitive",
    "max_gradient_rows",
    "black_box",
)
"""The options that decide how hard an attack searches."""

REPAIR = ("labels", "repair")
"""Those that decide what a repair does."""

CERTIFICATE = ("perturbation", "max_category_changes", "boxes")
"""Of a certificate, what decides what is proven and how hard it is tried."""

ABSENT = {"perturbation": "paper", "max_category_changes": 1, "perturb_sensitive": False}
"""What runs that do not name an option were made with."""

LONGEST = 80
Difference = tuple[str, Any, Any]
"""What differs, as it is expected, and as it was found."""


def check_baseline(
    audit: Audit, baseline: Audit, *, repairs: bool = False, certificates: bool = False
) -> None:
    """Refuses a baseline whose rates are not of the same question.

    Args:
        audit: The run that is judged.
        baseline: The run that it is compared with; its model may be another.
        repairs: Whether repaired rates are compared, so that repairs must be alike as well.
        certificates: Likewise, whether certified rates are.

    Raises:
        RunFolderError: If data, sensitive domains, search or instances differ; says the first.
    """
    options = (*SEARCH, *REPAIR) if repairs else SEARCH
    differences = _differences(audit, baseline, options)
    if certificates:
        differences = chain(differences, _between_certificates(audit.record, baseline.record))
    for what, expected, found in differences:
        raise RunFolderError(
            f"baseline '{baseline.folder}': {what}: expected {_shown(expected)}, as in "
            f"'{audit.folder}', found {_shown(found)}"
        )


def _differences(audit: Audit, baseline: Audit, options: Sequence[str]) -> Iterator[Difference]:
    mine, theirs = audit.record, baseline.record
    for key in DATA:
        one, other = getattr(mine.dataset, key), getattr(theirs.dataset, key)
        yield from _between(f"dataset.{key}", one, other)
    for feature, other_feature in zip(
        audit.schema.features, baseline.schema.features, strict=True
    ):  # of the same names, as the encoded features are the same
        what = f"dataset.schema.{feature.name}"
        yield from _between(what, feature.model_dump(), other_feature.model_dump())
    yield from _between("dataset.relations", audit.schema.relations, baseline.schema.relations)
    for key in options:
        one = mine.config.get(key, ABSENT.get(key))
        other = theirs.config.get(key, ABSENT.get(key))
        yield from _between(f"config.{key}", one, other)
    yield from _between("model.options", *(_told(each.model) for each in (mine, theirs)))
    yield from _between_instances(audit, baseline)


def _told(model: ModelRecord) -> Told:
    """What a user said of a model: what it takes and gives, and how it decides."""
    return {name: value for name, value in vars(model.options).items() if value is not None}


def _between(what: str, one: Any, other: Any) -> Iterator[Difference]:
    """Where two values differ; of dictionaries with the same keys, which entry does."""
    if isinstance(one, dict) and isinstance(other, dict) and list(one) == list(other):
        for key in one:
            yield from _between(f"{what}.{key}", one[key], other[key])
    elif one != other:
        yield what, one, other


def _between_certificates(mine: AuditRecord, theirs: AuditRecord) -> Iterator[Difference]:
    one, other = mine.certificate, theirs.certificate
    if one is not None and other is not None:  # who lacks one is told when it is looked for
        for name in CERTIFICATE:
            yield from _between(f"certificate.{name}", getattr(one, name), getattr(other, name))


def _between_instances(audit: Audit, baseline: Audit) -> Iterator[Difference]:
    ours = PerInstance.read(audit.folder).instances
    theirs = PerInstance.read(baseline.folder).instances
    if not np.array_equal(np.sort(ours), np.sort(theirs)):
        common = len(np.intersect1d(ours, theirs))
        yield "instances", f"the {len(ours):,}", f"{len(theirs):,}, {common:,} of them the same"


def _shown(value: Any) -> str:
    """Of a dictionary, its keys: its values are told one by one where the keys agree."""
    text = ", ".join(map(str, value)) if isinstance(value, dict) else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"

"""What two audits differ in apart from their rates: data, model, options, versions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from rafair.errors import RunFolderError
from rafair.results.audit_record import AuditRecord, DatasetRecord, Told
from rafair.results.audit_result import Audit
from rafair.results.derived_rates import named
from rafair.results.run_facts import decision_in_words
from rafair.sanitize import shortened
from rafair.wording import few

SAME_QUESTION = ("instances", "seed", "bands")
"""Options that decide which rows are audited or how they are grouped, not what is asked of them."""

UNTOLD = ("attacks", "plan", "chunk_rows")
"""Attacks are told by name elsewhere; a plan's hash tells nothing; chunks decide no verdict."""

VERSIONS = ("python", "cpu", "threads", "device")
DATA = ("rows", "audited_rows", "variant", "label", "classes", "file")
CERTIFICATE = ("prover", "perturbation", "max_category_changes", "boxes", "epsilons", "n")
ALIKE_ENOUGH = ("prover", "epsilons", "n")
"""What of a certificate decides which rates there are, not what they mean."""

SEEN = {
    "the name": "name",
    "the label": "label",
    "the classes": "classes",
    "the features": "features",
    "as many rows as": "rows",
}
"""What a person sees of data, in words, and where a record has it."""

MOST_SEEN = 6
MODEL = ("name", "kind", "parameters", "sha256")


class Subject(StrEnum):
    """What a condition is one of."""

    DATA = "data"
    MODEL = "model"
    OPTIONS = "options"
    VERSIONS = "versions"


@dataclass(frozen=True)
class Condition:
    """Something that is not alike in two audits.

    Args:
        subject: What it is a part of.
        name: What it is called, such as "steps".
        first: Its value in the first audit, as in `audit.json`; None where it has none.
        second: In the second.
        another_question: Whether rates with and without it answer different questions.
    """

    subject: Subject
    name: str
    first: Any
    second: Any
    another_question: bool = False

    def to_dict(self) -> dict[str, object]:
        """As plain values."""
        return asdict(self) | {"subject": str(self.subject)}


def check_same_data(first: Audit, second: Audit) -> None:
    """Refuses to compare audits of different rows.

    Raises:
        RunFolderError: If the data sets differ in name or sha256.
    """
    one, other = (_rows_of(audit) for audit in (first, second))
    if one == other:
        return
    # what a person can see tells more than two hashes
    for what, name in SEEN.items():
        before, after = (getattr(audit.record.dataset, name) for audit in (first, second))
        if before != after:
            one, other = (f"{what} {_few(value)}" for value in (before, after))
            break
    raise RunFolderError(
        f"'{second.folder}': expected an audit of the data of '{first.folder}', with {one}; found "
        f"{other}"
    )


def _few(value: object) -> str:
    if not isinstance(value, list | tuple):
        return f"{value:,}" if isinstance(value, int) else f"'{value}'"
    return few([f"'{shortened(str(one))}'" for one in value], MOST_SEEN)


def conditions(first: AuditRecord, second: AuditRecord) -> list[Condition]:
    """Everything that differs between two audits of the same rows but rates and cost.

    Args:
        first: One audit.
        second: The other.

    Example:
        >>> import rafair
        >>> table = rafair.load_dataset("affairs").test
        >>> model = lambda rows: rows[:, :2]
        >>> one, other = (
        ...     rafair.audit(model, table, attacks=(), instances=50, k=k) for k in (0.0, 2.0)
        ... )
        >>> [(c.name, c.first, c.second) for c in conditions(one.record, other.record)]
        [('k', 0.0, 2.0)]
    """
    asked = [*_options(first, second), *_certificates(first, second)]
    return [*_data(first, second), *_model(first, second), *asked] + [
        Condition(Subject.VERSIONS, name, one, other)
        for name, one, other in _unlike(_versions(first), _versions(second))
    ]


def _data(first: AuditRecord, second: AuditRecord) -> Iterator[Condition]:
    one, other = first.dataset, second.dataset
    for name, before, after in _unlike(named(one, DATA), named(other, DATA)):
        yield Condition(Subject.DATA, name, before, after)
    for name, before, after in _unlike(_promises(one), _promises(other)):
        yield Condition(Subject.DATA, name, before, after, another_question=True)


def _model(first: AuditRecord, second: AuditRecord) -> Iterator[Condition]:
    one, other = first.model, second.model
    for name, before, after in _unlike(named(one, MODEL), named(other, MODEL)):
        yield Condition(Subject.MODEL, name, before, after)
    if one.decision is None or other.decision is None:
        return  # what older runs do not tell is no difference
    decisions = ((one.decision, one.input), (other.decision, other.input))
    words = [decision_in_words(*decision) for decision in decisions]
    orders = [", ".join(decision.classes) for decision, _ in decisions]
    for name, (before, after) in (("decision", words), ("order of outputs", orders)):
        if before != after:
            yield Condition(Subject.MODEL, name, before, after, another_question=True)


def _options(first: AuditRecord, second: AuditRecord) -> Iterator[Condition]:
    for name, before, after in _unlike(first.config, second.config):
        if name not in UNTOLD:
            # without labels nothing is repaired, so there is no rate that could depend on them
            no_matter = name in SAME_QUESTION or (name == "labels" and None in (before, after))
            yield Condition(Subject.OPTIONS, name, before, after, not no_matter)


def _certificates(first: AuditRecord, second: AuditRecord) -> Iterator[Condition]:
    one, other = first.certificate, second.certificate
    if one is None or other is None:
        before, after = (None if each is None else each.prover for each in (one, other))
        if before != after:
            yield Condition(Subject.OPTIONS, "certificate", before, after)
        return
    for name, before, after in _unlike(named(one, CERTIFICATE), named(other, CERTIFICATE)):
        alike = name in ALIKE_ENOUGH
        yield Condition(Subject.OPTIONS, f"certificate {name}", before, after, not alike)


def _versions(record: AuditRecord) -> Told:
    environment = record.environment
    found = {"rafair": record.rafair_version, **named(environment, VERSIONS)}
    return found | dict(environment.packages)


def _promises(dataset: DatasetRecord) -> Told:
    """What the schema says of each feature, and its relations, by name."""
    schema = dataset.schema.model_dump(mode="json")
    found = {
        f"{feature['name']}: {key}": value
        for feature in schema["features"]
        for key, value in feature.items()
        if key != "name"
    }
    return found | {"relations": schema["relations"]}


def _unlike(one: Told, other: Told) -> Iterator[tuple[str, Any, Any]]:
    for key in dict.fromkeys([*one, *other]):
        if one.get(key) != other.get(key):
            yield key, one.get(key), other.get(key)


def _rows_of(audit: Audit) -> str:
    data = audit.record.dataset
    return f"sha256 {data.sha256}"

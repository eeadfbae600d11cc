"""What can be done now about what an audit found, each with the command that does it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from rafair.results.audit_record import AuditRecord
from rafair.results.headline_attacks import ACCURATE_FAIRNESS, most_telling
from rafair.results.options_named_again import (
    OF_DATA,
    OF_MODEL,
    OF_READING,
    SAVED,
    given_options,
    named_again,
)

RUN = "RUN"
"""Stands for the run's folder: a report is the same wherever the folder is moved to."""
PROVABLE = (SAVED, "xgboost", "lightgbm")
"""Kinds of models of which something can be proven whatever they hold."""

Step = tuple[str, str]
"""What it does, and the command."""


def next_steps(record: AuditRecord, policy: str | None = None) -> list[Step]:
    """A few things to do, those that follow from the figures first.

    Args:
        record: The audit.
        policy: The file of the policy that the run is held against, if there is one.
    """
    return list(_steps(record, policy))


def _steps(record: AuditRecord, policy: str | None) -> Iterator[Step]:
    attack = most_telling(record)
    found = record.attacks[attack].robust if attack else record.clean.rates
    broken = found[ACCURATE_FAIRNESS].count < record.clean.n
    if attack and broken:
        yield "See every case and what was changed in it", f"rafair report {RUN} --format csv"
    if not attack and (again := named_again(record)) is not None:
        yield "Try what happens once data change", f"rafair attack {RUN}{again}"
    if broken and (model := _hardened(record)) is not None:
        yield "Train or wrap a model that holds better, and compare", f"rafair harden{model}"
    if record.model.kind in PROVABLE and not record.certified:
        told = f"rafair certify {RUN}{named_again(record)}"
        yield "Prove for whom no change within the limit matters", told
    rules = "policy.toml" if policy is None else shlex.quote(policy)
    if policy is None:
        yield "Write down the limits that a release must keep", f"rafair gate --init > {rules}"
    yield "Stop a release that misses them", f"rafair gate {RUN} --policy {rules}"
    if (again := named_again(record)) is not None:
        yield "Watch the model where it decides", f"rafair monitor init {RUN}{again}"


def _hardened(record: AuditRecord) -> str | None:
    """Which model on which data is to be hardened, and how; None if unknown."""
    if record.model.kind == SAVED and record.dataset.file is None:
        return f" --model {RUN}"
    given = given_options(record, (*OF_DATA, *OF_READING, *OF_MODEL))
    if "--model " not in given:
        return None
    return f"{given} --method consensus"

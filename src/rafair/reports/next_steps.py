"""What can be done now about what an audit found, each with the command that does it."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator
from pathlib import Path

from rafair.reports.repeating import IN_PYTHON
from rafair.results.leading import ACCURATE_FAIRNESS, most_telling
from rafair.results.record import AuditRecord

SAVED = "rafair"
"""The kind of a model that lies in the run's folder."""
PROVABLE = (SAVED, "xgboost", "lightgbm")
"""Kinds of models of which something can be proven whatever they hold."""

ALONE = ("--trust-pickle", "--trust-torchscript")
"""Options without a value."""
OF_DATA = ("--data", "--dataset", "--variant", "--schema", "--label", "--sensitive", "--immutable")
OF_READING = ("--separator", "--decimal", "--thousands", "--encoding", "--sheet")
OF_MODEL = (
    *("--model", "--weights", "--model-input", "--model-output", "--threshold"),
    *("--model-classes", "--trust", *ALONE, "--original", "--protocol", "--token-env"),
)

Step = tuple[str, str]
"""What it does, and the command."""


def next_steps(record: AuditRecord, folder: Path, policy: str | None = None) -> list[Step]:
    """A few things to do, those that follow from the figures first.

    Args:
        record: The audit.
        folder: Its run folder.
        policy: The file of the policy that the run is held against, if there is one.
    """
    return list(_steps(record, shlex.quote(str(folder)), policy))


def _steps(record: AuditRecord, run: str, policy: str | None) -> Iterator[Step]:
    attack = most_telling(record)
    found = record.attacks[attack].robust if attack else record.clean.rates
    broken = found[ACCURATE_FAIRNESS].count < record.clean.n
    if attack and broken:
        yield "See every case and what was changed in it", f"rafair report {run} --format csv"
    if not attack and (again := _named_again(record)) is not None:
        yield "Try what happens once data change", f"rafair attack {run}{again}"
    if broken and (model := _hardened(record, run)) is not None:
        yield "Train or wrap a model that holds better, and compare", f"rafair harden{model}"
    if record.model.kind in PROVABLE and not record.certified:
        told = f"rafair certify {run}{_named_again(record)}"
        yield "Prove for whom no change within the limit matters", told
    rules = "policy.toml" if policy is None else shlex.quote(policy)
    if policy is None:
        yield "Write down the limits that a release must keep", f"rafair gate --init > {rules}"
    yield "Stop a release that misses them", f"rafair gate {run} --policy {rules}"
    if (again := _named_again(record)) is not None:
        yield "Watch the model where it decides", f"rafair monitor init {run}{again}"


def _named_again(record: AuditRecord) -> str | None:
    """What names the model and the table again that the folder does not hold; None if unknown."""
    if record.model.kind == SAVED and record.dataset.file is None:
        return ""
    given = _given(record, ("--data", *OF_MODEL))
    return given or None


def _hardened(record: AuditRecord, run: str) -> str | None:
    """Which model on which data is to be hardened, and how; None if unknown."""
    if record.model.kind == SAVED and record.dataset.file is None:
        return f" --model {run}"
    given = _given(record, (*OF_DATA, *OF_READING, *OF_MODEL))
    if "--model " not in given:
        return None
    return f"{given} --method consensus"


def _given(record: AuditRecord, wanted: Collection[str]) -> str:
    """Those of the options that the run's command had, as they were given."""
    if not record.command or record.command == IN_PYTHON:
        return ""
    words, kept = shlex.split(record.command), []
    for place, word in enumerate(words):
        name = word.partition("=")[0]
        if name in wanted:
            alone = "=" in word or name in ALONE
            kept += words[place : place + (1 if alone else 2)]
    return "".join(f" {shlex.quote(word)}" for word in kept)

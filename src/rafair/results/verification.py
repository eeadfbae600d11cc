"""Finished runs whose figures follow from their files; anything else is refused."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.attacks.registry import WITNESSES
from rafair.certify.property_status import Property
from rafair.engine.parquet_size import check_size
from rafair.engine.run_folder import HARDENING, PLAN, partial_of
from rafair.errors import InputError, RafairError, RunFolderError, UnfinishedRunError
from rafair.metrics.verdict_rates import confusion_of_counts
from rafair.results.attack_runs import runs_of, unions_among
from rafair.results.audit_options import AuditOptions
from rafair.results.audit_result import Audit
from rafair.results.certificate_verification import certificates_compared
from rafair.results.derived_rates import plain, rates_document
from rafair.results.epsilon_curve import curve_document
from rafair.results.file_consistency import (
    VERDICT_COLUMNS,
    batches,
    check_clean_rows,
    check_columns,
    check_rows,
)
from rafair.results.instance_outcomes import PerInstance
from rafair.results.parquet_columns import columns_of, numbers
from rafair.results.rates_by_group import derived_groups
from rafair.results.run_files import (
    ADVERSARIAL,
    AUDIT,
    CERTIFICATES,
    CLEAN,
    CURVE,
    REPAIRED,
    VERDICTS,
)
from rafair.results.stored_verdicts import Verdicts, read_verdicts
from rafair.sanitize import visible
from rafair.verdicts import Verdict, verdicts

SECTIONS = ("clean", "attacks", "repairs")
BY_GROUP = ("groups", "gaps")
COUNTERS = ("seconds", "gradient_rows", "prediction_rows", "queries")
ROUNDING = 1e-9
"""How much an interval may differ where another version of scipy computed it."""

LONGEST = 80


def finished_run(folder: str | Path) -> Audit:
    """Reads a run folder that holds a finished audit.

    Raises:
        RunFolderError: If there is no run, or it was written by another schema version.
        UnfinishedRunError: If the audit was not carried to its end.
    """
    folder = Path(folder)
    beside = [partial_of(folder)] if folder.name else []  # "." and "/" have no name to add to
    for place in (folder, *beside):
        if (place / PLAN).is_file() and not (folder / AUDIT).is_file():
            raise UnfinishedRunError(
                f"'{place}': expected a finished audit, found one that is not; the command that "
                "began it carries it on"
            )
    if (folder / HARDENING).is_file():
        raise RunFolderError(
            f"'{folder}': expected the run folder of an audit, found that of a hardening; `rafair "
            f"audit --model` audits the networks in it"
        )
    return Audit.unchecked(folder)


def verified_run(folder: str | Path) -> Audit:
    """Reads a finished run, and derives its rates again from its files.

    What is derived again: `clean`, `attacks`, `repairs`, `whole`, `groups` and `gaps` (which older
    runs do not have) and `certified`, with every count and interval; every file's hash; and every
    verdict, from the label and the predictions beside it. What cannot be (counters of cost and
    time, the model's accuracy on rows that are not stored) is compared by the digest of the whole
    document.

    Raises:
        RunFolderError: If there is no run, a file is missing or altered, or a figure of
            `audit.json` does not follow from the files; names the first.
        UnfinishedRunError: If the audit was not carried to its end.
    """
    audit = finished_run(folder)
    try:
        with understanding(audit.folder / AUDIT):
            _check_files(audit)
            _check_agreement(audit)
            for path, said, found in _differences(audit):
                raise _edited(audit, path, _shown(said), _shown(found))
            audit.check_document()
    except RunFolderError:
        raise
    except InputError as error:  # an option or a schema that no audit writes
        raise RunFolderError(f"'{audit.folder / AUDIT}': {error}") from error
    return audit


@contextmanager
def understanding(path: Path) -> Iterator[None]:
    """Turns whatever comes of a document that no audit writes into one line about the file.

    Raises:
        RunFolderError: If the block stumbles over a value in it.
    """
    try:
        yield
    except RafairError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        reason = (str(error).splitlines() or [""])[0][:LONGEST]
        raise RunFolderError(
            f"'{path}': edited: expected what an audit writes, found something else "
            f"({type(error).__name__}: {visible(reason)})"
        ) from error


def _edited(audit: Audit, path: str, said: str, found: str) -> RunFolderError:
    return RunFolderError(
        f"'{audit.folder / AUDIT}': edited: {path} says {said}, its files give {found}"
    )


def _check_files(audit: Audit) -> None:
    """Refuses files without a hash, those of another hash, and those that are missing."""
    record = audit.record
    wanted = {ADVERSARIAL}
    wanted |= {REPAIRED} if record.repairs else set()
    wanted |= {VERDICTS} if record.whole else set()
    wanted |= {CURVE} if record.curve else set()
    wanted |= {CERTIFICATES} if record.certified else set()
    there = {name for name in (REPAIRED, VERDICTS, CURVE) if (audit.folder / name).exists()}
    for name in sorted(wanted | there):
        if name not in record.files:
            raise RunFolderError(
                f"'{audit.folder / AUDIT}': edited: files: expected the hash of {name}, found none"
            )
    for name in record.files:
        if Path(name).name != name:
            raise RunFolderError(f"'{audit.folder / AUDIT}': files: expected names, got '{name}'")
        audit.check_file(name)
    for name, rows in _expected_rows(audit).items():
        try:
            check_size(audit.folder / name, rows)
        except (OSError, ValueError) as error:
            raise RunFolderError(f"'{audit.folder / name}': {error}") from error


def _expected_rows(audit: Audit) -> dict[str, int]:
    """How many rows each Parquet file of a run must have, by what `audit.json` says of it."""
    record, config = audit.record, audit.options
    instances, attacks = record.clean.n, runs_of(config)[0]
    moments = (config.steps + 1) * len(attacks) if attacks else 1
    rows = {ADVERSARIAL: instances * moments}
    if CURVE in record.files:
        rows[CURVE] = instances * (1 + WITNESSES) * len(attacks) * len(config.smaller)
    if VERDICTS in record.files and record.whole:
        rows[VERDICTS] = record.whole.rows
    if CERTIFICATES in record.files and record.certificate:
        of_each = len(record.certificate.epsilons) * len(Property)
        rows[CERTIFICATES] = record.certificate.n * of_each
    return rows


def _check_agreement(audit: Audit) -> None:
    """Refuses Parquet files whose columns contradict each other, or that are not of one audit."""
    for name in (ADVERSARIAL, REPAIRED, CURVE):
        if name in audit.record.files:
            row = 0
            for table in batches(audit.folder / name, VERDICT_COLUMNS):
                check_columns(table, audit.folder / name, row)
                row += len(table)
    instances, labels, moments = check_rows(audit.folder / ADVERSARIAL, stepwise=True)
    check_clean_rows(audit.folder / ADVERSARIAL)
    config = audit.options
    steps = config.steps if runs_of(config)[0] else 0
    if moments[0] != steps + 1:
        raise _edited(audit, "config.steps", f"{config.steps}", f"{moments[0] - 1}")
    if CURVE in audit.record.files:
        _check_curve(audit, instances, labels)
    if REPAIRED in audit.record.files:
        found = check_rows(audit.folder / REPAIRED, stepwise=False)
        if not (np.array_equal(found[0], instances) and np.array_equal(found[1], labels)):
            raise RunFolderError(
                f"'{audit.folder / REPAIRED}': expected the instances and labels of "
                f"{ADVERSARIAL}, found others"
            )


def _check_curve(audit: Audit, *expected: NDArray[np.int64]) -> None:
    """Refuses smaller budgets of other instances, labels or clean verdicts."""
    path, smaller = audit.folder / CURVE, audit.options.smaller
    told = numbers(columns_of(path, ["epsilon"])["epsilon"])
    if tuple(np.unique(told)) != smaller:
        there = ", ".join(f"{one:g}" for one in np.unique(told))
        raise _edited(audit, "config.epsilons", f"{list(smaller)} below the largest", there)
    for epsilon in smaller:
        found = check_rows(path, stepwise=True, epsilon=epsilon)
        if not np.array_equal(found[:2], expected):
            raise RunFolderError(
                f"'{path}': epsilon {epsilon:g}: expected the instances and labels of "
                f"{ADVERSARIAL}, found others"
            )
    check_clean_rows(path)


def _differences(audit: Audit) -> Iterator[tuple[str, Any, Any]]:
    gathered = read_verdicts(audit.folder)
    config = audit.options
    yield from _of_attacks(config, {*gathered.attacked} - {CLEAN})
    unions = unions_among(gathered.attacked, config)
    # where repairs were made later, what the attacks found was told under their own seed
    derived = plain(rates_document(gathered, unions, config.seed))
    for section in SECTIONS:
        yield from _compared(section, audit.document[section], derived[section])
    older = "bands" not in audit.record.config
    if not older or any(section in audit.document for section in BY_GROUP):
        by_group = plain(
            derived_groups(audit.record, PerInstance(gathered), audit.folder)._asdict()
        )
        for section in BY_GROUP:
            # a group may have any name, that of a counter too
            yield from _compared(section, audit.document.get(section), by_group[section], ())
    if gathered.curve or audit.record.curve:
        yield from _curves_compared(audit, gathered)
    if VERDICTS in audit.record.files:
        whole = _whole(audit.folder / VERDICTS)
        yield from _compared("whole", audit.document.get("whole"), whole)
    if audit.record.certified or CERTIFICATES in audit.record.files:
        for path, said, found in certificates_compared(audit, gathered):
            yield from _compared(path, said, found)


def _curves_compared(audit: Audit, gathered: Verdicts) -> Iterator[tuple[str, Any, Any]]:
    record = audit.record
    bands = record.config["bands"]
    derived = plain(
        curve_document(gathered, audit.folder, record.dataset.schema, bands, record.attacks)
    )
    said = audit.document.get("curve") or {}
    if [*said] != [*derived]:
        yield "curve", ", ".join(said) or "nothing", ", ".join(derived) or "nothing"
        return
    for key, point in derived.items():
        for section in ("robust", *BY_GROUP):
            # a group may have any name, that of a counter too
            where = f"curve.{key}.{section}"
            yield from _compared(where, said[key].get(section), point[section], ())


def _of_attacks(config: AuditOptions, found: set[str]) -> Iterator[tuple[str, Any, Any]]:
    """Whether the attacks that were asked for are those of which there are rows."""
    asked = runs_of(config)[0]
    if set(asked) != found:
        yield "config.attacks", ", ".join(asked) or "none", ", ".join(sorted(found)) or "none"


def _whole(path: Path) -> dict[str, object]:
    """The section `whole`, counted in `verdicts.parquet`."""
    cells = np.zeros(len(Verdict), np.int64)
    row = 0
    for table in batches(path, VERDICT_COLUMNS):
        check_columns(table, path, row)
        codes = verdicts(numbers(table["accurate"]), numbers(table["fair"]))
        cells += np.bincount(codes, minlength=len(Verdict))
        row += len(table)
    found: dict[str, object] = plain({"rows": row, **confusion_of_counts(cells)})
    return found


def _compared(
    path: str, said: Any, found: Any, left_out: Collection[str] = COUNTERS
) -> Iterator[tuple[str, Any, Any]]:
    """Where two values differ, but for keys that are left out."""
    if not (isinstance(said, Mapping) and isinstance(found, Mapping)):
        if not _same(said, found):
            yield path, said, found
        return
    for key in dict.fromkeys([*said, *found]):
        if key not in left_out:
            where = f"{path}.{visible(key)}"
            yield from _compared(where, said.get(key), found.get(key), left_out)


def _same(said: Any, found: Any) -> bool:
    if isinstance(said, float) and isinstance(found, float):
        return math.isclose(said, found, rel_tol=ROUNDING, abs_tol=ROUNDING)
    return type(said) is type(found) and bool(said == found)


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return f"{value['value']}" if "value" in value else "a section"
    text = visible(f"{value}")
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"

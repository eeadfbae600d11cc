"""Whether what a run says is proven follows from its files, and none of its attacks refutes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from rafair.certify.property_status import Property, Standing
from rafair.errors import RunFolderError
from rafair.metrics.verdict_rates import accurate, fair
from rafair.results.attack_runs import FEASIBLE
from rafair.results.audit_options import AuditOptions
from rafair.results.audit_result import Audit
from rafair.results.certificate_file import NAMES, Certificates, read_certificates
from rafair.results.derived_rates import plain
from rafair.results.run_files import CERTIFICATES, CLEAN
from rafair.results.stored_verdicts import Verdicts
from rafair.sanitize import visible

Codes = NDArray[np.int8]


def certificates_compared(audit: Audit, gathered: Verdicts) -> Iterator[tuple[str, object, object]]:
    """What `audit.json` says is proven, and what its file gives.

    Args:
        audit: A run with certificates.
        gathered: The verdicts of its other files.

    Returns:
        For each rate where it stands, what is said, and what follows; nothing is compared here.

    Raises:
        RunFolderError: If the file contradicts itself, or what the run's other files hold.
    """
    record, path = audit.record, audit.folder / CERTIFICATES
    found = read_certificates(path)
    if record.certificate is None:
        yield "certificate", None, "a section"
        return
    yield "certificate.epsilons", list(record.certificate.epsilons), list(found.epsilons)
    yield "certificate.n", record.certificate.n, len(found.instances)
    yield "certified", audit.document.get("certified"), plain(found.document())
    _check_against(audit, found, gathered)


def broken_at(
    gathered: Verdicts, options: AuditOptions, perturbation: str, epsilon: float
) -> dict[str, NDArray[np.bool_]]:
    """By property, which instances attacks under these perturbations broke up to an epsilon.

    Those that were broken as they came count as well; each of shape `(n,)`.

    Args:
        gathered: The verdicts of a run.
        options: Its options.
        perturbation: "paper" or "feasible".
        epsilon: The budget.
    """
    clean = next(iter(gathered.attacked.values()))[:, :1]
    codes = [clean]
    budgets: list[tuple[float, Mapping[str, Codes]]] = list(gathered.curve.items())
    if not isinstance(options.reach, Mapping):
        budgets.append((float(options.reach), gathered.attacked))
    for budget, attacks in budgets:
        if budget <= epsilon:
            codes += [some for name, some in attacks.items() if kind(name, options) == perturbation]
    pooled = np.concatenate(codes, axis=1)
    wrong: NDArray[np.bool_] = np.logical_not(np.all(accurate(pooled), axis=1))
    unfair: NDArray[np.bool_] = np.logical_not(np.all(fair(pooled), axis=1))
    return {
        Property.ACCURATE_FAIRNESS: wrong | unfair,
        Property.INDIVIDUAL_FAIRNESS: unfair,
        Property.ACCURACY: wrong,
    }


def kind(attack: str, options: AuditOptions) -> str:
    """Under which perturbations an attack was run; of clean rows neither."""
    if attack == CLEAN:
        return CLEAN
    if attack.startswith(FEASIBLE):
        return "feasible"
    return "paper" if options.perturbation == "both" else str(options.perturbation)


def _check_against(audit: Audit, found: Certificates, gathered: Verdicts) -> None:
    """Refuses what is said to be certified, and was broken; and clean rows that were, and stand."""
    assert audit.record.certificate is not None  # the caller looked
    path, options = audit.folder / CERTIFICATES, audit.options
    place = {int(name): number for number, name in enumerate(gathered.instances)}
    if unknown := [int(one) for one in found.instances if int(one) not in place]:
        raise RunFolderError(
            f"'{path}': instance {unknown[0]}: expected one of the run's, found another"
        )
    rows = np.array([place[int(one)] for one in found.instances], np.int64)
    as_they_came = broken_at(gathered, options, CLEAN, 0)
    for number, epsilon in enumerate(found.epsilons):
        perturbation = audit.record.certificate.perturbation
        broken = broken_at(gathered, options, perturbation, epsilon)
        for column, name in enumerate(NAMES):
            verdicts = found.verdicts[:, number, column]
            lost = broken[name][rows] & (verdicts == Standing.CERTIFIED)
            _refuse(lost, found, epsilon, f"{name} is certified, an attack broke it", str(path))
            kept = as_they_came[name][rows] & (verdicts != Standing.REFUTED)
            said = f"{visible(name)} is not refuted, the row as it came breaks it"
            _refuse(kept, found, epsilon, said, str(path))


def _refuse(
    wrong: NDArray[np.bool_], found: Certificates, epsilon: float, said: str, path: str
) -> None:
    if wrong.any():
        instance = found.instances[int(wrong.argmax())]
        raise RunFolderError(f"'{path}': instance {instance}, epsilon {epsilon:g}: {said}")

"""Whether each audited instance has a property: what every rate counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rafair.certify.property_status import Standing
from rafair.metrics import verdict_rates
from rafair.results.attack_runs import is_union, keeps_witnesses, members_of, sought_by
from rafair.results.certificate_file import NAMES, Certificates, read_certificates
from rafair.results.rate_names import PROVEN, RateName
from rafair.results.run_files import CERTIFICATES
from rafair.results.stored_verdicts import Verdicts, read_verdicts
from rafair.verdicts import Verdict, outcome_step

Codes = NDArray[np.int8]
Shares = NDArray[np.float64]


class PerInstance:
    """The audited instances, and for each rate whether they have what it counts.

    Args:
        gathered: The verdicts stored in the run folder.
        certificates: What was proven of the instances, or of some of them; None where nothing was.

    Example:
        >>> import rafair
        >>> table = rafair.load_dataset("affairs").test
        >>> audit = rafair.audit(lambda rows: rows[:, :2], table, attacks=(), instances=50)
        >>> each = PerInstance.read(audit.folder)
        >>> accurate = each.holds(RateName("clean", "accuracy"))
        >>> int(accurate.sum()) == audit.record.clean.rates["accuracy"].count
        True
    """

    def __init__(self, gathered: Verdicts, certificates: Certificates | None = None) -> None:
        self._gathered, self._certificates = gathered, certificates

    @classmethod
    def read(cls, folder: Path) -> PerInstance:
        """Of a finished run folder."""
        path = folder / CERTIFICATES
        return cls(read_verdicts(folder), read_certificates(path) if path.exists() else None)

    @property
    def instances(self) -> NDArray[np.int64]:
        """The audited rows, in the order of `holds`; shape `(n,)`."""
        return self._gathered.instances

    @property
    def attacks(self) -> list[str]:
        """The single attacks whose rows are stored; "clean" alone where there are none."""
        return list(self._gathered.attacked)

    def at(self, epsilon: float) -> PerInstance:
        """Of a smaller budget: robust rates alone are known there."""
        return PerInstance(self._gathered.at(epsilon))

    def pooled(self, attack: str) -> Codes:
        """The clean row's verdict, and all that a robust rate counts; shape `(n, m)`."""
        return self._gathered.pooled(attack)

    def holds(self, name: RateName) -> Shares | None:
        """1 where an instance has the property, 0 where not, NaN where it is not counted.

        Of "iterates" it is the share of the instance's steps. The mean over those that are counted
        is the rate's value.

        Args:
            name: The rate; not of "whole" or "model", which count other rows.

        Returns:
            Shape `(n,)`; None where the audit did not look for it.
        """
        if name.kind in PROVEN:
            return self._proven(name)
        if name.epsilon is not None:
            return self.at(name.epsilon).holds(replace(name, epsilon=None))
        if name.kind == "clean":
            first = next(iter(self._gathered.attacked.values()))
            return _metric(first[:, 0], name.metric)
        attack = name.attack or ""
        if name.kind in ("repaired", "corrected"):
            return self._repaired(name.kind, name.metric, attack)
        if name.kind == "zero_gradient":
            zero = self._gathered.zero_gradient[members_of(attack)[0]]
            return zero.astype(np.float64) if len(zero) else None
        return self._attacked(name.kind, name.metric, attack)

    def _proven(self, name: RateName) -> Shares | None:
        """NaN of instances that the certificate does not speak of."""
        found, epsilon = self._certificates, name.epsilon
        if found is None or epsilon not in found.epsilons:
            return None
        verdicts = found.verdicts[:, found.epsilons.index(epsilon), NAMES.index(name.metric)]
        certified = name.kind == "certified"
        has = verdicts == Standing.CERTIFIED if certified else verdicts != Standing.REFUTED
        known = dict(zip(found.instances.tolist(), has.astype(float).tolist(), strict=True))
        return np.array([known.get(one, np.nan) for one in self.instances.tolist()])

    def _attacked(self, kind: str, metric: str, attack: str) -> Shares | None:
        if kind == "robust":
            robust: Shares = _metric(self.pooled(attack), metric).min(axis=1)
            return robust
        if keeps_witnesses(attack):
            return None
        pooled = self._gathered.iterates(attack)
        if kind == "exposed":
            exposed: Shares = _metric(pooled[:, 1:], metric).max(axis=1)
            return exposed
        if kind == "outcome":
            return _of_union(self._outcomes(attack), metric)
        if is_union(attack):
            return None
        if kind == "final":
            return _metric(pooled[:, -1], metric)
        if kind == "iterates":
            shares: Shares = _metric(pooled[:, 1:], metric).mean(axis=1)
            return shares
        return None

    def _repaired(self, kind: str, metric: str, attack: str) -> Shares | None:
        after = self._gathered.repaired.get(attack)
        if after is None:
            return None
        if kind == "repaired":
            return _metric(after, metric)
        before = verdict_rates.union_cells(self._outcomes(attack))
        mended = (after == Verdict.TRUE_FAIR).astype(np.float64)
        return np.where(before == Verdict.TRUE_FAIR, np.nan, mended)

    def _outcomes(self, attack: str) -> list[Codes]:
        found = []
        for member in members_of(attack):
            codes = self._gathered.attacked[member]
            step = outcome_step(codes, sought_by(member))
            found.append(codes[np.arange(len(codes)), step])
        return found


def _metric(codes: Codes, metric: str) -> Shares:
    """1 where a verdict counts for a metric, else 0; of the shape of the codes."""
    if metric == "accuracy":
        counts = verdict_rates.accurate(codes)
    elif metric == "individual_fairness":
        counts = verdict_rates.fair(codes)
    elif metric == "accurate_fairness":
        counts = codes == Verdict.TRUE_FAIR
    else:
        counts = codes == Verdict.named(metric)
    return counts.astype(np.float64)


def _of_union(outcomes: Sequence[Codes], metric: str) -> Shares:
    """An instance counts as accurate (fair) if every attack's outcome is."""
    if metric not in ("accuracy", "individual_fairness"):
        return _metric(verdict_rates.union_cells(outcomes), metric)
    each: Shares = np.min([_metric(codes, metric) for codes in outcomes], axis=0)
    return each

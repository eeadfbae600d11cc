"""The cells that people went through: as they were, perturbed, and repaired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafair.metrics import verdict_rates
from rafair.results.audit_record import AuditRecord
from rafair.results.headline_attacks import most_telling
from rafair.results.stored_verdicts import Verdicts
from rafair.verdicts import Verdict, verdicts

AS_THEY_WERE, PERTURBED, REPAIRED = "as they were", "perturbed", "rows repaired"

Path = tuple[Verdict, ...]
"""The cell of a person at each stage."""


@dataclass(frozen=True)
class Flows:
    """How many people went which way through the fairness confusion matrix, each person once.

    Perturbed, a person is right only if every row that the attack tried was right, the row as it
    was among them, and fair only if every one was fair: cells add up to the robust rates. So nobody
    is better off perturbed than before, and who is true fair there is robustly so.

    Args:
        stages: "as they were", "perturbed", "rows repaired": the first of these that there are.
        counts: By path, a cell for each stage, how many people took it; none of nobody.
        attack: The attack that led; None where nothing was attacked.
    """

    stages: Sequence[str]
    counts: Mapping[Path, int]
    attack: str | None

    @property
    def n(self) -> int:
        """How many people there are."""
        return sum(self.counts.values())

    def at(self, stage: int) -> dict[Verdict, int]:
        """How many people are in each cell at a stage.

        Example:
            >>> cells = Verdict.TRUE_FAIR, Verdict.FALSE_BIASED
            >>> Flows(["as they were", "perturbed"], {cells: 3}, "pgd").at(1)[Verdict.FALSE_BIASED]
            3
        """
        return {
            cell: sum(count for path, count in self.counts.items() if path[stage] == cell)
            for cell in Verdict
        }

    def between(self, stage: int) -> dict[tuple[Verdict, Verdict], int]:
        """How many people went from which cell to which after a stage; only where somebody did."""
        found: dict[tuple[Verdict, Verdict], int] = {}
        for path, count in sorted(self.counts.items()):
            pair = path[stage], path[stage + 1]
            found[pair] = found.get(pair, 0) + count
        return dict(sorted(found.items()))


def flows_of(record: AuditRecord, gathered: Verdicts) -> Flows:
    """Counts the ways of all audited people under the attack that leads, at the largest budget.

    Args:
        record: The audit.
        gathered: The verdicts of its Parquet files.

    Example:
        >>> import rafair
        >>> from rafair.results.stored_verdicts import read_verdicts
        >>> table = rafair.load_dataset("affairs").test
        >>> audit = rafair.audit(lambda rows: rows[:, :2], table, attacks=(), instances=50)
        >>> flows = flows_of(audit.record, read_verdicts(audit.folder))
        >>> flows.stages, flows.n
        (['as they were'], 50)
    """
    attack = most_telling(record)
    first = next(iter(gathered.attacked.values()))[:, 0]
    stages, cells = [AS_THEY_WERE], [first]
    if attack is not None:
        stages.append(PERTURBED)
        cells.append(_worst(gathered.pooled(attack)))
        if attack in gathered.repaired:
            stages.append(REPAIRED)
            cells.append(gathered.repaired[attack])
    paths, counts = np.unique(np.stack(cells, axis=1), axis=0, return_counts=True)
    counted = {
        tuple(Verdict(code) for code in path): count
        for path, count in zip(paths.tolist(), counts.tolist(), strict=True)
    }
    return Flows(stages, counted, attack)


def _worst(codes: NDArray[np.int8]) -> NDArray[np.int8]:
    """The cell of whoever is right (fair) only where all rows are; shape `(n,)`."""
    right, alike = verdict_rates.accurate(codes), verdict_rates.fair(codes)
    return verdicts(np.logical_and.reduce(right, axis=1), np.logical_and.reduce(alike, axis=1))

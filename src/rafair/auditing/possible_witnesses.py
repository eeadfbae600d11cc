"""Rows of a run's attacks that may refute a certificate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rafair.certify.prover_interface import Indices
from rafair.models.classifier import Rows
from rafair.results.audit_options import AuditOptions
from rafair.results.certificate_verification import kind
from rafair.results.file_consistency import batches
from rafair.results.parquet_columns import distinct, numbers
from rafair.results.run_files import ADVERSARIAL, CURVE


@dataclass(frozen=True)
class Suspects:
    """Rows that attacks left behind.

    Args:
        places: Which instance each is of; shape `(m,)`.
        epsilons: The budget that it was found within; likewise.
        rows: They, encoded; shape `(m, d)`.
    """

    places: Indices
    epsilons: NDArray[np.float64]
    rows: Rows

    @classmethod
    def none(cls, width: int) -> Suspects:
        """No row at all."""
        return cls(np.empty(0, np.int64), np.empty(0), np.empty((0, width), np.float32))

    @classmethod
    def joined(cls, parts: Sequence[Suspects]) -> Suspects:
        """The rows of all parts."""
        return cls(
            np.concatenate([part.places for part in parts]),
            np.concatenate([part.epsilons for part in parts]),
            np.concatenate([part.rows for part in parts]),
        )

    def where(self, chosen: NDArray[np.generic]) -> Suspects:
        """Those that a mask, or places, choose."""
        return Suspects(self.places[chosen], self.epsilons[chosen], self.rows[chosen])

    def of(self, start: int, stop: int) -> Suspects:
        """Those of the instances from `start` to `stop`, which are counted from 0 there."""
        some = self.where((self.places >= start) & (self.places < stop))
        return Suspects(some.places - start, some.epsilons, some.rows)

    def within(self, above: float, epsilon: float) -> tuple[Indices, Rows]:
        """Those found within an epsilon, but not within one that is smaller."""
        some = self.where((self.epsilons > above) & (self.epsilons <= epsilon))
        return some.places, some.rows


def suspects_of(
    folder: Path,
    instances: Indices,
    features: Sequence[str],
    options: AuditOptions,
    perturbation: str,
) -> Suspects:
    """Of each instance and budget the first row of another class, and the first unequal one.

    Args:
        folder: The run folder.
        instances: What its files call the instances; shape `(n,)`.
        features: The names of the features.
        options: How it was run.
        perturbation: Under which perturbations rows count: "paper" or "feasible".

    Raises:
        RunFolderError: If a file cannot be read.
    """
    parts = [Suspects.none(len(features))]
    if not isinstance(options.reach, Mapping):
        search = _Search(instances, features, options, perturbation)
        for name in (CURVE, ADVERSARIAL):
            if (folder / name).exists():
                parts += [search.among(table) for table in batches(folder / name, search.columns)]
    return Suspects.joined(parts)


class _Search:
    def __init__(
        self,
        instances: Indices,
        features: Sequence[str],
        options: AuditOptions,
        perturbation: str,
    ) -> None:
        self._order = np.argsort(instances)
        self._sorted = instances[self._order]
        self._options, self._perturbation = options, perturbation
        self._clean = np.full(len(instances), -1)
        self._taken: set[tuple[int, float, bool]] = set()
        self._features = [f"encoded.{name}" for name in features]
        self.columns = (
            *("attack", "instance", "step", "epsilon", "prediction", "fair"),
            *self._features,
        )

    def among(self, table: pa.Table) -> Suspects:
        """Those among some rows of a file; the row as it came stands before its iterates."""
        step, fair = numbers(table["step"]), numbers(table["fair"])
        epsilon, prediction = (
            numbers(table["epsilon"], missing=np.nan),
            numbers(table["prediction"]),
        )
        at = np.searchsorted(self._sorted, numbers(table["instance"]))
        at = np.minimum(at, len(self._sorted) - 1)
        known = self._sorted[at] == numbers(table["instance"])
        place = self._order[at]
        first = known & (step == 0)
        self._clean[place[first]] = prediction[first]
        flips = prediction != self._clean[place]
        names, codes = distinct(table["attack"])
        alike = [kind(str(name), self._options) == self._perturbation for name in names]
        counts = known & (step > 0) & (flips | ~fair) & np.array(alike, bool)[codes]
        chosen = [
            row for row in np.flatnonzero(counts).tolist() if self._new(place, epsilon, flips, row)
        ]
        encoded = [numbers(table[name])[chosen] for name in self._features]
        rows = np.stack(encoded, axis=1).astype(np.float32)
        return Suspects(place[chosen], epsilon[chosen], rows)

    def _new(
        self,
        place: Indices,
        epsilon: NDArray[np.float64],
        flips: NDArray[np.bool_],
        row: int,
    ) -> bool:
        key = int(place[row]), float(epsilon[row]), bool(flips[row])
        if key in self._taken:
            return False
        self._taken.add(key)
        return True

"""`certificates.parquet`: how each property of each instance stands at each epsilon.

One row per instance, epsilon and property, in this order, with witnesses of what is refuted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rafair.certify.property_status import Property, Rows, Stand, Standing
from rafair.errors import RunFolderError
from rafair.metrics.rates import share
from rafair.results.parquet_columns import columns_of, distinct, numbers, present
from rafair.results.stored_verdicts import budget_key

KEYS = [one.key for one in Standing]
NAMES = [str(one) for one in Property]
COLUMNS = ("instance", "epsilon", "property", "verdict", "boxes", "witness", "other")


def certificate_table(instances: NDArray[np.int64], stand: Stand) -> pa.Table:
    """The file's rows.

    Args:
        instances: What the run's other files call each instance; shape `(n,)`.
        stand: How their properties stand.
    """
    n, epsilons = len(instances), len(stand.epsilons)
    each = epsilons * len(NAMES)
    return pa.table(
        {
            "instance": np.repeat(instances, each),
            "epsilon": np.tile(np.repeat(stand.epsilons, len(NAMES)), n),
            "property": _named(np.tile(np.arange(len(NAMES)), n * epsilons), NAMES),
            "verdict": _named(stand.verdicts.ravel(), KEYS),
            "boxes": stand.boxes.ravel(),
            "witness": _rows(stand.witness),
            "other": _rows(stand.other),
        }
    )


@dataclass(frozen=True)
class Certificates:
    """What a run's `certificates.parquet` says.

    Args:
        instances: The instances; shape `(n,)`.
        epsilons: The budgets, ascending.
        verdicts: A `Standing` each; shape `(n, k, 3)`.
    """

    instances: NDArray[np.int64]
    epsilons: tuple[float, ...]
    verdicts: NDArray[np.int8]

    def document(self) -> dict[str, Mapping[str, object]]:
        """The section `certified`: by budget and property the rates of all four verdicts."""
        return {
            budget_key(epsilon): {
                name: {
                    key: share(self.verdicts[:, place, number] == Standing[key.upper()])
                    for key in ("certified", "refuted", "open", "near_tie")
                }
                for number, name in enumerate(NAMES)
            }
            for place, epsilon in enumerate(self.epsilons)
        }


def read_certificates(path: Path) -> Certificates:
    """Reads and checks a run's `certificates.parquet`.

    Raises:
        RunFolderError: If rows are missing or in another order, a verdict is none, a witness is
            missing or too many, or verdicts contradict each other; names the first row.
    """
    table = columns_of(path, COLUMNS)
    epsilons, codes = _axes(table, path)
    instances = numbers(table["instance"])
    each = len(epsilons) * len(NAMES)
    n, rest = divmod(len(table), each)
    first = instances[::each]
    expected = [
        (instances, np.repeat(first, each)),
        (numbers(table["epsilon"]), np.tile(np.repeat(epsilons, len(NAMES)), n)),
        (codes["property"], np.tile(np.arange(len(NAMES)), n * len(epsilons))),
    ]
    alike = [len(a) == len(b) and np.array_equal(a, b) for a, b in expected]
    if rest or not all(alike) or len(np.unique(first)) != n:
        raise RunFolderError(
            f"'{path}': expected each instance once at each epsilon, with the properties "
            f"{', '.join(NAMES)} in this order, found others"
        )
    verdicts = codes["verdict"].astype(np.int8)
    _check_witnesses(table, verdicts, codes["property"], path)
    cube = verdicts.reshape(n, len(epsilons), len(NAMES))
    check_consistent(cube, first, epsilons, f"'{path}'")
    return Certificates(first, epsilons, cube)


def check_consistent(
    verdicts: NDArray[np.int8],
    instances: NDArray[np.int64],
    epsilons: Sequence[float],
    where: str,
) -> None:
    """Refuses verdicts that cannot all be true.

    Boxes are nested: what is refuted at an epsilon is refuted at larger ones. Accurate fairness
    implies accuracy; where it is certified, all of the region gets one class, and so individual
    fairness is certified as well.

    Args:
        verdicts: A `Standing` each; shape `(n, k, 3)`.
        instances: What the instances are called; shape `(n,)`.
        epsilons: The budgets, ascending.
        where: How the message begins.

    Raises:
        RunFolderError: If there is a contradiction; names the first instance.
    """
    certified, refuted = verdicts == Standing.CERTIFIED, verdicts == Standing.REFUTED
    both, fairness, accuracy = (certified[..., number] for number in range(len(NAMES)))
    wrong = {
        "accurate_fairness is certified, another property is not": both & ~(fairness & accuracy),
        "accurate_fairness is not refuted, another property is": (
            ~refuted[..., 0] & (refuted[..., 1] | refuted[..., 2])
        ),
    }
    later = np.zeros(verdicts.shape[:2], bool)
    later[:, 1:] = (refuted[:, :-1] & ~refuted[:, 1:]).any(axis=2)
    wrong["what is refuted at a smaller epsilon is not refuted"] = later
    later = np.zeros_like(later)
    later[:, :-1] = (certified[:, 1:] & ~certified[:, :-1]).any(axis=2)
    wrong["what is certified at a larger epsilon is not certified"] = later
    for said, places in wrong.items():
        if places.any():
            row, place = np.argwhere(places)[0]
            raise RunFolderError(
                f"{where}: instance {instances[row]}, epsilon {epsilons[place]:g}: {said}"
            )


def _axes(table: pa.Table, path: Path) -> tuple[tuple[float, ...], dict[str, NDArray[np.int64]]]:
    """The budgets, and for each row which property and which verdict it is of."""
    if not len(table):
        raise RunFolderError(f"'{path}': expected at least one row, found none")
    codes = {}
    for column, known in (("property", NAMES), ("verdict", KEYS)):
        names, places = distinct(table[column])
        if unknown := [name for name in names if name not in known]:
            raise RunFolderError(
                f"'{path}': {column}: expected {', '.join(known)}, found {str(unknown[0])!r}"
            )
        codes[column] = np.array([known.index(name) for name in names], np.int64)[places]
    return tuple(map(float, np.unique(numbers(table["epsilon"])))), codes


def _check_witnesses(
    table: pa.Table, verdicts: NDArray[np.int8], properties: NDArray[np.int64], path: Path
) -> None:
    """Refuses a witness where nothing is refuted, and a refutation without one."""
    refuted = verdicts == Standing.REFUTED
    unfair = refuted & (properties == NAMES.index(Property.INDIVIDUAL_FAIRNESS))
    for column, expected in (("witness", refuted), ("other", unfair)):
        wrong = present(table[column]) != expected
        if wrong.any():
            raise RunFolderError(
                f"'{path}': row {int(wrong.argmax()):,}: {column} contradicts property and verdict"
            )


def _named(codes: NDArray[Any], names: Sequence[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int8)), pa.array(names))


def _rows(rows: Rows) -> pa.Array:
    """Rows as lists; those of NaN are missing."""
    width = rows.shape[-1]
    flat = rows.reshape(-1, width)
    there = ~np.isnan(flat[:, 0])
    ends = np.concatenate([[0], np.cumsum(there * width)]).astype(np.int32)
    values = pa.array(np.ascontiguousarray(flat[there]).ravel(), pa.float32())
    return pa.ListArray.from_arrays(pa.array(ends), values, mask=pa.array(~there))

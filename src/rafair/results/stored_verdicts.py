"""The verdicts that a run folder's Parquet files hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rafair.results.attack_runs import members_of
from rafair.results.parquet_columns import by_attack, columns_of, numbers, present
from rafair.results.run_files import ADVERSARIAL, CURVE, REPAIRED
from rafair.verdicts import verdicts

Counters = dict[str, dict[str, dict[str, float]]]
"""Seconds and rows by kind ("attacks", "repairs") and name of an attack; of the kind "curve" by
budget and attack; of the kind "yardstick" by perturbations, with how many instances were drawn
around and how many of them broke."""


@dataclass
class Verdicts:
    """What the rates of an audit are made of.

    Args:
        instances: The audited rows, in the order of all that follows; `(n,)`.
        attacked: Per attack the verdict codes `(n, T + 1)`, the clean row first.
        zero_gradient: Per attack whether the gradient was zero at the clean row; `(n,)`, or empty
            where no gradient was asked for.
        repaired: Per attack the verdict codes after the repair; `(n,)`.
        bits: Of attacks that count bins of probability, min-entropy and Shannon entropy in bits at
            every step; `(n, T + 1, 2)`.
        curve: By smaller budget, ascending, and attack, the verdict codes of the clean row and of
            the first row up to this budget that breaks each property; `(n, 3)`.
        counters: Summed over shards.
    """

    instances: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    attacked: dict[str, NDArray[np.int8]] = field(default_factory=dict)
    zero_gradient: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    repaired: dict[str, NDArray[np.int8]] = field(default_factory=dict)
    bits: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    curve: dict[float, dict[str, NDArray[np.int8]]] = field(default_factory=dict)
    counters: Counters = field(default_factory=dict)

    def iterates(self, attack: str) -> NDArray[np.int8]:
        """The verdict of the clean row, then those of all iterates of an attack, or a union's."""
        codes = [self.attacked[member] for member in members_of(attack)]
        return np.concatenate([codes[0][:, :1], *(one[:, 1:] for one in codes)], axis=1)

    def pooled(self, attack: str) -> NDArray[np.int8]:
        """The same, and what smaller budgets broke: all that a robust rate counts."""
        before = list(self.curve.values())[-1:]  # which holds what those before it broke
        codes = [one[member][:, 1:] for one in before for member in members_of(attack)]
        return np.concatenate([self.iterates(attack), *codes], axis=1)

    def at(self, epsilon: float) -> Verdicts:
        """What is known at a smaller budget."""
        return Verdicts(self.instances, self.curve[epsilon])


def budget_key(epsilon: float) -> str:
    """What a budget is called in `audit.json`.

    Example:
        >>> budget_key(0.02), budget_key(0.1)
        ('0.02', '0.1')
    """
    return f"{epsilon:.12g}"


def read_verdicts(folder: Path) -> Verdicts:
    """The verdicts stored in a run folder's Parquet files."""
    gathered = Verdicts()
    columns = ["attack", "instance", "step", "accurate", "fair"]
    table = columns_of(folder / ADVERSARIAL, [*columns, "zero_gradient", "bins", "entropy_bits"])
    step, instance, codes = numbers(table["step"]), numbers(table["instance"]), _codes(table)
    known = present(table["zero_gradient"])
    zero = numbers(table["zero_gradient"], missing=False)
    bins, entropy = numbers(table["bins"], missing=0), numbers(table["entropy_bits"])
    for name, rows in by_attack(table).items():
        moments = int(step[rows].max()) + 1
        gathered.attacked[name] = codes[rows].reshape(-1, moments)
        first = rows[::moments]
        gathered.instances = instance[first]
        gathered.zero_gradient[name] = zero[first[known[first]]].astype(bool)
        if bins[rows].all():
            bits = np.log2(bins[rows]), entropy[rows]
            gathered.bits[name] = np.stack(bits, axis=-1).reshape(-1, moments, 2)
    if (folder / CURVE).exists():
        gathered.curve = _curve(folder / CURVE)
    if (folder / REPAIRED).exists():
        table = columns_of(folder / REPAIRED, columns)
        codes = _codes(table)
        gathered.repaired = {name: codes[rows] for name, rows in by_attack(table).items()}
    return gathered


def _curve(path: Path) -> dict[float, dict[str, NDArray[np.int8]]]:
    table = columns_of(path, ["attack", "epsilon", "step", "accurate", "fair"])
    step, codes, epsilon = numbers(table["step"]), _codes(table), numbers(table["epsilon"])
    attacks = by_attack(table)
    return {
        float(one): {
            name: codes[here].reshape(-1, int(step[here].max()) + 1)
            for name, rows in attacks.items()
            if len(here := rows[epsilon[rows] == one])
        }
        for one in np.unique(epsilon)
    }


def _codes(table: pa.Table) -> NDArray[np.int8]:
    return verdicts(numbers(table["accurate"]), numbers(table["fair"]))

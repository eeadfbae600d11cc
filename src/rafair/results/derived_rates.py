"""The rates of `audit.json`, derived from the stored verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.metrics import verdict_rates
from rafair.metrics.means import mean
from rafair.metrics.rates import share
from rafair.results.attack_runs import bin_width_of, keeps_witnesses, members_of, sought_by
from rafair.results.run_files import CLEAN
from rafair.results.stored_verdicts import Verdicts
from rafair.verdicts import outcome_step

COUNTED = ("seconds", "gradient_rows", "prediction_rows")
QUERIES = "queries"
"""Counted too where a model gives no gradients: rows that it was really asked about."""


def rates_document(
    gathered: Verdicts, unions: Sequence[str], seed: int
) -> dict[str, Mapping[str, object]]:
    """The sections `clean`, `attacks` and `repairs`."""
    clean = next(iter(gathered.attacked.values()))[:, 0]
    singles = [name for name in gathered.attacked if name != CLEAN]
    outcomes = {name: _outcome(gathered.attacked[name], name) for name in singles}
    attacks = {name: _single(gathered, name, outcomes[name], seed) for name in singles}
    attacks |= {name: _union(gathered, name, outcomes) for name in unions}
    before = outcomes | {
        name: verdict_rates.union_cells([outcomes[m] for m in members_of(name)]) for name in unions
    }
    spent = gathered.counters.get("repairs", {})
    repairs = {
        name: {
            "final": verdict_rates.confusion(codes),
            "corrected": verdict_rates.corrected(before[name], codes),
            **counted(spent, members_of(name)),
        }
        for name, codes in gathered.repaired.items()
    }
    return {
        "clean": {"n": len(clean), **verdict_rates.confusion(clean)},
        "attacks": attacks,
        "repairs": repairs,
    }


def plain(value: Any) -> Any:
    """The same with rates, means and the like as dictionaries."""
    if is_dataclass(value):
        return {item.name: plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def named(section: object, names: Sequence[str]) -> dict[str, object]:
    """Some values of a record's section, as plain values."""
    return {name: plain(getattr(section, name)) for name in names}


def _single(
    gathered: Verdicts, name: str, outcome: NDArray[np.int8], seed: int
) -> dict[str, object]:
    codes = gathered.attacked[name]
    only = keeps_witnesses(name)
    return {
        "final": None if only else verdict_rates.confusion(codes[:, -1]),
        "iterates": None if only else verdict_rates.iterates(codes, seed),
        "outcome": None if only else verdict_rates.confusion(outcome),
        "robust": verdict_rates.robust(gathered.pooled(name)),
        "exposed": None if only else verdict_rates.exposed(codes),
        "zero_gradient": share(gathered.zero_gradient[name]),
        **_discrimination(gathered, name, seed),
        **counted(gathered.counters.get("attacks", {}), (name,)),
    }


def _discrimination(gathered: Verdicts, name: str, seed: int) -> dict[str, object]:
    """How much the sensitive values decide, in bits; nothing where an attack does not count it."""
    bits = gathered.bits.get(name)
    if bits is None:
        return {}
    step = outcome_step(gathered.attacked[name], sought_by(name))
    at = {"clean": bits[:, 0], "outcome": bits[np.arange(len(bits)), step]}
    at["largest"] = bits.max(axis=1)
    measured = {
        moment: {
            "min_entropy": mean(values[:, 0], seed),
            "shannon_entropy": mean(values[:, 1], seed),
        }
        for moment, values in at.items()
    }
    return {"discrimination_bits": {"bin_width": bin_width_of(name), **measured}}


def _union(
    gathered: Verdicts, name: str, outcomes: Mapping[str, NDArray[np.int8]]
) -> dict[str, object]:
    members = members_of(name)
    return {
        "outcome": verdict_rates.union_outcome([outcomes[member] for member in members]),
        "robust": verdict_rates.robust(gathered.pooled(name)),
        "exposed": verdict_rates.exposed(gathered.iterates(name)),
        "zero_gradient": share(gathered.zero_gradient[members[0]]),
        **counted(gathered.counters.get("attacks", {}), members),
    }


def _outcome(codes: NDArray[np.int8], name: str) -> NDArray[np.int8]:
    step = outcome_step(codes, sought_by(name))
    result: NDArray[np.int8] = codes[np.arange(len(codes)), step]
    return result


def counted(spent: Mapping[str, Mapping[str, float]], names: Sequence[str]) -> dict[str, float]:
    """What searches under these names cost together."""
    found = [spent[name] for name in names if name in spent]
    keys = [*COUNTED, *([QUERIES] if any(QUERIES in one for one in found) else [])]
    return {key: sum(one[key] for one in found) for key in keys}

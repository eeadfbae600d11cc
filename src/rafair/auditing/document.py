"""`audit.json`: every rate, derived from the stored verdicts, and how it came about."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rafair.auditing.columns import ADVERSARIAL, CLEAN, REPAIRED
from rafair.auditing.examine import COUNTERS
from rafair.auditing.twins import attack_of, is_union, members_of
from rafair.engine.files import writing
from rafair.engine.sealed import write_sealed
from rafair.engine.text_file import read_json
from rafair.metrics import summaries
from rafair.metrics.means import Mean, mean
from rafair.metrics.rates import Rate, share
from rafair.verdicts import outcome_step, verdicts

SCHEMA_VERSION = 1
AUDIT = "audit.json"
MOST_ZERO_GRADIENTS = 0.01
PACKAGES = ("numpy", "onnx", "pandas", "pyarrow", "scikit-learn", "scipy", "torch")
COUNTED = ("seconds", "gradient_rows", "prediction_rows")
QUERIES = "queries"
"""Counted too where a model gives no gradients: rows that it was really asked about."""


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
        counters: Seconds and rows, summed over shards, by kind ("attacks", "repairs") and name.
    """

    instances: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    attacked: dict[str, NDArray[np.int8]] = field(default_factory=dict)
    zero_gradient: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    repaired: dict[str, NDArray[np.int8]] = field(default_factory=dict)
    bits: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    counters: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)


def merge_shards(shards: Sequence[Path], folder: Path) -> Verdicts:
    """Writes the shards' tables into one file each, in order, and gathers their verdicts."""
    for name in (ADVERSARIAL, REPAIRED):
        parts = [shard / name for shard in shards if (shard / name).exists()]
        if parts:
            _concatenate(parts, folder / name)
    gathered = read_verdicts(folder)
    gathered.counters = _summed([read_json(shard / COUNTERS) for shard in shards])
    return gathered


def read_verdicts(folder: Path) -> Verdicts:
    """The verdicts stored in a run folder's Parquet files."""
    gathered = Verdicts()
    columns = ["attack", "instance", "step", "accurate", "fair"]
    extra = ["zero_gradient", "bins", "entropy_bits"]
    table = pq.read_table(folder / ADVERSARIAL, columns=columns + extra)
    for name, rows in _by_attack(table):
        moments = int(pc.max(rows["step"]).as_py()) + 1
        codes = _codes(rows).reshape(-1, moments)
        gathered.attacked[name] = codes
        gathered.instances = rows["instance"].to_numpy()[::moments]
        zero = rows["zero_gradient"].to_numpy(zero_copy_only=False).reshape(-1, moments)[:, 0]
        gathered.zero_gradient[name] = np.array([bool(v) for v in zero if v is not None], bool)
        if rows["bins"].null_count == 0:
            bits = np.log2(rows["bins"].to_numpy()), rows["entropy_bits"].to_numpy()
            gathered.bits[name] = np.stack(bits, axis=-1).reshape(-1, moments, 2)
    if (folder / REPAIRED).exists():
        table = pq.read_table(folder / REPAIRED, columns=columns)
        gathered.repaired = {name: _codes(rows) for name, rows in _by_attack(table)}
    return gathered


def rates_document(
    gathered: Verdicts, unions: Sequence[str], seed: int
) -> dict[str, dict[str, Any]]:
    """The sections `clean`, `attacks` and `repairs`."""
    clean = next(iter(gathered.attacked.values()))[:, 0]
    singles = [name for name in gathered.attacked if name != CLEAN]
    outcomes = {name: _outcome(gathered.attacked[name], name) for name in singles}
    attacks = {name: _single(gathered, name, outcomes[name], seed) for name in singles}
    attacks |= {name: _union(gathered, name, outcomes) for name in unions}
    before = outcomes | {
        name: summaries.union_cells([outcomes[m] for m in members_of(name)]) for name in unions
    }
    spent = gathered.counters.get("repairs", {})
    repairs = {
        name: {
            "final": summaries.confusion(codes),
            "corrected": summaries.corrected(before[name], codes),
            **_counted(spent, members_of(name)),
        }
        for name, codes in gathered.repaired.items()
    }
    return {
        "clean": {"n": len(clean), **summaries.confusion(clean)},
        "attacks": attacks,
        "repairs": repairs,
    }


def environment(threads: int, device: str) -> dict[str, Any]:
    """The `environment` section."""
    return {
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "cpu": _processor(),
        "threads": threads,
        "device": device,
    }


def warnings_of(document: Mapping[str, Any]) -> list[str]:
    """What a reader of the rates should know."""
    found = []
    if document["model"]["predicted_classes"] == 1:
        found.append(
            "the model predicts the same class for every row; that treats all alike, and tells "
            "nothing"
        )
    data = document["dataset"]
    for column, count in data["outside_range"].items():
        feature = next(f for f in data["schema"]["features"] if f["name"] == column)
        found.append(
            f"column '{column}': {count:,} of {data['rows']:,} values lie outside "
            f"{feature['minimum']:g} to {feature['maximum']:g}, the range the network was trained "
            "on; they count as its nearest end"
        )
    found += _infeasible(document.get("feasible"), document["clean"]["n"])
    for name, attack in document["attacks"].items():
        zero = plain(attack["zero_gradient"])
        if zero is not None and zero["value"] > MOST_ZERO_GRADIENTS:
            found.append(f"{name}: " + _flat(zero["value"], document["config"]["black_box"]))
    return found + _too_dear(document)


def _flat(share: float, black_box: bool) -> str:
    """Says where there is nothing to follow."""
    if black_box:
        return (
            f"no probe changed the loss at {share:.1%} of clean rows; the search draws rows at "
            "random there"
        )
    return (
        f"the input gradient is exactly zero at {share:.1%} of instances; attacks that follow its "
        "sign understate the risk there"
    )


def _infeasible(section: Mapping[str, Any] | None, n: int) -> list[str]:
    """Says which features feasible perturbations had to leave alone."""
    found = []
    for text, count in (section or {}).get("broken_relations", {}).items():
        found.append(
            f"relation '{text}': does not hold in {count:,} of {n:,} clean instances; there "
            "feasible perturbations leave its features as they are"
        )
    if coarse := (section or {}).get("too_coarse"):
        found.append(
            f"feasible perturbations never move {', '.join(coarse)}: epsilon is less than the "
            "distance between two of their values; --epsilon NAME=SIZE gives a feature one of its "
            "own"
        )
    return found


def _too_dear(document: Mapping[str, Any]) -> list[str]:
    """Says which attacks the budget did not pay for."""
    budget = document["config"]["max_gradient_rows"]
    counterparts = document["dataset"]["counterparts_per_instance"]
    if budget is None or document["config"]["black_box"]:
        return []
    one = np.array([counterparts])
    costs = {
        name: int(attack_of(name).look.gradient_rows(one)[0])
        for name in document["attacks"]
        if not is_union(name)
    }
    return [
        f"{name}: the budget of {budget:,} gradient rows does not pay for one look at "
        f"{cost:,} counterparts; no instance was moved"
        for name, cost in costs.items()
        if cost > budget
    ]


def write_document(document: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Writes `audit.json`; returns its content."""
    return write_sealed(folder / AUDIT, plain(document))


def plain(value: Any) -> Any:
    """The same with rates and means as dictionaries."""
    if isinstance(value, Rate | Mean):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return value


def _single(gathered: Verdicts, name: str, outcome: NDArray[np.int8], seed: int) -> dict[str, Any]:
    codes = gathered.attacked[name]
    return {
        "final": summaries.confusion(codes[:, -1]),
        "iterates": summaries.iterates(codes, seed),
        "outcome": summaries.confusion(outcome),
        "robust": summaries.robust(codes),
        "exposed": summaries.exposed(codes),
        "zero_gradient": share(gathered.zero_gradient[name]),
        **_discrimination(gathered, name, seed),
        **_counted(gathered.counters.get("attacks", {}), (name,)),
    }


def _discrimination(gathered: Verdicts, name: str, seed: int) -> dict[str, Any]:
    """How much the sensitive values decide, in bits; nothing where an attack does not count it."""
    bits = gathered.bits.get(name)
    if bits is None:
        return {}
    step = outcome_step(gathered.attacked[name], attack_of(name).sought)
    at = {"clean": bits[:, 0], "outcome": bits[np.arange(len(bits)), step]}
    at["largest"] = bits.max(axis=1)
    measured = {
        moment: {
            "min_entropy": mean(values[:, 0], seed),
            "shannon_entropy": mean(values[:, 1], seed),
        }
        for moment, values in at.items()
    }
    attack = attack_of(name)
    return {"discrimination_bits": {"bin_width": getattr(attack, "width", None), **measured}}


def _union(
    gathered: Verdicts, name: str, outcomes: Mapping[str, NDArray[np.int8]]
) -> dict[str, Any]:
    members = members_of(name)
    attacked = [gathered.attacked[member] for member in members]
    pooled = np.concatenate([attacked[0][:, :1], *(codes[:, 1:] for codes in attacked)], axis=1)
    return {
        "outcome": summaries.union_outcome([outcomes[member] for member in members]),
        "robust": summaries.robust(pooled),
        "exposed": summaries.exposed(pooled),
        "zero_gradient": share(gathered.zero_gradient[members[0]]),
        **_counted(gathered.counters.get("attacks", {}), members),
    }


def _outcome(codes: NDArray[np.int8], name: str) -> NDArray[np.int8]:
    step = outcome_step(codes, attack_of(name).sought)
    result: NDArray[np.int8] = codes[np.arange(len(codes)), step]
    return result


def _counted(spent: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    found = [spent[name] for name in names if name in spent]
    keys = [*COUNTED, *([QUERIES] if any(QUERIES in one for one in found) else [])]
    return {key: sum(one[key] for one in found) for key in keys}


def _summed(parts: Sequence[dict[str, dict[str, dict[str, Any]]]]) -> dict[str, Any]:
    total: dict[str, dict[str, dict[str, Any]]] = {}
    for part in parts:
        for kind, by_name in part.items():
            for name, counted in by_name.items():
                into = total.setdefault(kind, {}).setdefault(name, dict.fromkeys(COUNTED, 0))
                for key, number in counted.items():
                    into[key] = into.get(key, 0) + number
    return total


def _concatenate(parts: Sequence[Path], final: Path) -> None:
    with writing(final) as path:
        writer: pq.ParquetWriter | None = None
        for part in parts:
            table = pq.read_table(part)
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table)
        if writer:
            writer.close()


def _by_attack(table: pa.Table) -> list[tuple[str, pa.Table]]:
    attacks = table["attack"].cast(pa.string())
    names = pc.unique(attacks).to_pylist()
    return [(name, table.filter(pc.equal(attacks, name))) for name in names]


def _codes(rows: pa.Table) -> NDArray[np.int8]:
    return verdicts(rows["accurate"].to_numpy(), rows["fair"].to_numpy())


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
        models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    except OSError:
        models = []
    return models[0] if models else platform.processor() or platform.machine()

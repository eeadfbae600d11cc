"""`audit.json` beside its rates: where it was computed, and what a reader should know."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from rafair.auditing.attack_shard import COUNTERS
from rafair.auditing.noise_baseline import DRAWS
from rafair.engine.atomic_files import writing
from rafair.engine.digest_json import write_sealed
from rafair.engine.text_file import read_json
from rafair.results.attack_runs import attack_of, is_union, keeps_witnesses
from rafair.results.audit_options import Perturbation
from rafair.results.audit_record import AuditRecord, Feasible
from rafair.results.derived_rates import COUNTED, plain
from rafair.results.headline_attacks import ACCURATE_FAIRNESS, families, most_telling
from rafair.results.run_files import ADVERSARIAL, AUDIT, CURVE, REPAIRED
from rafair.results.stored_verdicts import Counters, Verdicts, read_verdicts

MOST_ZERO_GRADIENTS = 0.01

FEW_LOOKS = 20
"""At each instance, with all its counterparts; the paper's attack has as many steps."""

PACKAGES = ("numpy", "onnx", "pandas", "pyarrow", "scikit-learn", "scipy", "torch")


def merge_shards(shards: Sequence[Path], folder: Path) -> Verdicts:
    """Writes the shards' tables into one file each, in order, and gathers their verdicts."""
    for name in (ADVERSARIAL, CURVE, REPAIRED):
        parts = [shard / name for shard in shards if (shard / name).exists()]
        if parts:
            _concatenate(parts, folder / name)
    gathered = read_verdicts(folder)
    gathered.counters = _summed([read_json(shard / COUNTERS) for shard in shards])
    return gathered


def environment(threads: int, device: str) -> dict[str, object]:
    """The `environment` section."""
    return {
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "cpu": _processor(),
        "threads": threads,
        "device": device,
    }


def warnings_of(record: AuditRecord) -> list[str]:
    """What a reader of the rates should know."""
    found = []
    if record.model.predicted_classes == 1:
        found.append(
            "the model predicts the same class for every row; that treats all alike, and tells "
            "nothing"
        )
    data, black_box = record.dataset, record.options.black_box
    for column, count in data.outside_range.items():
        feature = data.schema[column]
        found.append(
            f"column '{column}': {count:,} of {data.rows:,} values lie outside "
            f"{feature.minimum:g} to {feature.maximum:g}, the range the network was trained on; "
            "they count as its nearest end"
        )
    if derived := _left_behind(record):
        found.append(
            f"the paper's perturbations know no formulas: {', '.join(derived)} stayed as it was "
            "when what it follows from was moved; under feasible perturbations it follows"
        )
    if record.feasible:
        found += _infeasible(record.feasible, record.clean.n)
    flat: dict[str, list[str]] = {}
    for name, attack in record.attacks.items():
        zero = attack.zero_gradient
        if zero is not None and zero.value > MOST_ZERO_GRADIENTS:
            flat.setdefault(_flat(zero.value, black_box), []).append(name)
    found += [f"{', '.join(families(names))}: {said}" for said, names in flat.items()]
    return [*found, *_too_weak(record), *_too_dear(record)]


def _left_behind(record: AuditRecord) -> list[str]:
    """The derived columns of a run in which the paper's perturbations moved what they follow."""
    if not record.attacks or record.options.perturbation == Perturbation.FEASIBLE:
        return []
    return [feature.name for feature in record.dataset.schema.features if feature.derive]


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


def _too_weak(record: AuditRecord) -> Iterator[str]:
    """Says where random draws broke what searches left, and where too little was looked at."""
    for kind, drawn in (record.yardstick or {}).items():
        if drawn.broken:
            yield (
                f"{drawn.broken:,} of the {drawn.n:,} instances that every search under {kind} "
                f"perturbations left right and equal were broken by {DRAWS} random draws: the "
                f"search was too weak, and robust rates say too much; {_raise(record)}"
            )
    lead = most_telling(record)
    if lead is None or _broke(record, lead) != 0:
        return
    looks = _looks(record)
    if looks < FEW_LOOKS:
        yield (
            f"no violation was found, with {looks:.1f} looks at an instance and all its "
            f"counterparts, fewer than {FEW_LOOKS}: this tells little; {_raise(record)}"
        )


def _broke(record: AuditRecord, attack: str) -> int | None:
    """How many instances that were right and equal as they were an attack broke; None of none."""
    whole = record.clean.rates[ACCURATE_FAIRNESS].count
    return whole - record.attacks[attack].robust[ACCURATE_FAIRNESS].count if whole else None


def _looks(record: AuditRecord) -> float:
    """How often an instance was looked at with all its counterparts, as rows asked for tell."""
    runs = [attack for name, attack in record.attacks.items() if not is_union(name)]
    rows = sum(run.gradient_rows + run.prediction_rows for run in runs)
    return rows / max(record.clean.n * record.dataset.counterparts_per_instance, 1)


def _raise(record: AuditRecord) -> str:
    """What makes a search stronger."""
    if not any(map(keeps_witnesses, record.attacks)):
        return "add the attack strongest, or raise the number of steps"
    return "raise the number of steps"


def _infeasible(section: Feasible, n: int) -> list[str]:
    """Says which features feasible perturbations had to leave alone."""
    found = []
    for text, count in section.broken_relations.items():
        found.append(
            f"relation '{text}': does not hold in {count:,} of {n:,} clean instances; there "
            "feasible perturbations leave its features as they are"
        )
    if coarse := section.too_coarse:
        found.append(
            f"feasible perturbations never move {', '.join(coarse)}: epsilon is less than the "
            "distance between two of their values, or than what single precision tells apart in "
            "their range, which an outlier may stretch; --epsilon NAME=SIZE gives a feature one of "
            "its own"
        )
    return found


def _too_dear(record: AuditRecord) -> list[str]:
    """Says which attacks the budget did not pay for."""
    budget = record.options.max_gradient_rows
    counterparts = record.dataset.counterparts_per_instance
    if budget is None or record.options.black_box:
        return []
    one = np.array([counterparts])
    costs = {
        name: int(attack_of(name).look.gradient_rows(one)[0])
        for name in record.attacks
        if not is_union(name)
    }
    return [
        f"{name}: the budget of {budget:,} gradient rows does not pay for one look at "
        f"{cost:,} counterparts; no instance was moved"
        for name, cost in costs.items()
        if cost > budget
    ]


def write_document(document: Mapping[str, object], folder: Path) -> dict[str, object]:
    """Writes `audit.json`; returns its content."""
    return write_sealed(folder / AUDIT, plain(document))


def _summed(parts: Sequence[Counters]) -> Counters:
    total: Counters = {}
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


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
        models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    except OSError:
        models = []
    return models[0] if models else platform.processor() or platform.machine()

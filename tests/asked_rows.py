"""What models were asked, and whether a person could have such values, told without rafair."""

from __future__ import annotations

import threading
from collections import Counter

import numpy as np
import pandas as pd

from rafair.models.torch_module import TorchClassifier
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.table import Table


class Asked(TorchClassifier):
    """A torch module that remembers all rows that it was asked about, and differentiated at."""

    def __init__(self, module) -> None:
        # a short cut would be compared with the module at rows of nobody
        super().__init__(module, shortcut=False)
        self._rows: list[np.ndarray] = []
        self._lock = threading.Lock()

    def logits(self, rows):
        self._note(rows)
        return super().logits(rows)

    def logits_and_gradients(self, rows, cotangent):
        self._note(rows)
        return super().logits_and_gradients(rows, cotangent)

    def _note(self, rows: np.ndarray) -> None:
        with self._lock:
            self._rows.append(rows.reshape(-1, rows.shape[-1]).copy())

    @property
    def rows(self) -> np.ndarray:
        return np.concatenate(self._rows)


def codes_of(feature: Feature) -> np.ndarray | None:
    """All codes that a feature's values have, bit by bit; None where any number will do."""
    if feature.levels:
        return np.float32(np.arange(len(feature.levels)) / max(len(feature.levels) - 1, 1))
    low, high = feature.minimum, feature.maximum
    if feature.step is not None:
        values = low + feature.step * np.arange(int((high - low) / feature.step + 1e-9) + 1)
    elif feature.kind == "integer":
        values = np.arange(np.ceil(low), np.floor(high) + 1)
    else:
        return None
    return np.float32((values - low) / max(high - low, 1e-300))


def unlikely(rows: np.ndarray, schema: Schema) -> dict[str, int]:
    """By feature and fault, how many rows hold no value of the feature; nothing if all do."""
    found: Counter[str] = Counter()
    for column, feature in enumerate(schema.features):
        codes, known = rows[:, column], codes_of(feature)
        absent = (codes == -1) & feature.missing
        found[f"{feature.name}: outside"] += int((~absent & ~((codes >= 0) & (codes <= 1))).sum())
        if known is not None:
            found[f"{feature.name}: no value"] += int((~absent & ~np.isin(codes, known)).sum())
    return {what: n for what, n in found.items() if n}


def odd_table(n: int = 12, seed: int = 0) -> Table:
    """People of whom every kind of feature is told; the column `id` tells them apart."""
    features = (
        Feature(name="years", kind="integer", minimum=18, maximum=67),
        Feature(name="floor", kind="integer", minimum=-7, maximum=30, direction="increase_only"),
        Feature(name="sum", kind="integer", minimum=20, maximum=4990, step=35),
        Feature(name="rate", kind="numeric", minimum=0.5, maximum=10, step=0.75),  # ends at 9.5
        Feature(name="fine", kind="numeric", minimum=0, maximum=1, step=0.001),
        Feature(name="share", kind="numeric", minimum=-1, maximum=3, largest_change=0.7),
        Feature(name="grade", kind="ordinal", levels=tuple("abcdefgh"), missing=True),
        Feature(name="rooms", kind="integer", minimum=2, maximum=4),  # coarser than epsilon
        Feature(name="size", kind="ordinal", levels=("s", "m", "l")),  # likewise
        Feature(name="calls", kind="integer", minimum=1, maximum=90, missing=True),
        Feature(name="job", kind="categorical", levels=("cook", "nurse", "smith"), missing=True),
        Feature(name="north", kind="boolean", levels=(False, True), group="region"),
        Feature(name="south", kind="boolean", levels=(False, True), group="region"),
        Feature(name="id", kind="integer", minimum=0, maximum=n, mutable=False),
        Feature(name="age", kind="integer", minimum=18, maximum=69, sensitive=True, missing=True,
                domain=(18, 30, 69)),
        Feature(name="sex", kind="boolean", levels=(False, True), sensitive=True,
                domain=(False, True)),
    )  # fmt: skip
    schema = Schema(
        features=features, label="y", classes=("no", "yes"), relations=("floor <= years",)
    )
    draw = np.random.default_rng(seed)
    north, floor = draw.random(n) < 0.5, draw.integers(-7, 31, n)
    frame = pd.DataFrame(
        {
            "years": np.maximum(draw.integers(18, 68, n), floor),
            "floor": floor,
            "sum": 20 + 35 * draw.integers(0, 143, n),
            "rate": 0.5 + 0.75 * draw.integers(0, 13, n),
            "fine": np.round(draw.random(n), 3),
            "share": draw.uniform(-1, 3, n).round(4),
            "grade": draw.choice(list("abcdefgh"), n),
            "rooms": draw.integers(2, 5, n),
            "size": draw.choice(["s", "m", "l"], n),
            "calls": draw.integers(1, 91, n).astype(float),
            "job": draw.choice(["cook", "nurse", "smith"], n),
            "north": north,
            "south": ~north,
            "id": np.arange(n),
            "age": draw.choice([18.0, 30, 69, 41], n),
            "sex": draw.random(n) < 0.5,
        }
    )
    for place, name in enumerate(("grade", "calls", "job", "age")):
        frame.loc[place::9, name] = None
    return Table(frame, draw.integers(0, 2, n), schema, "odd")

"""How far each feature may move at most, in its own unit, and how much of the answer hangs on it.

A share of a spread says little to the person who decides; "income by 310 a month" does. So it is
told before anything is searched for.
"""

from __future__ import annotations

import numpy as np

from rafair.models.classifier import Logits
from rafair.results.audit_record import LargestMove
from rafair.search.counterpart_evaluator import CounterpartEvaluator
from rafair.tabular.encoding import Rows
from rafair.tabular.feasible import FeasibleSet
from rafair.tabular.perturbation import PerturbationSet
from rafair.tabular.scales import span_of
from rafair.tabular.schema import Feature, Schema

LOOKED_AT = 100
"""Rows that are moved to see what a feature decides."""


def largest_moves(
    schema: Schema, box: PerturbationSet, sweep: CounterpartEvaluator | None, rows: Rows
) -> dict[str, LargestMove]:
    """Of each feature that may move the largest move, those first on which most depends.

    Args:
        schema: The features.
        box: Where rows may move.
        sweep: Who is asked what a move changes; None asks nobody, and keeps the schema's order.
        rows: Encoded rows of shape `(n, d)`, of which some are moved.
    """
    some = rows[:LOOKED_AT]
    clean = None if sweep is None else _shares(sweep.predict(some))
    found = {}
    for column, feature in enumerate(schema.features):
        if box.epsilon[column] > 0:
            by = _by(feature, float(box.epsilon[column]), feasible=isinstance(box, FeasibleSet))
        elif any(column in category.columns for category in box.categories):
            by = None
        else:
            continue
        effect = None
        if sweep is not None and clean is not None:
            effect = max(_effect(sweep, box, some, clean, column, end) for end in (0, 1))
        found[feature.name] = LargestMove(by, effect)
    return dict(sorted(found.items(), key=lambda item: -(item[1].effect or 0.0)))


def most_asked(schema: Schema, instances: int) -> int:
    """The most rows that a model is asked about to see what features decide."""
    return (2 * len(schema) + 1) * min(instances, LOOKED_AT)


def _by(feature: Feature, epsilon: float, *, feasible: bool) -> float:
    """The largest move in the feature's unit, of an ordinal one in levels."""
    by = epsilon * span_of(feature)
    if not feasible:
        return float(f"{by:.6g}")
    by = min(by, feature.largest_change or by)
    grid = feature.grid if feature.kind.is_number else 1.0
    return float(f"{grid * np.floor(by / grid + 1e-4) if grid else by:.6g}")


def _effect(
    sweep: CounterpartEvaluator,
    box: PerturbationSet,
    rows: Rows,
    clean: Logits,
    column: int,
    end: int,
) -> float:
    """By how much the probability of a class changes where the feature goes to one end."""
    bounds = box.bounds(rows)
    moved = rows.copy()
    moved[:, column] = bounds[end][:, column]
    category = next((one for one in box.categories if column in one.columns), None)
    if category is not None:
        allowed = category.allowed(rows)
        # the first, or the last, of the levels that it may have instead
        order = allowed if end == 0 else allowed[:, ::-1]
        place = order.argmax(axis=1)
        level = place if end == 0 else allowed.shape[1] - 1 - place
        category.write(moved, np.where(allowed.any(axis=1), level, -1))
    answers = _shares(sweep.predict(box.nearest(moved, rows)))
    return float(np.abs(answers - clean).max(axis=1).mean())


def _shares(logits: Logits) -> Logits:
    """The classes' probabilities; shape `(n, c)`."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Logits = raised / raised.sum(axis=1, keepdims=True)
    return shares

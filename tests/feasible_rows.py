"""Are stored rows feasible? A check in plain pandas that shares no code with the projection."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

SINGLE = 3e-7  # what single precision may add to an encoded change


def infeasible_rows(
    stored: pd.DataFrame,
    clean: pd.DataFrame,
    schema: dict[str, Any],
    *,
    epsilon: float,
    max_category_changes: int = 1,
) -> list[str]:
    """What is wrong with stored rows, a line each; nothing if all could really happen.

    Args:
        stored: Rows of `adversarial.parquet` of attacks under feasible perturbations.
        clean: The audited rows as they were read, in the data's own units, by instance.
        schema: The schema, as `audit.json` holds it.
        epsilon: The largest change of each feature, as a share of its range.
        max_category_changes: How many categories may differ.
    """
    before = clean.loc[stored["instance"]].reset_index(drop=True)
    after = stored.reset_index(drop=True)
    found: list[str] = []
    changes = pd.Series(0, index=after.index)
    groups: dict[str, list[dict[str, Any]]] = {}
    frozen = _frozen(before, schema["relations"])
    for feature in schema["features"]:
        name = feature["name"]
        old, new = before[name], after[f"raw.{name}"]
        if feature["kind"] in ("numeric", "integer"):
            encoded = after[f"encoded.{name}"]
            checks = _number(feature, old.astype(float), new, encoded, epsilon)
            moved = ~np.isclose(new, old.astype(float), rtol=0, atol=1e-9 + _width(feature) * 1e-6)
        else:
            old, new = old.astype(str), new.astype(str)
            moved = (old != new).to_numpy()
            levels = list(map(str, feature["levels"]))
            checks = {"no known level": ~new.isin(levels)}
            if feature["kind"] == "ordinal":
                checks |= _ordinal(feature, levels, old, new, epsilon)
            elif feature["group"] is None:
                changes += moved
                checks |= _one_way(feature, new.map(levels.index) - old.map(levels.index))
            else:
                groups.setdefault(feature["group"], []).append(feature)
        if not feature["mutable"] or feature["sensitive"]:
            checks["moved, but immutable or sensitive"] = moved
        if name in frozen:
            checks["moved, though its relation was broken before"] = frozen[name] & moved
        found += [
            f"{name}, row {row}: {what} ({old[row]} to {new[row]})"
            for what, bad in checks.items()
            for row in np.flatnonzero(np.asarray(bad))
        ]
    for group, features in groups.items():
        names = [feature["name"] for feature in features]
        truths = {feature["name"]: str(feature["levels"][1]) for feature in features}
        was = np.column_stack([before[name].astype(str) == truths[name] for name in names])
        now = np.column_stack([after[f"raw.{name}"].astype(str) == truths[name] for name in names])
        moved = (was != now).any(axis=1)
        changes += moved
        two = np.flatnonzero(moved & (now.sum(axis=1) != 1))
        found += [f"group {group}, row {row}: {now[row].sum()} true" for row in two]
    many = np.flatnonzero(changes > max_category_changes)
    found += [f"row {row}: {changes[row]} categories changed" for row in many]
    for relation in schema["relations"]:
        held = _holds(relation, before)
        values = after[[f"raw.{name}" for name in clean.columns]].set_axis(clean.columns, axis=1)
        lost = np.flatnonzero(held & ~_holds(relation, values))
        found += [f"row {row}: {relation} no longer holds" for row in lost]
    return found


def _width(feature: dict[str, Any]) -> float:
    return float(feature["maximum"] - feature["minimum"])


def _number(
    feature: dict[str, Any], old: pd.Series, new: pd.Series, encoded: pd.Series, epsilon: float
) -> dict[str, Any]:
    width, change = _width(feature), new - old
    same = np.isclose(new, old, rtol=0, atol=1e-9)
    step = feature["step"] or (1 if feature["kind"] == "integer" else None)
    slack = width * 1e-6
    checks: dict[str, Any] = {
        "outside its range": (new < feature["minimum"]) | (new > feature["maximum"]),
        "beyond epsilon": change.abs() > epsilon * width + slack,
    }
    if step is not None:
        start = feature["minimum"] if feature["step"] else 0
        steps = (new - start) / step
        checks["off its grid"] = ~same & (np.abs(steps - steps.round()) > 1e-6)
        bits = ((new - feature["minimum"]) / width).astype(np.float32)
        checks["stored with other bits than its value has"] = bits != encoded
        slack = step * 1e-6
    if feature["largest_change"] is not None:
        checks["beyond its largest change"] = change.abs() > feature["largest_change"] + slack
    return checks | _one_way(feature, change, slack)


def _ordinal(
    feature: dict[str, Any], levels: list[str], old: pd.Series, new: pd.Series, epsilon: float
) -> dict[str, Any]:
    change = new.map(levels.index) - old.map(levels.index)
    checks = {"beyond epsilon": change.abs() / (len(levels) - 1) > epsilon + SINGLE}
    if feature["largest_change"] is not None:
        checks["beyond its largest change"] = change.abs() > feature["largest_change"]
    return checks | _one_way(feature, change)


def _one_way(feature: dict[str, Any], change: Any, slack: float = 0.0) -> dict[str, Any]:
    if feature["direction"] == "increase_only":
        return {"decreased": change < -slack}
    return {"increased": change > slack} if feature["direction"] == "decrease_only" else {}


def _holds(relation: str, rows: pd.DataFrame) -> np.ndarray:
    left, sign, right = re.split(r"(<=|>=|==)", relation)
    difference = np.asarray(rows.eval(f"({left}) - ({right})"), float)
    near = 3e-6 * (1 + np.abs(np.asarray(rows.eval(left), float)))
    return {
        "<=": difference <= near,
        ">=": difference >= -near,
        "==": np.abs(difference) <= near,
    }[sign]


def _frozen(before: pd.DataFrame, relations: list[str]) -> dict[str, np.ndarray]:
    """By feature, in which rows a relation it stands in was broken from the start."""
    frozen: dict[str, np.ndarray] = {}
    for relation in relations:
        broken = ~_holds(relation, before)
        for name in set(re.findall(r"[A-Za-z_]\w*", relation)):
            frozen[name] = frozen.get(name, False) | broken
    return frozen

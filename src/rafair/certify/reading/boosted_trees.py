"""The trees of XGBoost and LightGBM, from the formats in which they are saved."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.certify.reading.tree_form import (
    LEAF,
    Categories,
    Comparison,
    Nodes,
    Trees,
    grown,
    second_of_two,
)
from rafair.errors import ModelError

SINGLE, DOUBLE = 2.0**-23, 2.0**-52

LINK = 1e-5
"""How near to a tie a library that decides by rounded probabilities may see one."""

CATEGORICAL, DEFAULT_LEFT = 1, 2
ZERO_IS_MISSING, NAN_IS_MISSING = 1, 2


def xgboost_trees(booster: Any, rounds: int, where: str) -> Trees:
    """The trees of an XGBoost booster; what it adds up is single precision.

    Args:
        booster: The booster.
        rounds: How many of its rounds are used; 0 for all.
        where: What to call the model in messages.

    Raises:
        ModelError: If it is not made of plain trees.
    """
    used = booster[:rounds] if rounds else booster
    content = json.loads(bytes(used.save_raw("json")))["learner"]["gradient_booster"]
    if content["name"] != "gbtree":
        raise ModelError(f"model '{where}': expected plain trees (gbtree), got {content['name']}")
    stored = content["model"]["trees"]
    if any(int(tree["tree_param"]["size_leaf_vector"]) > 1 for tree in stored):
        raise ModelError(f"model '{where}': expected trees of one class each, got vector leaves")
    made = grown(
        [_xgboost_nodes(tree) for tree in stored],
        np.array(content["model"]["tree_info"], np.int64),
        Comparison(np.float32, strict=True),
        categories=[_xgboost_categories(tree) for tree in stored],
    )
    empty = np.full((1, used.num_features()), np.nan)
    margin = used.inplace_predict(empty, predict_type="margin", validate_features=False)
    return _completed(made, np.asarray(margin, np.float64).reshape(1, -1), SINGLE, empty)


def _xgboost_nodes(tree: dict[str, Any]) -> Nodes:
    left = np.array(tree["left_children"], np.int64)
    leaf = left < 0
    condition = np.array(tree["split_conditions"], np.float32).astype(np.float64)
    return Nodes(
        feature=np.where(leaf, LEAF, np.array(tree["split_indices"], np.int64)),
        threshold=condition,
        left=left,
        right=np.array(tree["right_children"], np.int64),
        missing_left=np.array(tree["default_left"], np.bool_),
        value=np.where(leaf, condition, 0),
    )


def _xgboost_categories(tree: dict[str, Any]) -> Categories:
    """By node, the categories that go to the right."""
    found = {}
    for node, start, size in zip(
        tree["categories_nodes"],
        tree["categories_segments"],
        tree["categories_sizes"],
        strict=True,
    ):
        found[int(node)] = (frozenset(tree["categories"][start : start + size]), False)
    return found


def lightgbm_trees(booster: Any, factor: float, where: str) -> Trees:
    """The trees of a LightGBM booster; what it adds up is double precision.

    Args:
        booster: The booster.
        factor: What its raw scores are multiplied with.
        where: What to call the model in messages.

    Raises:
        ModelError: If leaves are linear, or zeros stand for what is missing.
    """
    text = booster.model_to_string()
    per_round = booster.num_model_per_iteration()
    blocks = re.split(r"^Tree=\d+$", text.partition("\nend of trees")[0], flags=re.MULTILINE)[1:]
    fields = [dict(line.partition("=")[::2] for line in block.splitlines()) for block in blocks]
    parts = [_lightgbm_nodes(tree, where) for tree in fields]
    made = grown(
        [part._replace(value=part.value * factor) for part in parts],
        np.arange(len(parts)) % per_round,
        Comparison(np.float64, strict=False),
        categories=[_lightgbm_categories(tree) for tree in fields],
    )
    empty = np.full((1, booster.num_feature()), np.nan)
    given = booster.predict(empty, raw_score=True, num_threads=1) * factor
    return _completed(made, np.asarray(given, np.float64).reshape(1, -1), DOUBLE, empty)


def _lightgbm_nodes(tree: dict[str, str], where: str) -> Nodes:
    """Inner nodes first, then the leaves, which the format counts apart."""
    if int(tree.get("is_linear", "0")):
        raise ModelError(f"model '{where}': expected leaves of one number each, got linear ones")
    inner, leaves = int(tree["num_leaves"]) - 1, int(tree["num_leaves"])

    def numbers(name: str, dtype: Any = np.float64) -> NDArray[Any]:
        texts = tree.get(name, "").split() if inner else []
        return np.array([float(text) for text in texts], np.float64).astype(dtype)

    flags = numbers("decision_type", np.int64)
    missing = flags >> 2 & 3
    if (missing == ZERO_IS_MISSING).any():
        raise ModelError(
            f"model '{where}': takes zeros for missing (zero_as_missing), which cannot be certified"
        )
    threshold = numbers("threshold")
    # where nothing was missing in training, what is missing is 0
    default = np.where(missing == NAN_IS_MISSING, (flags & DEFAULT_LEFT) > 0, threshold >= 0)
    padding = np.zeros(leaves)
    own = np.array([float(text) for text in tree["leaf_value"].split()])
    return Nodes(
        feature=np.append(numbers("split_feature", np.int64), np.full(leaves, LEAF)),
        threshold=np.append(threshold, padding),
        left=_children(numbers("left_child", np.int64), inner),
        right=_children(numbers("right_child", np.int64), inner),
        missing_left=np.append(default & ((flags & CATEGORICAL) == 0), padding).astype(np.bool_),
        value=np.append(np.zeros(inner), own),
    )


def _children(places: NDArray[Any], inner: int) -> NDArray[Any]:
    leaves = np.full(inner + 1, 0, np.int64)
    return np.append(np.where(places < 0, inner + ~places, places), leaves)


def _lightgbm_categories(tree: dict[str, str]) -> Categories:
    """By node, the categories that go to the left."""
    if not int(tree.get("num_cat", "0")):
        return {}
    ends = [int(text) for text in tree["cat_boundaries"].split()]
    words = [int(text) for text in tree["cat_threshold"].split()]
    found = {}
    flags = [int(text) for text in tree["decision_type"].split()]
    thresholds = [float(text) for text in tree["threshold"].split()]
    for node, (flag, threshold) in enumerate(zip(flags, thresholds, strict=True)):
        if flag & CATEGORICAL:
            own = words[ends[int(threshold)] : ends[int(threshold) + 1]]
            codes = [
                32 * i + bit for i, word in enumerate(own) for bit in range(32) if word >> bit & 1
            ]
            found[node] = (frozenset(codes), True)
    return found


def _completed(
    trees: Trees, given: NDArray[np.float64], roundoff: float, row: NDArray[np.float64]
) -> Trees:
    """The trees with the scores before them, which are what they leave of a row's own.

    Any order of adding up loses at most as many roundoffs as there are terms, of their sizes' sum.
    """
    scores = second_of_two(given) if given.shape[1] == 1 else given
    base = (scores - trees.scores(row))[0]
    sizes = np.abs(trees.values).max(axis=1)
    most = np.maximum.reduceat(sizes, trees.roots) if len(sizes) else np.zeros(1)
    total = most.sum() + np.abs(base).max() + np.abs(scores).max()
    return replace(trees, base=base, slack=float((len(trees.roots) + 4) * roundoff * total + LINK))

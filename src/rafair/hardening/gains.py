"""What a hardening gained and what it cost, in sentences that figures decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NEAR = 0.02
"""How little above the largest class's share an accuracy may be for that class to explain it."""


def points(difference: float) -> str:
    """A difference of rates in percentage points, with its sign.

    Example:
        >>> points(0.39), points(-0.006)
        ('+39.0 points', '−0.6 points')
    """
    sign = "+" if round(difference * 100, 1) >= 0 else "−"
    return f"{sign}{abs(difference) * 100:.1f} points"


def summary(document: Mapping[str, Any]) -> list[str]:
    """The sentences that stand first.

    Args:
        document: The content of `harden.json`.
    """
    found = [_gain(document)]
    if document["checks"]["majority"]["explains"]:
        found.append(_majority(document))
    found.append(_sensitive(document))
    return found


def majority_explains(after: Mapping[str, Any], share: float) -> bool:
    """Whether a model that always named the largest class would do about as well.

    Such a model is right for that share, alike for all, and no perturbation changes it.

    Args:
        after: The `test` section after hardening.
        share: The share of the largest class in the test split.

    Example:
        >>> majority_explains({"accuracy": {"value": 0.894}}, share=0.883)
        True
    """
    return bool(after["accuracy"]["value"] <= share + NEAR)


def _gain(document: Mapping[str, Any]) -> str:
    epsilon = f"{document['epsilon']:g}"
    before, after = document["before"], document["after"]
    was = before["robust"][epsilon]["accurate_fairness"]
    now = after["robust"][epsilon]["accurate_fairness"]
    right, still = before["test"]["accuracy"], after["test"]["accuracy"]
    moved = _moved(now["value"] - was["value"], was, now)
    cost = points(still["value"] - right["value"])
    networks = len(document["seeds"])
    means = f", means of {networks} networks" if networks > 1 else ""
    return (
        f"Robust accurate fairness at epsilon {epsilon} {moved} from {was['value']:.3f} to "
        f"{now['value']:.3f} ({points(now['value'] - was['value'])}), as far as the judges found; "
        f"accuracy on the test split went from {right['value']:.3f} to {still['value']:.3f} "
        f"({cost}){means}."
    )


def _moved(difference: float, was: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    if was["low"] <= now["value"] <= was["high"]:
        return "went, within its interval,"
    return "rose" if difference > 0 else "fell"


def _majority(document: Mapping[str, Any]) -> str:
    majority = document["checks"]["majority"]
    was = document["before"]["test"]["balanced_accuracy"]["value"]
    now = document["after"]["test"]["balanced_accuracy"]["value"]
    went = "fell" if was - now > NEAR else "went"
    return (
        "The largest class explains at least part of this: a model that always named it would be "
        f"right for {majority['share']:.3f} of the test split, with robust accurate fairness "
        f"{majority['robust_accurate_fairness']:.3f} on the judged instances at any epsilon. "
        f"Balanced accuracy {went} from {was:.3f} to {now:.3f}."
    )


def _sensitive(document: Mapping[str, Any]) -> str:
    names = ", ".join(document["dataset"]["sensitive"])
    if document["method"]["uses_sensitive_values"]:
        return (
            f"The hardened model still looks at a row's own {names}: their values may sway an "
            "answer wherever the judges found no violation."
        )
    return (
        f"The hardened model does not look at a row's own {names}; what other features tell of "
        "them it still uses."
    )

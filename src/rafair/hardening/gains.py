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


def majority_explains(document: Mapping[str, Any]) -> bool:
    """Whether a model that always named the largest class explains a gain, at least in part.

    Such a model is right for that class's share, alike for all, and no perturbation changes it. It
    does where robust accurate fairness rose, but not clearly beyond that model's, or where the
    hardened model is hardly more often right.

    Args:
        document: The content of `harden.json`, but for this answer.
    """
    epsilon = f"{document['epsilon']:g}"
    majority, after = document["checks"]["majority"], document["after"]
    robust = after["robust"][epsilon]["accurate_fairness"]["value"]
    rose = robust > document["before"]["robust"][epsilon]["accurate_fairness"]["value"]
    near = after["test"]["accuracy"]["value"] <= majority["share"] + NEAR
    return bool(rose and (near or robust <= majority["robust_accurate_fairness"] + NEAR))


def _gain(document: Mapping[str, Any]) -> str:
    epsilon = f"{document['epsilon']:g}"
    before, after = document["before"], document["after"]
    was = before["robust"][epsilon]["accurate_fairness"]
    now = after["robust"][epsilon]["accurate_fairness"]
    right, still = before["test"]["accuracy"], after["test"]["accuracy"]
    moved = _moved(document["change"]["robust"][epsilon]["accurate_fairness"])
    cost = points(still["value"] - right["value"])
    networks = len(document["seeds"])
    rows = "all rows" if document["dataset"].get("file") else "the test split"
    means = f", means of {networks} networks" if networks > 1 else ""
    return (
        f"Robust accurate fairness at epsilon {epsilon} {moved} from {was['value']:.3f} to "
        f"{now['value']:.3f} ({points(now['value'] - was['value'])}{_interval(document)}), as far "
        f"as the judges found; accuracy on {rows} went from {right['value']:.3f} to "
        f"{still['value']:.3f} ({cost}){means}."
    )


def _interval(document: Mapping[str, Any]) -> str:
    change = document["change"]["robust"][f"{document['epsilon']:g}"]["accurate_fairness"]
    low, high = (points(change[end]).removesuffix(" points") for end in ("low", "high"))
    return f", 95 % interval {low} to {high}"


def _moved(change: Mapping[str, Any]) -> str:
    """Whether it rose or fell beyond the interval of paired instances."""
    if change["low"] > 0:
        return "rose"
    return "fell" if change["high"] < 0 else "went, within its interval,"


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
    *others, last = document["dataset"]["sensitive"]
    names = f"{', '.join(others)} and {last}" if others else last
    if document["method"]["uses_sensitive_values"]:
        return (
            f"The hardened model still looks at a row's own {names}: their values may sway an "
            "answer wherever the judges found no violation."
        )
    return (
        f"The hardened model does not look at a row's own {names}; what other features tell of "
        "them it still uses."
    )

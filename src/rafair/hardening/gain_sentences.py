"""Sentences on what a hardening gained and cost, chosen by the figures."""

from __future__ import annotations

from collections.abc import Iterator

from rafair.results.hardening_record import Change, HardeningRecord, MeanRate, Side
from rafair.wording import joined

AF = "accurate_fairness"
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


def summary(record: HardeningRecord) -> list[str]:
    """The sentences that stand first."""
    majority = [_majority(record)] if record.checks.majority.explains else []
    return [_gain(record), *_certified(record), *majority, _sensitive(record)]


def majority_explains(
    before: Side[MeanRate], after: Side[MeanRate], at: str, share: float, constant: float
) -> bool:
    """Whether a model that always named the largest class explains a gain, at least in part.

    Such a model is right for that class's share, alike for all, and no perturbation changes it. It
    does where robust accurate fairness rose, but not clearly beyond that model's, or where the
    hardened model is hardly more often right.

    Args:
        before: The rates before.
        after: The rates after.
        at: The epsilon of training, as a text.
        share: The largest class's.
        constant: That model's robust accurate fairness.
    """
    robust = after.robust[at][AF].value
    near = after.test["accuracy"].value <= share + NEAR
    return robust > before.robust[at][AF].value and (near or robust <= constant + NEAR)


def _gain(record: HardeningRecord) -> str:
    at, before, after = record.at, record.before, record.after
    was, now = before.robust[at][AF].value, after.robust[at][AF].value
    right, still = before.test["accuracy"].value, after.test["accuracy"].value
    change, networks = record.change.robust[at][AF], len(record.seeds)
    low, high = (points(end).removesuffix(" points") for end in (change.low, change.high))
    rows = "all rows" if record.dataset.file else "the test split"
    means = f", means of {networks} networks" if networks > 1 else ""
    return (
        f"Robust accurate fairness at epsilon {at} {_moved(change)} from {was:.3f} to {now:.3f} "
        f"({points(now - was)}, 95 % interval {low} to {high}), as far as the judges found; "
        f"accuracy on {rows} went from {right:.3f} to {still:.3f} ({points(still - right)}){means}."
    )


def _certified(record: HardeningRecord) -> Iterator[str]:
    """What is proven at the epsilon of training, before and after, or why nothing is."""
    proven, at = record.certified, record.at
    if proven is None:
        return
    for why in proven.said:
        yield f"Not certified, {why}."
    if proven.before is None or proven.after is None or proven.change is None:
        return
    was, now = (side[at][AF] for side in (proven.before, proven.after))
    change = proven.change[at][AF]["certified"]
    low, high = (points(end).removesuffix(" points") for end in (change.low, change.high))
    ends = [1 - side["refuted"].value for side in (was, now)]
    left = f"not refuted: {ends[0]:.3f} before, {ends[1]:.3f} after."
    if not now["certified"].value and now["open"].value:
        yield (
            f"Certified accurate fairness at epsilon {at}: {was['certified'].value:.3f} before; "
            f"after hardening nothing was proven, for want of a proof and not by violations; {left}"
        )
        return
    yield (
        f"Certified accurate fairness at epsilon {at} {_moved(change)} from "
        f"{was['certified'].value:.3f} to {now['certified'].value:.3f} "
        f"({points(change.value)}, 95 % interval {low} to {high}): proven for every perturbation; "
        f"{left}"
    )


def _moved(change: Change) -> str:
    """Whether it rose or fell beyond the interval of paired instances."""
    if change.low > 0:
        return "rose"
    return "fell" if change.high < 0 else "went, within its interval,"


def _majority(record: HardeningRecord) -> str:
    majority = record.checks.majority
    was, now = (side.test["balanced_accuracy"].value for side in (record.before, record.after))
    went = "fell" if was - now > NEAR else "went"
    return (
        "The largest class explains at least part of this: a model that always named it would be "
        f"right for {majority.share:.3f} of the test split, with robust accurate fairness "
        f"{majority.robust_accurate_fairness:.3f} on the judged instances at any epsilon. "
        f"Balanced accuracy {went} from {was:.3f} to {now:.3f}."
    )


def _sensitive(record: HardeningRecord) -> str:
    names = joined([*record.dataset.sensitive])
    if record.method.uses_sensitive_values:
        return (
            f"The hardened model still looks at a row's own {names}: their values may sway an "
            "answer wherever the judges found no violation."
        )
    return (
        f"The hardened model does not look at a row's own {names}; what other features tell of "
        "them it still uses."
    )

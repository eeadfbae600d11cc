"""Which features no perturbation of a run can move, and why."""

from __future__ import annotations

from collections.abc import Sequence

from rafair.results.options import Perturbation
from rafair.results.record import AuditRecord
from rafair.visible import shortened

MOST_NAMED = 12
"""Features that are named of one kind."""


def still(record: AuditRecord) -> str:
    """The features at rest, by why they are; empty where all move or nothing was attacked.

    Args:
        record: The audit.
    """
    if not record.attacks:
        return ""
    coarse = record.feasible.too_coarse if record.feasible else []
    features = [f for f in record.dataset.schema.features if not f.sensitive and not f.mutable]
    both = record.options.perturbation == Perturbation.BOTH
    why = "values lie further apart than epsilon"
    if record.dataset.schema.own:  # whose whole numbers may move one step however small it is
        why = "their range is so wide that single precision tells no near values apart; is there "
        why += "an outlier, or a code such as 999999?"
    why += " (if feasible)" if both else ""
    reasons = {
        why: coarse,
        "immutable": [f.name for f in features if not (f.is_opaque or f.derive)],
        "derived, at rest under the paper's perturbations": [
            feature.name
            for feature in features
            if feature.derive and record.options.perturbation != Perturbation.FEASIBLE
        ],
        "opaque": [feature.name for feature in features if feature.is_opaque],
    }
    return "; ".join(f"{_few(names)}: {why}" for why, names in reasons.items() if names)


def _few(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    listed = ", ".join(map(shortened, names[:MOST_NAMED]))
    return f"{listed} and {more:,} more" if more > 0 else listed

"""The figures that the paper prints, as data: its Tables 3 and 4.

Source: X. Li et al., "The Double-Edged Sword of Input Perturbations to Robust Accurate Fairness",
arXiv 2404.01356v1. All are means over Adult, Bank, Credit and COMPAS.
"""

from __future__ import annotations

from collections.abc import Mapping

METRICS: dict[str, str] = {
    "r_acc": "accuracy",
    "r_if": "individual_fairness",
    "r_af": "accurate_fairness",
    "tfr": "true_fair",
    "tbr": "true_biased",
    "ffr": "false_fair",
    "fbr": "false_biased",
}
"""The tables' columns, and the keys of `audit.json` that hold the same."""

Published = Mapping[str, tuple[float, ...]]

TABLE3: Published = {
    "clean": (0.883, 0.774, 0.718, 0.718, 0.165, 0.056, 0.061),
    "rafair-tb": (0.957, 0.701, 0.669, 0.669, 0.288, 0.032, 0.011),
    "rafair-ff": (0.370, 0.712, 0.277, 0.277, 0.093, 0.435, 0.195),
    "rafair-fb": (0.673, 0.647, 0.600, 0.600, 0.073, 0.047, 0.280),
    "rafair": (0.327, 0.424, 0.224, 0.224, 0.362, 0.266, 0.148),
    "apgd": (0.434, 0.593, 0.394, 0.394, 0.040, 0.198, 0.367),
    "acg": (0.791, 0.689, 0.601, 0.601, 0.190, 0.089, 0.120),
    "adf": (0.684, 0.582, 0.469, 0.469, 0.215, 0.112, 0.204),
    "dice": (0.867, 0.787, 0.722, 0.722, 0.145, 0.065, 0.069),
}

TABLE4: Published = {
    "rafair-tb": (0.992, 0.909, 0.906, 0.906, 0.087, 0.004, 0.004),
    "rafair-ff": (0.873, 0.786, 0.694, 0.694, 0.179, 0.092, 0.036),
    "rafair-fb": (0.985, 0.917, 0.913, 0.913, 0.072, 0.004, 0.011),
    "rafair": (0.933, 0.864, 0.808, 0.808, 0.126, 0.056, 0.010),
    "apgd": (0.995, 0.922, 0.920, 0.920, 0.075, 0.003, 0.003),
    "acg": (0.995, 0.922, 0.920, 0.920, 0.075, 0.003, 0.003),
    "adf": (0.995, 0.922, 0.920, 0.920, 0.075, 0.003, 0.003),
    "dice": (0.995, 0.922, 0.920, 0.920, 0.075, 0.003, 0.003),
}


def published(table: Published, attack: str, metric: str) -> float | None:
    """A figure of the paper; None where it has none.

    Example:
        >>> published(TABLE3, "rafair", "r_af"), published(TABLE3, "eidig", "r_af")
        (0.224, None)
    """
    row = table.get(attack)
    return None if row is None else row[list(METRICS).index(metric)]

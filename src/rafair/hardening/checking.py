"""Checks of the judges themselves: nested boxes, and gradients that only look robust."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rafair.engine.progress import SILENT, Progress
from rafair.hardening.judging import Judge, Judgement
from rafair.metrics.rates import rate
from rafair.models.classifier import Classifier

BLACK_BOX_STEPS = 5
MOST_CHECKED = 100
MOST_BROKEN = 0.05
"""The share of instances that a weaker attack may break where the panel did not, by bad luck."""

MOST_ZERO_GRADIENTS = 0.01


@dataclass(frozen=True)
class MaskingCheck:
    """Black-box RAFair and noise on instances that the panel left right and alike.

    Neither follows the model's gradients. Should they break many of these, gradients were no guide
    to the panel, and its robust rates say too much.

    Args:
        judge: The panel's judge, on all instances.
    """

    judge: Judge

    def __call__(
        self,
        classifier: Classifier,
        epsilon: float,
        panel: Judgement,
        progress: Progress = SILENT,
    ) -> dict[str, dict[str, int]]:
        """How many of at most `MOST_CHECKED` instances each of the two breaks.

        Args:
            classifier: The hardened model.
            epsilon: The largest change of a feature.
            panel: What the panel found at this epsilon.
            progress: Where a bar is shown.
        """
        standing = np.flatnonzero(panel.both)
        if len(standing) > MOST_CHECKED:
            drawn = np.random.default_rng(self.judge.seed)
            standing = np.sort(drawn.choice(standing, MOST_CHECKED, replace=False))
        table = self.judge.table.take(standing)
        blind = replace(
            self.judge, table=table, attacks=("rafair",), steps=BLACK_BOX_STEPS, black_box=True
        )
        noise = replace(self.judge, table=table, attacks=("noise",))
        return {
            name: {"broken": _broken(judge, classifier, epsilon, progress), "n": len(standing)}
            for name, judge in (("black_box", blind), ("noise", noise))
        }

    def cost(self) -> int:
        """The most rows that a check can need."""
        n = min(MOST_CHECKED, len(self.judge.table))
        blind = replace(self.judge, attacks=("rafair",), steps=BLACK_BOX_STEPS, black_box=True)
        noise = replace(self.judge, attacks=("noise",))
        return blind.cost(n).total + noise.cost(n).total


def _broken(judge: Judge, classifier: Classifier, epsilon: float, progress: Progress) -> int:
    if not len(judge.table):
        return 0
    return int(np.count_nonzero(~judge(classifier, epsilon, progress).both))


def rises(robust: Mapping[str, Mapping[str, Any]], side: str) -> list[dict[str, Any]]:
    """Where a larger epsilon raised a robust rate beyond its interval at a smaller one.

    Boxes nest, so that a true robust rate cannot rise: the judges missed something.

    Args:
        robust: The rates by epsilon, as in `harden.json`.
        side: "before" or "after".

    Example:
        >>> low = {"accuracy": {"value": 0.5, "low": 0.4, "high": 0.6}}
        >>> rises({"0.1": low, "0.2": {"accuracy": {"value": 0.7}}}, "after")[0]["epsilons"]
        [0.1, 0.2]
    """
    found = []
    epsilons = sorted(robust, key=float)
    for number, small in enumerate(epsilons):
        for large in epsilons[number + 1 :]:
            for name, rate_at_small in robust[small].items():
                value = robust[large][name]["value"]
                if value > rate_at_small["high"]:
                    found.append(
                        {
                            "side": side,
                            "rate": name,
                            "epsilons": [float(small), float(large)],
                            "values": [rate_at_small["value"], value],
                        }
                    )
    return found


def pooled(checks: Sequence[Mapping[str, Mapping[str, int]]], epsilon: float) -> dict[str, Any]:
    """The masking checks of several networks together, and whether they look beyond chance."""
    document: dict[str, Any] = {"epsilon": epsilon}
    for name in ("black_box", "noise"):
        broken = sum(check[name]["broken"] for check in checks)
        n = sum(check[name]["n"] for check in checks)
        found = rate(broken, n)
        beyond = found is not None and found.low > MOST_BROKEN
        document[name] = {"broken": broken, "n": n, "beyond_chance": beyond}
    return document


def zero_gradients(judgements: Sequence[Judgement]) -> dict[str, Any] | None:
    """The share of clean rows without any gradient; None where none was asked for."""
    counts = [each.zero_gradient for each in judgements]
    if any(count is None for count in counts):
        return None
    found = rate(sum(count or 0 for count in counts), sum(len(each.both) for each in judgements))
    return found.to_dict() if found else None

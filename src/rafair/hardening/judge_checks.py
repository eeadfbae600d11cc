"""Checks of the judges themselves: nested boxes, and gradients that only look robust."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from rafair.engine.progress import SILENT, Progress
from rafair.hardening.attack_panel import AttackPanel, Judgement
from rafair.metrics.rates import Rate, rate
from rafair.models.classifier import Classifier
from rafair.results.hardening_record import Broken, Masking, MeanRate, Rise

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

    judge: AttackPanel

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
        return blind.cost(n) + noise.cost(n)


def _broken(judge: AttackPanel, classifier: Classifier, epsilon: float, progress: Progress) -> int:
    if not len(judge.table):
        return 0
    return int(np.count_nonzero(~judge(classifier, epsilon, progress).both))


def rises(robust: Mapping[str, Mapping[str, MeanRate]], side: str) -> list[Rise]:
    """Where a larger epsilon raised a robust rate beyond its interval at a smaller one.

    Boxes nest, so that a true robust rate cannot rise: the judges missed something.

    Args:
        robust: The rates by epsilon, as in `harden.json`.
        side: "before" or "after".

    Example:
        >>> low, high = MeanRate(0.5, None, 0.4, 0.6), MeanRate(0.7, None, 0.6, 0.8)
        >>> rises({"0.1": {"accuracy": low}, "0.2": {"accuracy": high}}, "after")[0].epsilons
        (0.1, 0.2)
    """
    return [
        Rise(side, name, (float(small), float(large)), (at_small.value, robust[large][name].value))
        for small, large in combinations(sorted(robust, key=float), 2)
        for name, at_small in robust[small].items()
        if robust[large][name].value > at_small.high
    ]


def pooled(checks: Sequence[Mapping[str, Mapping[str, int]]], epsilon: float) -> Masking:
    """The masking checks of several networks together, and whether they look beyond chance."""
    found = {}
    for name in ("black_box", "noise"):
        broken = sum(check[name]["broken"] for check in checks)
        n = sum(check[name]["n"] for check in checks)
        share = rate(broken, n)
        found[name] = Broken(broken, n, share is not None and share.low > MOST_BROKEN)
    return Masking(epsilon, **found)


def zero_gradients(judgements: Sequence[Judgement]) -> Rate | None:
    """The share of clean rows without any gradient; None where none was asked for."""
    counts = [each.zero_gradient for each in judgements]
    if any(count is None for count in counts):
        return None
    return rate(sum(count or 0 for count in counts), sum(len(each.both) for each in judgements))

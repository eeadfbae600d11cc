"""Rates of one network, and of several on the same instances: mean, spread and interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafair.auditing.evaluation import Flags
from rafair.hardening.attack_panel import Judgement
from rafair.metrics import verdict_rates
from rafair.metrics.rate_difference import paired_rates
from rafair.metrics.rates import CONFIDENCE, rate, resampled_means
from rafair.models.classifier import Labels
from rafair.results.hardening_record import Change, MeanRate, NetworkRate, Side
from rafair.verdicts import Verdict


@dataclass(frozen=True)
class Measured:
    """What is known of one network.

    Args:
        labels: The true class of each row of the whole test split; shape `(m,)`.
        predictions: What the network takes them for; shape `(m,)`.
        judgements: What the judges found, by epsilon, of the judged instances.
    """

    labels: Labels
    predictions: Labels
    judgements: dict[float, Judgement]

    @property
    def right(self) -> Flags:
        """Which test rows it takes for what they are; shape `(m,)`."""
        right: Flags = self.predictions == self.labels
        return right

    @property
    def clean(self) -> NDArray[np.int8]:
        """The verdicts of the judged instances' clean rows; shape `(n,)`."""
        return next(iter(self.judgements.values())).clean


def rates_of(network: Measured) -> Side[NetworkRate]:
    """All rates of one network."""
    mean, n = balanced_accuracy([network], 0), len(network.labels)
    balanced = NetworkRate(mean.value, None, n, mean.low, mean.high)
    return Side(
        {"accuracy": _one(network.right), "balanced_accuracy": balanced},
        {name: _one(holds) for name, holds in _cells(network.clean).items()},
        {
            f"{epsilon:g}": {name: _one(look(found)) for name, look in ROBUST.items()}
            for epsilon, found in network.judgements.items()
        },
    )


def mean_rates(networks: Sequence[Measured], seed: int) -> Side[MeanRate]:
    """The mean of all rates over networks.

    The interval is Wilson's over the instances for one network, and a bootstrap over instances of
    their means for several.

    Args:
        networks: All of them measured on the same rows.
        seed: The seed of the resampling.
    """
    cells = [_cells(one.clean) for one in networks]
    accuracy = mean_rate([one.right for one in networks], seed)
    return Side(
        {"accuracy": accuracy, "balanced_accuracy": balanced_accuracy(networks, seed)},
        {name: mean_rate([each[name] for each in cells], seed) for name in cells[0]},
        {
            f"{epsilon:g}": {
                name: mean_rate([look(one.judgements[epsilon]) for one in networks], seed)
                for name, look in ROBUST.items()
            }
            for epsilon in networks[0].judgements
        },
    )


def mean_changes(
    before: Sequence[Measured], after: Sequence[Measured]
) -> dict[str, dict[str, Change]]:
    """After minus before of every robust rate, of the same instances.

    Of several networks an instance counts with the share of them in which it held; the interval is
    that of paired instances (`metrics.differences.paired_rates`).
    """
    changes = {}
    for epsilon in before[0].judgements:
        found = {}
        for name, look in ROBUST.items():
            sides = (
                np.mean([look(one.judgements[epsilon]) for one in side], axis=0)
                for side in (after, before)
            )
            change = paired_rates(*sides)
            assert change is not None  # instances are judged on both sides
            found[name] = Change(change.value, change.low, change.high)
        changes[f"{epsilon:g}"] = found
    return changes


ROBUST: dict[str, Callable[[Judgement], Flags]] = {
    "accuracy": lambda found: found.accurate,
    "individual_fairness": lambda found: found.fair,
    "accurate_fairness": lambda found: found.both,
}


def mean_rate(holds: Sequence[Flags], seed: int) -> MeanRate:
    """The mean share over networks; each of shape `(n,)`, of the same instances in the same order.

    Example:
        >>> mean_rate([np.array([True, False]), np.array([True, True])], 0).value
        0.75
    """
    if len(holds) == 1:
        one = _one(holds[0])
        return MeanRate(one.value, None, one.low, one.high)
    each = np.array(holds, np.float64)
    return _summary(each.mean(axis=1), resampled_means(each.mean(axis=0), seed))


def balanced_accuracy(networks: Sequence[Measured], seed: int) -> MeanRate:
    """The mean of the classes' accuracies; its interval is a bootstrap within each class.

    Example:
        >>> labels = np.array([0, 0, 0, 1])
        >>> balanced_accuracy([Measured(labels, np.zeros(4, np.int64), {})], 0).value
        0.5
    """
    labels = networks[0].labels
    right = np.array([one.right for one in networks], np.float64)
    classes = [right[:, labels == c] for c in np.unique(labels)]
    values = np.mean([own.mean(axis=1) for own in classes], axis=0)
    drawn = [resampled_means(own.mean(axis=0), seed + c) for c, own in enumerate(classes)]
    return _summary(values, np.mean(drawn, axis=0))


def _summary(values: NDArray[np.float64], drawn: NDArray[np.float64]) -> MeanRate:
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    sd = float(values.std(ddof=1)) if len(values) > 1 else None
    # the mean of the draws may miss the value by the rounding of sums
    value = float(values.mean())
    return MeanRate(value, sd, min(float(low), value), max(float(high), value))


def _cells(codes: NDArray[np.int8]) -> dict[str, Flags]:
    """Which verdicts count for each rate; each of shape `(n,)`."""
    return {
        "accuracy": verdict_rates.accurate(codes),
        "individual_fairness": verdict_rates.fair(codes),
        "accurate_fairness": codes == Verdict.TRUE_FAIR,
        **{verdict.name.lower(): codes == verdict for verdict in Verdict},
    }


def _one(holds: Flags) -> NetworkRate:
    found = rate(int(np.count_nonzero(holds)), len(holds))
    assert found is not None
    return NetworkRate(found.value, found.count, found.n, found.low, found.high)

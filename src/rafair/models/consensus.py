"""Consensus: the mean answer over all sensitive values, whatever the row's own are."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafair.arguments import check_whole
from rafair.errors import InputError, ModelError
from rafair.models.answer_cache import CachedClassifier
from rafair.models.classifier import Around, Classifier, Cotangent, Logits, Rows
from rafair.models.decision import OWN
from rafair.models.marginalized_classifier import MarginalizedClassifier
from rafair.tabular.counterparts import Counterparts

MOST_COMBINATIONS = 100_000
"""Rows that one prediction may cost."""

DOUBT = 1.96
"""A decision is doubtful where the two largest logits lie nearer than so many standard errors."""


@dataclass(frozen=True)
class SampledMeans:
    """What a sample of the combinations says of the mean over all of them.

    Args:
        logits: The means over the sample; shape `(n, c)`.
        standard_error: How far they are from the means over all combinations, as one standard
            error, the correction for finite populations included; shape `(n, c)`.
        doubtful: Whether the two largest logits lie within 1.96 standard errors of their
            difference, so that the mean over all combinations might decide otherwise; `(n,)`.
    """

    logits: Logits
    standard_error: NDArray[np.float64]
    doubtful: NDArray[np.bool_]


class ConsensusClassifier(Around):
    """Averages another model's logits over the sensitive domain.

    The row's own sensitive values are not looked at, so that all counterparts get the very same
    logits, to the last bit, in any batch: no perturbation of any size makes them differ. Nothing is
    trained, and the mean may be wrong for more rows than the model itself.

    Args:
        classifier: The model. Where it gives no gradients, it is asked about each row once.
        counterparts: All combinations of sensitive values.
        sample: Over how many of them to average, the same ones for every row; None for all.
        seed: Decides which.

    Raises:
        InputError: If there are too many combinations, or a sample is not of 2 to all of them.
        ModelError: If the model decides by a rule of its own: what it would say of means, nobody
            can tell.

    Example:
        >>> from rafair.models.function_classifier import FunctionClassifier
        >>> model = FunctionClassifier(lambda rows: np.stack([rows[:, 0], rows[:, 1]], axis=1))
        >>> both = Counterparts([0], [np.float32([0, 1])])
        >>> ConsensusClassifier(model, both).logits(np.float32([[0, 0.3], [1, 0.3]])).tolist()
        [[0.5, 0.30000001192092896], [0.5, 0.30000001192092896]]
    """

    block_rows = 1

    def __init__(
        self,
        classifier: Classifier,
        counterparts: Counterparts,
        *,
        sample: int | None = None,
        seed: int = 0,
    ) -> None:
        if classifier.terms.decision.rule == OWN:
            raise ModelError(
                f"model '{classifier.name}': decides by a rule of its own, not by its scores "
                "alone; what it would decide of a consensus, their mean, is not known"
            )
        self.name = f"consensus of {classifier.name}"
        self.n_features, self.n_classes = classifier.n_features, classifier.n_classes
        self.terms = classifier.terms
        self._counterparts = counterparts
        self._inner = classifier
        self._chosen = combinations_to_average(counterparts, sample, seed)
        self._means = MarginalizedClassifier(classifier, counterparts, self._chosen)
        self._asked = self._means if classifier.differentiable else CachedClassifier(self._means)
        self._frozen = list(counterparts.columns)

    @property
    def rows_per_prediction(self) -> int:
        """How many rows the model is asked about for one prediction."""
        return len(self._chosen)

    @property
    def sha256(self) -> str | None:
        """The hash of the model's own, and of the combinations; None where it has none."""
        if self._inner.sha256 is None:
            return None
        parts = [b"consensus", self._inner.sha256.encode(), repr(self._frozen).encode()]
        parts += [domain.tobytes() for domain in self._counterparts.domains]
        if len(self._chosen) < self._counterparts.size:
            parts.append(self._chosen.tobytes())
        return hashlib.sha256(b"\0".join(parts)).hexdigest()

    def logits(self, rows: Rows) -> Logits:
        """Logits of shape `(n, c)`."""
        if not len(rows):
            return np.empty((0, self.n_classes or 0), np.float32)
        people, which = _distinct(self._plain(rows))
        mean: Logits = self._asked.logits(people)[which]
        return mean

    def logits_and_gradients(self, rows: Rows, cotangent: Cotangent) -> tuple[Logits, Rows]:
        """Logits `(n, c)` and gradients `(n, d)`, which are zero for sensitive features.

        Raises:
            ModelError: If the model itself gives no gradients.
        """
        if not self.differentiable:
            raise ModelError(f"model '{self.name}': has no gradients, as its model has none")
        logits = self.logits(rows)
        weights = np.asarray(cotangent(logits, slice(0, len(rows))), np.float32)
        width = rows.shape[1]
        # people may be asked about with other weights as well
        asked, which = _distinct(np.concatenate([self._plain(rows), weights], axis=1))
        slopes = self._means.slopes(asked[:, :width], asked[:, width:])
        slopes[:, self._frozen] = 0
        return logits, slopes[which]

    def sampled(self, rows: Rows) -> SampledMeans:
        """The means with how far they may be from those over all combinations.

        Args:
            rows: Encoded rows of shape `(n, d)`.
        """
        people, which = _distinct(self._plain(rows))
        n, size = len(self._chosen), self._counterparts.size
        share = math.sqrt((1 - n / size) / n)
        logits, errors, doubtful = [], [], []
        for each in self._means.of_combinations(people):
            values = each.astype(np.float64)
            mean = values.mean(axis=1)
            second, first = np.argsort(mean, axis=1, kind="stable")[:, -2:].T
            place = np.arange(len(values))
            lead = values[place, :, first] - values[place, :, second]
            logits.append(mean)
            errors.append(values.std(axis=1, ddof=1) * share)
            doubtful.append(lead.mean(axis=1) <= DOUBT * share * lead.std(axis=1, ddof=1))
        found = (np.concatenate(parts)[which] for parts in (logits, errors, doubtful))
        means, error, doubt = found
        return SampledMeans(means.astype(np.float32), error, doubt & (n < size))

    def _plain(self, rows: Rows) -> Rows:
        """The rows without their own sensitive values; shape `(n, d)`."""
        plain: Rows = rows + np.float32(0)  # a copy, in which -0 is 0
        plain[:, self._frozen] = 0
        return plain


def combinations_to_average(
    counterparts: Counterparts, sample: int | None = None, seed: int = 0
) -> NDArray[np.int64]:
    """The combinations that a consensus is the mean of, as indices of counterparts, ascending.

    Args:
        counterparts: All combinations of sensitive values.
        sample: How many of them; None for all.
        seed: Decides which.

    Raises:
        InputError: If there are too many, or a sample is not of 2 to all of them.

    Example:
        >>> three = Counterparts([0], [np.float32([0, 0.5, 1])])
        >>> combinations_to_average(three).tolist()
        [0, 1, 2]
        >>> combinations_to_average(three, sample=2, seed=1).tolist()
        [0, 1]
    """
    size = counterparts.size
    if sample is None:
        if size > MOST_COMBINATIONS:
            raise InputError(
                f"consensus: expected at most {MOST_COMBINATIONS:,} combinations of sensitive "
                f"values, found {size:,}, so that every prediction would cost {size:,} rows; "
                "sample=N averages over N of them, with an error that is told"
            )
        return np.arange(size)
    sample = check_whole("consensus sample", sample, 2, min(size, MOST_COMBINATIONS))
    # raw bits: numpy promises that they stay the same, and so the model does
    bits = np.random.PCG64(check_whole("consensus seed", seed, 0, 2**32 - 1))
    drawn = np.empty(0, np.int64)
    while len(drawn) < sample:
        more = (bits.random_raw(sample) % np.uint64(size)).astype(np.int64)
        drawn = np.concatenate([drawn, more])
        drawn = drawn[np.sort(np.unique(drawn, return_index=True)[1])]
    return np.sort(drawn[:sample])


def _distinct(rows: Rows) -> tuple[Rows, NDArray[np.int64]]:
    """The distinct rows, and which of them each row is.

    Counterparts mostly stand beside each other: only the first of such a run is sorted.
    """
    differs = np.ascontiguousarray((rows[1:] != rows[:-1]).T).any(axis=0)
    begins = np.concatenate([[True], differs])
    first = np.ascontiguousarray(rows[begins])
    keys = first.view(np.dtype((np.void, first.shape[1] * first.itemsize))).ravel()
    _, places, which = np.unique(keys, return_index=True, return_inverse=True)
    return first[places], which.reshape(-1)[np.cumsum(begins) - 1]

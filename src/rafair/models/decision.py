"""How a model decides: which class follows from its scores.

A classifier's logits always have their largest at the class that the model decides for, ties to the
lowest class (`settled`): whoever takes their arg max judges the model's own decision. Where that is
not the arg max of the scores, the logits only steer: a threshold shifts them to where the decision
changes, and the scores themselves, in the model's own precision, decide.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.arguments import check_name, check_real
from rafair.errors import InputError

ARG_MAX, THRESHOLD, OWN = "arg max", "threshold", "own"
"""The class of the largest score; a class whose score reaches a number, else the best of the
others; or whatever the model says itself when it is asked for its decision."""

FARTHEST = 69.0
"""The largest shift of a logit: the log odds of the least probability that is told apart from 0."""

TIE, LIFT = 1e-5, 1e-3
"""Logits that are nearer to each other are equal but for rounding; by how much the logit of a class
that is decided for against all scores exceeds the largest, at most."""

Labels = NDArray[np.int64]
Logits = NDArray[np.float32]
Scores = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Threshold:
    """A class is decided for where its score reaches a number, else the best of the others.

    Args:
        place: The class, by its place among the table's.
        at: The number. Scores are compared with it in their own precision.
        strict: Whether the score must be larger than the number.
        odds: Whether scores are probabilities; else they are differences of logits.

    Example:
        >>> low = Threshold(1, 0.2)
        >>> low.decide(np.array([[0.8, 0.2], [0.9, 0.1]])).tolist()
        [1, 0]
    """

    place: int
    at: float
    strict: bool = False
    odds: bool = True

    @property
    def offset(self) -> float:
        """By how much the class's logit must exceed that of all others together."""
        if not self.odds:
            return float(self.at)
        chance = min(max(float(self.at), 0.0), 1.0)
        if chance in (0.0, 1.0):
            return math.copysign(FARTHEST, chance - 0.5)
        return min(max(math.log(chance) - math.log1p(-chance), -FARTHEST), FARTHEST)

    def decide(self, scores: Scores) -> Labels:
        """The class decided for, of scores of shape `(n, c)`; shape `(n,)`."""
        own = scores[:, self.place]
        reached = own > self.at if self.strict else own >= self.at
        others = scores.copy()
        others[:, self.place] = -np.inf
        return np.where(reached, self.place, others.argmax(axis=1)).astype(np.int64)

    def steer(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Logits whose arg max changes where the threshold is crossed, but for rounding."""
        others = np.delete(logits, self.place, axis=1)
        most = others.max(axis=1)
        together = most + np.log(np.exp(others - most[:, None]).sum(axis=1))
        steered = logits.copy()
        steered[:, self.place] += most - together - self.offset
        return steered


@dataclass(frozen=True)
class DecisionRule:
    """How a model decides.

    Args:
        rule: "arg max", "threshold" or "own".
        threshold: Of the second.

    Example:
        >>> DecisionRule(THRESHOLD, Threshold(1, 0.2)).facts(["no", "yes"])["threshold"]
        {'yes': 0.2}
    """

    rule: str = ARG_MAX
    threshold: Threshold | None = None

    def facts(
        self, classes: Sequence[str], outputs: Sequence[str] | None = None
    ) -> dict[str, object]:
        """The section `model.decision` of `audit.json`.

        Args:
            classes: The table's classes.
            outputs: The classes in the order of the model's own scores; the table's if None.
        """
        found = self.threshold
        sign = None if found is None else (">" if found.strict else ">=")
        return {
            "rule": self.rule,
            "threshold": None if found is None else {classes[found.place]: float(found.at)},
            "comparison": sign,
            "classes": list(outputs or classes),
        }


@dataclass
class Terms:
    """What is known of how a model is asked, and of how it decides.

    Whatever stands around a model shares its terms: they may become known when it is asked.

    Args:
        input: "raw" values in the table's own units, or "encoded" rows.
        input_stated: Whether a user or the model's file says so; else it is taken for granted.
        decision: How it decides.
        outputs: The classes in the order of its own scores; None where they are the table's.
        outputs_stated: Whether a user or the model's file says so.
        columns: The columns that it reads; None where that is not known.
    """

    input: str = "encoded"
    input_stated: bool = True
    decision: DecisionRule = DecisionRule()
    outputs: tuple[str, ...] | None = None
    outputs_stated: bool = True
    columns: tuple[str, ...] | None = None


def settled(logits: Logits, decided: Labels) -> Logits:
    """The same logits, raised a little where they would not decide as the model does.

    At a tie they are raised by the least number there is. Where a rule of the model's own is far
    from the arg max, they are raised the more the nearer the scores are to its decision, so that
    who compares two rows still sees which way the scores go.

    Args:
        logits: Of shape `(n, c)`; changed in place.
        decided: The class that the model decides for; shape `(n,)`.

    Example:
        >>> settled(np.float32([[0, 0], [2, 1]]), np.array([1, 0])).argmax(axis=1).tolist()
        [1, 0]
    """
    wrong = np.flatnonzero(logits.argmax(axis=1) != decided)
    if wrong.size:
        most = logits[wrong].max(axis=1)
        short = (most - logits[wrong, decided[wrong]]).astype(np.float64)
        raised = (most + np.where(short > TIE, LIFT / (1 + short), 0)).astype(np.float32)
        least = np.nextafter(most, np.float32(np.inf))
        logits[wrong, decided[wrong]] = np.maximum(raised, least)
    return logits


def threshold_of(given: Mapping[str, float] | None, classes: Sequence[str]) -> Threshold | None:
    """The threshold that a user states, as `{"approved": 0.2}`.

    Args:
        given: The class and its least probability; None for none.
        classes: The table's classes.

    Raises:
        InputError: If it is not one class with a number between 0 and 1.
        UnknownNameError: If the table has no such class.

    Example:
        >>> threshold_of({"yes": 0.2}, ["no", "yes"])
        Threshold(place=1, at=0.2, strict=False, odds=True)
    """
    if given is None:
        return None
    if not isinstance(given, Mapping) or len(given) != 1:
        raise InputError(
            f"threshold: expected one class and its least probability, such as "
            f"{{'{classes[-1]}': 0.2}}, got {given!r}"
        )
    ((name, at),) = given.items()
    place = list(classes).index(check_name("class (threshold)", str(name), list(classes)))
    number = check_real("threshold", at, 0, 1)
    if number in (0, 1):
        raise InputError(f"threshold: expected a number between 0 and 1, got {number:g}")
    return Threshold(place, number)

"""Verdicts of provers beside brute force: all rows of a region, by the model's own answer."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from rafair.certify.prover_interface import Decided, Proof, Prover
from rafair.certify.region import Region
from rafair.engine.thread_pool import Workers
from rafair.models.classifier import Classifier

BUDGET = 5000


def decided(
    prover: Prover,
    classifier: Classifier,
    region: Region,
    wanted: np.ndarray,
    chosen: Sequence[int] | None = None,
) -> Decided:
    """What a prover decides where every row of a region may be."""

    def confirm(instances: np.ndarray, rows: np.ndarray) -> np.ndarray:
        assert rows.dtype == np.float32
        there = np.array([is_inside(region, *pair) for pair in zip(instances, rows, strict=True)])
        return there & (classifier.logits(rows).argmax(axis=1) != wanted[instances])

    some = np.arange(len(wanted)) if chosen is None else np.array(chosen, np.int64)
    found = prover.decide(region, wanted, some, BUDGET, confirm, Workers(1))
    others = np.setdiff1d(np.arange(len(wanted)), some)
    assert (found.proof[others] == Proof.OPEN).all()
    return found


def is_inside(region: Region, instance: int, row: np.ndarray) -> bool:
    """Whether a row is in one of an instance's boxes; derived columns are taken as they are."""
    derivations = region.followers.derivations
    for box in np.flatnonzero(region.owner == instance):
        inside = (region.lower[box] <= row) & (row <= region.upper[box])
        for column, values in enumerate(region.values):
            if region.listed[box, column]:
                assert values is not None
                inside[column] &= row[column] in values
        if derivations is not None:
            followed = row[None].copy()
            derivations.follow(followed, region.followers.centres[[instance]])
            inside[list(derivations.columns)] = (followed == row)[0, list(derivations.columns)]
        if inside.all():
            return True
    return False


def rows_of(region: Region, instance: int, grid: Sequence[np.ndarray]) -> np.ndarray:
    """All rows of an instance's region whose codes are in a grid, or are those of a list."""
    found = []
    derivations = region.followers.derivations
    for box in np.flatnonzero(region.owner == instance):
        axes = []
        for column, codes in enumerate(grid):
            low, high = region.lower[box, column], region.upper[box, column]
            values = region.values[column] if region.listed[box, column] else codes
            assert values is not None
            some = values[(values >= low) & (values <= high)]
            follows = derivations is not None and column in derivations.columns
            axes.append(np.array([low]) if low == high or follows else some)
        rows = np.array(list(itertools.product(*axes)), np.float32)
        if derivations is not None:
            derivations.follow(rows, np.repeat(region.followers.centres[[instance]], len(rows), 0))
        found.append(rows)
    return np.concatenate(found)


def check(
    prover: Prover,
    classifier: Classifier,
    region: Region,
    wanted: np.ndarray,
    grid: Sequence[np.ndarray],
    *,
    ties: bool = False,
) -> np.ndarray:
    """Verdicts are what enumeration says; alone as in company.

    Args:
        prover: The prover.
        classifier: The model.
        region: Boxes.
        wanted: The class that each instance is to have.
        grid: All codes that columns without a list may have.
        ties: Whether rounding may decide.

    Returns:
        What is known of each instance.
    """
    found = decided(prover, classifier, region, wanted)
    rows = [rows_of(region, one, grid) for one in range(len(wanted))]
    owner = np.repeat(np.arange(len(wanted)), [len(some) for some in rows])
    other = classifier.logits(np.concatenate(rows)).argmax(axis=1) != wanted[owner]
    for one, refuted in enumerate(np.bincount(owner, other, len(wanted)) > 0):
        expected = {Proof.REFUTED if refuted else Proof.PROVEN}
        if ties:
            expected.add(Proof.NEAR_TIE)
        assert found.proof[one] in expected, (one, found.proof[one], expected)
    few = np.arange(len(wanted))[::-7]
    alone = decided(prover, classifier, region, wanted, few)
    for name in ("proof", "boxes", "witness"):
        assert np.array_equal(getattr(alone, name)[few], getattr(found, name)[few]), name
    assert (np.delete(alone.proof, few) == Proof.OPEN).all()
    return found.proof

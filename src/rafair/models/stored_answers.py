"""A model's answers kept beside unfinished work, so that none is asked for again after a stop."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rafair.engine.disk_cache import Answers
from rafair.errors import ModelError
from rafair.models.answer_cache import CachedClassifier, keys_of
from rafair.models.classifier import Classifier, Rows
from rafair.models.logits_from_answers import chances

ANSWERS = Path("shards", "answers.sqlite")
"""Where answers are kept in a run's folder: among the shards, which go once the run is whole."""

ASKED_AGAIN = 8
"""How many rows with a stored answer are asked about again before work is carried on."""

SAME = 1e-3
"""How far probabilities may differ between two answers of one model, by rounding."""


def with_answers(
    classifier: Classifier,
    folder: Path,
    rows: Rows | None = None,
    max_queries: int | None = None,
) -> CachedClassifier:
    """Keeps a classifier's answers in the folder of unfinished work, and takes those up there.

    Args:
        classifier: The model; a `CachedClassifier` keeps its limit, and what it was answered goes
            along.
        folder: Where the work in progress is.
        rows: Rows of the table; a few of them whose answers are stored are asked about again, to
            see that the model is still the same.
        max_queries: The most rows it may be asked about, those in the store included.

    Raises:
        StorageError: If the store cannot be used.
        ModelError: If the model does not answer as it did.
        ModelGoneError: If it does not answer at all.
    """
    if isinstance(classifier, CachedClassifier):
        once = classifier
    else:
        once = CachedClassifier(classifier, max_queries=max_queries)
    answers = Answers(folder / ANSWERS, once.sha256 or "")
    if rows is not None:
        _check_unchanged(once.classifier, answers, rows)
    once.move_to(answers, len(answers))
    return once


def _check_unchanged(classifier: Classifier, answers: Answers, rows: Rows) -> None:
    """Asks about a few rows whose answers are stored, and compares."""
    _, firsts = keys_of(rows)
    found = zip(firsts.values(), answers.get(list(firsts)), strict=True)
    known = [(place, answer) for place, answer in found if answer is not None]
    if not known:
        return
    some = np.unique(np.linspace(0, len(known) - 1, ASKED_AGAIN).astype(np.int64))
    before = np.stack([np.frombuffer(known[i][1], "<f4") for i in some])
    now = classifier.logits(rows[[known[i][0] for i in some]])
    if now.shape == before.shape and np.abs(chances(now) - chances(before)).max() <= SAME:
        return
    raise ModelError(
        f"model '{classifier.name}': expected the answers that it gave when this work was begun, "
        f"got others for {len(some)} rows asked again; `force=True` begins anew"
    )

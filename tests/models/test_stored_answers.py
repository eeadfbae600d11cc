"""Answers kept beside unfinished work are used again, unless the model has changed."""

from __future__ import annotations

import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import planted
from rafair.errors import ModelError, ModelGoneError, QueryBudgetError
from rafair.models.answer_cache import CachedClassifier
from rafair.models.fit_to_table import as_classifier
from rafair.models.function_classifier import FunctionClassifier
from rafair.models.stored_answers import ANSWERS, ASKED_AGAIN, with_answers


class Slope(FunctionClassifier):
    """Two logits from the first feature; says it is one model, whatever its slope."""

    sha256 = "one model"

    def __init__(self, slope: float = 1.0) -> None:
        self.rows: list[bytes] = []

        def function(rows):
            self.rows += [row.tobytes() for row in rows]
            return np.stack([slope * rows[:, 0], -rows[:, 1]], axis=1)

        super().__init__(function)


def some_rows(n: int) -> np.ndarray:
    return np.random.default_rng(0).random((n, 4), dtype=np.float32)


def test_another_process_asks_a_few_rows_again_and_no_other(tmp_path):
    rows, first, second = some_rows(100), Slope(), Slope()
    answers = with_answers(first, tmp_path, rows).logits(rows[:80])
    assert len(first.rows) == 80
    once = with_answers(second, tmp_path, rows)
    assert len(second.rows) == ASKED_AGAIN
    assert once.asked == 80
    assert np.array_equal(once.logits(rows)[:80], answers)
    assert len(second.rows) == ASKED_AGAIN + 20
    assert once.asked == 100
    assert (tmp_path / ANSWERS).is_file()


def test_a_model_that_has_changed_is_refused(tmp_path):
    rows = some_rows(30)
    with_answers(Slope(), tmp_path, rows).logits(rows)
    with_answers(Slope(1.0001), tmp_path, rows)  # by no more than rounding may be
    with pytest.raises(
        ModelError, match=r"expected the answers that it gave when .* begun"
    ) as told:
        with_answers(Slope(1.1), tmp_path, rows)
    assert "\n" not in str(told.value)


def test_answers_of_another_model_are_not_used(tmp_path):
    rows = some_rows(30)
    network, other = (as_classifier(planted.network(4, seed=seed)) for seed in (0, 1))
    with_answers(network, tmp_path, rows).logits(rows)
    once = with_answers(other, tmp_path, rows)
    assert once.asked == 0
    assert np.array_equal(once.logits(rows), CachedClassifier(other).logits(rows))


def test_what_was_asked_before_goes_along(tmp_path):
    rows, model = some_rows(30), Slope()
    once = CachedClassifier(model, max_queries=35)
    once.logits(rows[:10])
    assert with_answers(once, tmp_path, rows) is once
    once.logits(rows)
    assert (len(model.rows), once.asked) == (30, 30)


def test_the_limit_counts_what_earlier_calls_asked(tmp_path):
    rows = some_rows(30)
    with_answers(Slope(), tmp_path, max_queries=20).logits(rows[:20])
    model = Slope()
    once = with_answers(model, tmp_path, max_queries=20)
    once.logits(rows[:20])
    with pytest.raises(QueryBudgetError, match="max_queries = 20 rows to be asked, 20 were"):
        once.logits(rows[:21])
    assert not model.rows


def test_a_copy_in_another_process_asks_for_itself(tmp_path):
    network, rows = as_classifier(planted.network(4)), some_rows(20)
    once = with_answers(network, tmp_path, rows)
    answers = once.logits(rows)
    assert np.array_equal(pickle.loads(pickle.dumps(once)).logits(rows), answers)


def test_threads_that_wait_for_a_model_that_is_gone_do_not_ask_it_again():
    asked, waiting = [], threading.Event()

    def gone(rows):
        asked.append(len(rows))
        waiting.wait(10)
        raise ModelGoneError("gone")

    once, rows = CachedClassifier(FunctionClassifier(gone)), some_rows(10)
    with ThreadPoolExecutor(5) as pool:
        calls = [pool.submit(once.logits, rows) for _ in range(5)]
        while len(once._pending) < 10:
            time.sleep(0.001)
        claim = next(iter(once._pending.values()))
        while len(claim._condition._waiters) < 4:  # the others have come to wait
            time.sleep(0.001)
        waiting.set()
        assert all(isinstance(call.exception(), ModelGoneError) for call in calls)
    assert len(asked) == 1

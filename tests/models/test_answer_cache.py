from __future__ import annotations

import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import planted
from rafair.errors import ModelError, QueryBudgetError
from rafair.models.answer_cache import BYTES_PER_ANSWER, AnswersInMemory, CachedClassifier
from rafair.models.fit_to_table import as_classifier
from rafair.models.function_classifier import FunctionClassifier


class Recorder:
    """Two logits from the first feature; remembers every row it was asked about."""

    def __init__(self) -> None:
        self.rows: list[bytes] = []
        self._lock = threading.Lock()

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        with self._lock:
            self.rows += [row.tobytes() for row in rows]
        return np.stack([rows[:, 0], -rows[:, 0]], axis=1)


def once(function, **options) -> CachedClassifier:
    return CachedClassifier(FunctionClassifier(function), **options)


def some_rows(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, 4), dtype=np.float32)


def test_repeated_rows_are_asked_once_within_and_across_batches():
    asked, rows = Recorder(), some_rows(5)
    classifier = once(asked)
    batch = rows[[0, 1, 0, 2, 1]]
    expected = np.stack([batch[:, 0], -batch[:, 0]], axis=1)
    assert np.array_equal(classifier.logits(batch), expected)
    classifier.logits(rows[[2, 3, 3, 4]])
    assert classifier.asked == len(asked.rows) == 5
    assert sorted(asked.rows) == sorted(row.tobytes() for row in rows)


def test_many_threads_ask_no_row_twice():
    asked, rows = Recorder(), some_rows(300)
    classifier = once(asked)
    orders = [np.random.default_rng(seed).integers(0, 300, 200) for seed in range(24)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda order: classifier.logits(rows[order]), orders))
    for order, answer in zip(orders, answers, strict=True):
        assert np.array_equal(answer[:, 0], rows[order, 0])
    distinct = len(np.unique(np.concatenate(orders)))
    assert classifier.asked == len(asked.rows) == len(set(asked.rows)) == distinct


def test_the_limit_is_kept_and_what_was_asked_stays_known():
    asked, rows = Recorder(), some_rows(10)
    classifier = once(asked, max_queries=6)
    classifier.logits(rows[:4])
    with pytest.raises(QueryBudgetError, match=r"max_queries = 6 .* 4 were and 4 more"):
        classifier.logits(rows[2:8])
    assert QueryBudgetError.exit_code == 3
    classifier.logits(rows[2:6])  # this much is left
    classifier.logits(rows[:6])
    assert classifier.asked == len(asked.rows) == 6
    classifier.max_queries = 7
    classifier.logits(rows[:7])
    assert len(asked.rows) == 7


def test_answers_survive_the_classifier_that_asked_for_them():
    asked, rows, kept = Recorder(), some_rows(6), AnswersInMemory()
    once(asked, answers=kept).logits(rows)
    second = once(asked, answers=kept)
    second.logits(rows)
    assert (second.asked, len(asked.rows)) == (0, 6)


def test_memory_is_bounded_and_what_was_forgotten_is_asked_again():
    asked, rows = Recorder(), some_rows(10)
    kept = AnswersInMemory(most_bytes=4 * (BYTES_PER_ANSWER + 8))
    classifier = once(asked, answers=kept)
    assert len(classifier.logits(rows)) == 10  # more than fits is answered all the same
    stored = [key for key in kept.get(list(kept._stored)) if key]
    assert len(stored) == 4
    classifier.logits(rows[6:])
    assert classifier.asked == 10
    classifier.logits(rows[:1])
    assert classifier.asked == 11


def test_a_failure_is_told_and_the_row_asked_again_next_time():
    rows, calls = some_rows(3), []

    def fails_once(batch):
        calls.append(len(batch))
        if len(calls) == 1:
            raise ConnectionError("gone")
        return batch[:, :2]

    classifier = once(fails_once)
    with pytest.raises(ConnectionError):
        classifier.logits(rows)
    assert np.array_equal(classifier.logits(rows), rows[:, :2])


def test_a_short_answer_is_refused():
    classifier = once(lambda rows: rows[:-1, :2])
    with pytest.raises(ModelError, match=r"each of 3 rows, got an answer of shape \(2, 2\)"):
        classifier.logits(some_rows(3))


def test_a_network_answers_a_row_the_same_in_any_batch():
    network = as_classifier(planted.network(4))
    rows = some_rows(700)
    whole = CachedClassifier(network).logits(rows)
    alone = CachedClassifier(network)
    assert all(np.array_equal(alone.logits(rows[i : i + 1])[0], whole[i]) for i in range(0, 700, 9))
    assert not alone.differentiable


def test_it_can_be_sent_to_another_process():
    classifier = CachedClassifier(as_classifier(planted.network(4)), max_queries=9)
    copy = pickle.loads(pickle.dumps(classifier))
    rows = some_rows(3)
    assert np.array_equal(copy.logits(rows), classifier.logits(rows))
    assert (copy.asked, copy.max_queries) == (3, 9)

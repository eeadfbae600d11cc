"""A classifier that asks the one behind it about each row once, and counts its questions."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

import numpy as np

from rafair.errors import IncompleteError, ModelError, QueryBudgetError
from rafair.models.classifier import Classifier, Cotangent, Logits, Rows

MOST_BYTES = 1 << 28
"""What answers kept in memory may take, keys and Python's own share included."""

BYTES_PER_ANSWER = 250
"""What one answer takes in memory besides its own bytes, as measured."""


Claim = Future[dict[bytes, bytes]]
"""What one thread asks, for others to wait for: answers by key."""


class Answers(Protocol):
    """A store of a model's answers; must be safe to use from several threads at once.

    One store belongs to one model: keys say nothing of who answered.
    """

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """What is stored under each key, in order; None where nothing is."""

    def put(self, items: Iterable[tuple[bytes, bytes]]) -> None:
        """Stores answers under their keys."""


class AnswersInMemory:
    """The answers given last, as many as fit into so many bytes.

    Args:
        most_bytes: How many bytes they may take.

    Example:
        >>> answers = AnswersInMemory()
        >>> answers.put([(b"a", b"1")])
        >>> answers.get([b"a", b"b"])
        [b'1', None]
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._bytes = most_bytes, 0
        self._stored: OrderedDict[bytes, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def items(self) -> list[tuple[bytes, bytes]]:
        """All that is stored, with its keys."""
        with self._lock:
            return list(self._stored.items())

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """What is stored under each key, in order."""
        with self._lock:
            return [self._stored.get(key) for key in keys]

    def put(self, items: Iterable[tuple[bytes, bytes]]) -> None:
        """Stores answers; those stored first are forgotten where room is needed."""
        with self._lock:
            for key, answer in items:
                if key not in self._stored:
                    self._bytes += len(answer) + BYTES_PER_ANSWER
                self._stored[key] = answer
            while self._bytes > self._most:
                _, forgotten = self._stored.popitem(last=False)
                self._bytes -= len(forgotten) + BYTES_PER_ANSWER

    def __reduce__(self) -> tuple[Any, ...]:
        # sent to another process, it starts empty there
        return AnswersInMemory, (self._most,)


class CachedClassifier(Classifier):
    """Asks another classifier about each row once, whatever batches it comes in.

    A row that is repeated, in one batch or in a later one, costs nothing; so padding does not. It
    answers a row the same in any batch of any size. Gradients are not passed on: this is how a
    model is treated as a black box.

    Args:
        classifier: Who is asked.
        answers: Where its answers are kept; in memory if None.
        max_queries: The most rows it may be asked about; None sets no limit.

    Example:
        >>> from rafair.models.function_classifier import FunctionClassifier
        >>> once = CachedClassifier(FunctionClassifier(lambda rows: rows[:, :2]))
        >>> once.logits(np.float32([[1, 2, 3], [4, 5, 6], [1, 2, 3]])).tolist(), once.asked
        ([[1.0, 2.0], [4.0, 5.0], [1.0, 2.0]], 2)
    """

    differentiable = False
    block_rows = 1

    def __init__(
        self,
        classifier: Classifier,
        answers: Answers | None = None,
        max_queries: int | None = None,
    ) -> None:
        self.classifier, self.max_queries = classifier, max_queries
        self.name = classifier.name
        self.n_features, self.n_classes = classifier.n_features, classifier.n_classes
        self.terms = classifier.terms
        self.asked = 0
        """How many rows the classifier was really asked about."""
        self._answers: Answers = AnswersInMemory() if answers is None else answers
        self._start()

    @property
    def n_parameters(self) -> int | None:
        """The classifier's."""
        return self.classifier.n_parameters

    @property
    def sha256(self) -> str | None:
        """The classifier's."""
        return self.classifier.sha256

    def logits(self, rows: Rows) -> Logits:
        """Logits of shape `(n, c)`, of which the classifier is asked for those not known yet.

        Raises:
            ModelError: If it does not answer with one line per row.
            QueryBudgetError: If it would be asked about more rows than it may be.
            ModelGoneError: If it no longer answers, this thread or another that asked the same.
        """
        if not len(rows):
            return np.empty((0, self.n_classes or 0), np.float32)
        keys, firsts = keys_of(rows)
        # each round answers what this thread has claimed, then waits for what others have: no
        # two threads ask about one row, and none waits while another waits for it
        known: dict[bytes, bytes] = {}
        while len(known) < len(firsts):
            mine, claim, theirs = self._claim(firsts, known)
            if mine:
                known |= self._ask(rows[[firsts[key] for key in mine]], mine, claim)
            for key, other in theirs.items():
                error = other.exception()
                if isinstance(error, IncompleteError):  # all tries are spent
                    raise error
                if error is None:  # else it is claimed anew
                    known[key] = other.result()[key]
        flat = np.frombuffer(b"".join([known[key] for key in keys]), "<f4")
        return flat.reshape(len(rows), -1).astype(np.float32, copy=False)

    def move_to(self, answers: Answers, asked: int) -> None:
        """From now on keeps answers in another store; those in memory go along.

        Args:
            answers: The store.
            asked: How many answers it holds: rows that were asked about before.
        """
        with self._lock:
            here = self._answers.items() if isinstance(self._answers, AnswersInMemory) else []
            known = answers.get([key for key, _ in here])
            new = [item for item, answer in zip(here, known, strict=True) if answer is None]
            answers.put(new)
            self._answers, self.asked = answers, asked + len(new)

    def limited(self, max_queries: int) -> CachedClassifier:
        """The same classifier and the same stored answers, with a limit and a count of its own."""
        return CachedClassifier(self.classifier, self._answers, max_queries)

    def logits_and_gradients(self, rows: Rows, cotangent: Cotangent) -> tuple[Logits, Rows]:
        """Not available.

        Raises:
            ModelError: Always.
        """
        raise ModelError(f"model '{self.name}': a black box has no gradients")

    def _claim(
        self, firsts: dict[bytes, int], known: dict[bytes, bytes]
    ) -> tuple[list[bytes], Claim, dict[bytes, Claim]]:
        """Looks up what is stored; of the rest, what this thread will ask, and what others do."""
        wanted, claim = [key for key in firsts if key not in known], Claim()
        with self._lock:
            stored = self._answers.get(wanted)
            known |= {key: answer for key, answer in zip(wanted, stored, strict=True) if answer}
            missing = [key for key in wanted if key not in known]
            theirs = {key: self._pending[key] for key in missing if key in self._pending}
            mine = [key for key in missing if key not in theirs]
            if self.max_queries is not None and self.asked + len(mine) > self.max_queries:
                raise QueryBudgetError(
                    f"model '{self.name}': expected at most max_queries = {self.max_queries:,} "
                    f"rows to be asked, {self.asked:,} were and {len(mine):,} more are needed now"
                    + QueryBudgetError.KEPT
                )
            self.asked += len(mine)
            self._pending |= dict.fromkeys(mine, claim)
        return mine, claim, theirs

    def _ask(self, rows: Rows, keys: list[bytes], claim: Claim) -> dict[bytes, bytes]:
        """Asks about rows that this thread has claimed, and stores each answer as it comes."""
        answers: dict[bytes, bytes] = {}
        try:
            for some in self._answers_to(rows, keys):
                self._answers.put(some.items())
                answers |= some
            if len(answers) < len(keys):
                raise ModelError(
                    f"model '{self.name}': expected answers to {len(keys):,} rows, got "
                    f"{len(answers):,}"
                )
        except BaseException as error:
            with self._lock:  # what was not answered may be asked again
                self.asked -= len(keys) - len(answers)
            self._give_up(keys)
            claim.set_exception(error)
            raise
        self._give_up(keys)
        claim.set_result(answers)
        return answers

    def _give_up(self, keys: list[bytes]) -> None:
        with self._lock:
            for key in keys:
                del self._pending[key]

    def _answers_to(self, rows: Rows, keys: list[bytes]) -> Iterator[dict[bytes, bytes]]:
        missing = -len(rows) % (self.classifier.block_rows or 1)
        whole = np.concatenate([rows, np.repeat(rows[:1], missing, axis=0)]) if missing else rows
        for part, answer in self.classifier.logits_in_parts(whole):
            logits, n = np.asarray(answer, "<f4"), len(range(*part.indices(len(whole))))
            if logits.ndim != 2 or len(logits) != n:
                raise ModelError(
                    f"model '{self.name}': expected one line of logits for each of {n:,} rows, got "
                    f"an answer of shape {logits.shape}"
                )
            # the rows that fill the last block have no key
            yield {key: row.tobytes() for key, row in zip(keys[part], logits, strict=False)}

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._pending: dict[bytes, Claim] = {}

    def __getstate__(self) -> dict[str, object]:
        state = {key: value for key, value in vars(self).items() if key not in UNSENT}
        if not isinstance(self._answers, AnswersInMemory):  # files belong to one process
            state["_answers"] = AnswersInMemory()
        return state

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)
        self._start()


UNSENT = ("_lock", "_pending")
"""What belongs to one process."""


def keys_of(rows: Rows) -> tuple[list[bytes], dict[bytes, int]]:
    """The key of each row, and the first place of each key."""
    content = memoryview(np.ascontiguousarray(rows, "<f4").tobytes())
    width = len(content) // max(len(rows), 1)
    keys = [
        hashlib.sha256(content[start : start + width]).digest()
        for start in range(0, len(content), width or 1)
    ]
    firsts: dict[bytes, int] = {}
    for place, key in enumerate(keys):
        firsts.setdefault(key, place)
    return keys, firsts

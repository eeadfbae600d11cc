"""Questions to a user's model before an audit, so that no figure is about another model.

A model may name no classes, and say nothing of what it takes. Wrong guesses give figures that look
well: so its answers to the table are looked at first.
"""

from __future__ import annotations

import csv
import io
import shlex
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from rafair.engine.thread_pool import Workers
from rafair.errors import ModelError, RafairError
from rafair.metrics.rates import Rate, share
from rafair.metrics.roc_auc import ranking
from rafair.models.adapters.guided_classifier import LabelledModule
from rafair.models.adapters.score_model import BlackBox
from rafair.models.adapters.user_torch_module import OpenedModule
from rafair.models.answer_cache import CachedClassifier
from rafair.models.classifier import Classifier, Logits
from rafair.models.decision import ARG_MAX, OWN, DecisionRule
from rafair.models.logits_from_answers import check_stated
from rafair.models.prediction import logits_of
from rafair.search.counterpart_evaluator import CHUNK_ROWS
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.table import Table

STATED_BY = 64
"""How many rows tell whether answers look like probabilities."""

TRIED = 2000
"""How many rows of the table the other reading of a model's input is tried with."""

LOOKED_AT, COMBINATIONS = 16, 16
"""How many rows, with how many counterparts each, tell whether a sensitive feature is read."""

Opened = BlackBox | OpenedModule | LabelledModule


def first_look(
    classifier: Classifier, table: Table, workers: Workers, instances: NDArray[np.int64]
) -> list[str]:
    """Looks at a model's answers to a table; returns what a reader of the figures should know.

    Args:
        classifier: The model, which may remember what it was asked.
        table: The rows, their classes and their schema.
        workers: The open pool of threads to compute with.
        instances: The rows that are audited, whose counterparts will be asked about anyway.

    Raises:
        ModelError: If the classes are in another order than the model's, or its answers look like
            probabilities although nobody said so.
    """
    inner = classifier.classifier if isinstance(classifier, CachedClassifier) else classifier
    if isinstance(inner, BlackBox) and not inner.stated:
        _check_stated(inner, table)
    logits = logits_of(classifier, table.rows, workers, CHUNK_ROWS)
    found = list(_order(inner, logits, table))
    inner.terms.outputs_stated = True  # as far as this table can tell
    if isinstance(inner, BlackBox | LabelledModule) and inner.terms.decision.rule == OWN:
        _name_the_rule(inner, logits, table)
    if isinstance(inner, Opened):
        found += _other_reading(inner, logits, table)
    return found + list(_reads_none(classifier, table, instances))


def _check_stated(model: BlackBox, table: Table) -> None:
    """Refuses probabilities that nobody called so; of several columns, logits are the contract."""
    scores = np.asarray(model.answer(table.rows[:STATED_BY]).scores)
    if not model.terms.input_stated or scores.ndim == 1 or scores.shape[-1] == 1:
        check_stated(scores, None, model.name)


def _order(classifier: Classifier, logits: Logits, table: Table) -> Iterator[str]:
    """Refuses two classes in the wrong order; says the best order of more."""
    terms, classes = classifier.terms, table.schema.classes
    if terms.outputs_stated:
        return
    if len(classes) == 2:
        lead = logits[:, 1].astype(np.float64) - logits[:, 0]
        area = ranking(lead, table.labels == 1)
        if area is None or area.high >= 0.5:
            return
        here = terms.outputs or classes
        other = tuple(reversed(here))
        ours, theirs = (
            _accuracy(each, table) for each in (logits, _turned(classifier, logits, table))
        )
        raise ModelError(
            f"model '{classifier.name}': its scores rank the classes the wrong way round (area "
            f"under the ROC curve {area.value:.3f}, {area.low:.3f} to {area.high:.3f}): accuracy "
            f"{_shown(ours)} where its outputs are {', '.join(here)}, {_shown(theirs)} where they "
            f"are {', '.join(other)}; say which with {_option(other)} or {_option(here)} "
            "(model_classes in Python)"
        )
    yield from _best_order(terms.outputs or classes, logits, table)


def _best_order(outputs: tuple[str, ...], logits: Logits, table: Table) -> Iterator[str]:
    classes, predicted = table.schema.classes, logits.argmax(axis=1)
    n = len(classes)
    counts = np.bincount(table.labels * n + predicted, minlength=n * n).reshape(n, n)
    true, assigned = linear_sum_assignment(-counts)
    best = share(np.repeat([True, False], _split(counts, true, assigned)))
    ours = _accuracy(logits, table)
    if ours is None or best is None or best.low <= ours.high:
        return
    # what the model calls its output k is best taken for the class whose rows it gets
    place = {int(column): classes[row] for row, column in zip(true, assigned, strict=True)}
    order = [place[classes.index(known)] for known in outputs]
    yield (
        f"nothing states the order of the model's outputs: taken for {', '.join(outputs)}, its "
        f"accuracy is {_shown(ours)}; taken for {', '.join(order)} it would be {_shown(best)}; "
        f"{_option(order)} says so"
    )


def _split(counts: NDArray[np.int64], rows: Any, columns: Any) -> list[int]:
    right = int(counts[rows, columns].sum())
    return [right, int(counts.sum()) - right]


def _turned(classifier: Classifier, logits: Logits, table: Table) -> Logits:
    """The answers with the two outputs in the other order."""
    if not isinstance(classifier, Opened):
        return logits[:, ::-1]
    here = classifier.terms.outputs or table.schema.classes
    options = replace(classifier.options, classes=tuple(reversed(here)))
    return classifier.reopened(options).logits(table.rows)


def _name_the_rule(model: BlackBox | LabelledModule, logits: Logits, table: Table) -> None:
    """Calls a model's own rule an arg max where it is one for all rows that are looked at."""
    some = np.unique(np.linspace(0, len(table) - 1, TRIED).astype(np.int64))
    if (model.by_scores(table.rows[some]).argmax(axis=1) == logits[some].argmax(axis=1)).all():
        model.terms.decision = DecisionRule(ARG_MAX)


def _other_reading(model: Opened, logits: Logits, table: Table) -> Iterator[str]:
    """Says what the accuracy would be if the model took rows in the other way, if that is a doubt.

    A model that names the columns that it takes is doubted only where it is right more often in the
    other way, any other also where it may be.
    """
    terms = model.terms
    if terms.input_stated:
        return
    other = "raw" if terms.input == "encoded" else "encoded"
    some = np.unique(np.linspace(0, len(table) - 1, TRIED).astype(np.int64))
    part = table.take(some)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answers = model.reopened(replace(model.options, inputs=other)).logits(part.rows)
    except RafairError:
        return  # it does not take them: its own reading is the only one
    if answers.shape != (len(part), logits.shape[1]) or not np.isfinite(answers).all():
        return
    ours, theirs = _accuracy(logits[some], part), _accuracy(answers, part)
    if ours is None or theirs is None:
        return
    worse, better = theirs.high < ours.low, theirs.low > ours.high
    if worse or (terms.columns is not None and not better):
        return
    yield (
        f"nothing states what the model takes: as {_reading(terms.input)} it is right for "
        f"{_shown(ours)} of {ours.n:,} rows, as {_reading(other)} it would be for {_shown(theirs)};"
        f" --model-input {terms.input} or {other} (model_input in Python) states it"
    )


def _reading(kind: str) -> str:
    return "raw values" if kind == "raw" else "encoded rows"


def _reads_none(
    classifier: Classifier, table: Table, instances: NDArray[np.int64]
) -> Iterator[str]:
    """Says so if the model reads no sensitive feature."""
    schema, columns = table.schema, classifier.terms.columns
    names = ", ".join(schema.sensitive)
    means = (
        "its decisions are then equal for all counterparts by construction; other columns may "
        f"stand in for {names}"
    )
    if columns is not None and not set(columns) & set(schema.sensitive):
        yield f"the model reads no sensitive feature ({names}): {means}"
        return
    counterparts = Counterparts.of(schema)
    rows = table.rows[instances[:LOOKED_AT]]
    chosen = np.unique(np.linspace(0, counterparts.size - 1, COMBINATIONS).astype(np.int64))
    each = np.repeat(rows, len(chosen), axis=0)
    counterparts.substitute(each, np.tile(chosen, len(rows)))
    block = classifier.block_rows or len(each)
    whole = np.concatenate([each, np.repeat(each[:1], -len(each) % block, axis=0)])
    answers = classifier.logits(whole)[: len(each)].reshape(len(rows), len(chosen), -1)
    if len(rows) and (answers == answers[:, :1]).all():
        yield (
            f"no score changed with {names} in {len(each):,} counterparts of {len(rows):,} rows: "
            f"if the model reads no sensitive feature, {means}"
        )


def _option(classes: Sequence[str]) -> str:
    """The option that states an order of outputs, as a shell takes it."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(classes)
    return f"--model-classes {shlex.quote(text.getvalue())}"


def _accuracy(logits: Logits, table: Table) -> Rate | None:
    return share(logits.argmax(axis=1) == table.labels)


def _shown(accuracy: Rate | None) -> str:
    return "unknown" if accuracy is None else f"{accuracy.value:.3f}"

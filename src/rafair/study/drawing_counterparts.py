"""Individual fairness as it would look if counterparts were drawn instead of enumerated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rafair.analysis.draws import chance_unseen
from rafair.attacks.registry import ATTACKS, UNIONS
from rafair.engine.thread_pool import Workers
from rafair.models.classifier import Classifier
from rafair.models.prediction import predict
from rafair.results.record_reader import Reader
from rafair.results.run_files import ADVERSARIAL, CLEAN
from rafair.search.counterpart_evaluator import CHUNK_ROWS
from rafair.sources.saved_models import open_saved
from rafair.study.figure_cache import remembered
from rafair.study.network_averages import averaged
from rafair.study.planned_runs import Done
from rafair.study.table_order import UNION
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.encoding import Rows
from rafair.tabular.schema import Schema
from rafair.verdicts import outcome_step, verdicts

DRAWN = (4, 12)
"""How many counterparts the authors' public code draws, at the least and at the most."""
ALL = "all"
ROWS_AT_ONCE = 100
"""Rows whose counterparts are held in memory together."""


@dataclass(frozen=True)
class Counted:
    """Counterparts of an audit's instances; each list holds a number per instance.

    Args:
        others: How many there are besides the row itself.
        disagreeing: How many disagree, of the clean rows and of the outcome rows of each of the
            union's members.
    """

    others: list[int]
    disagreeing: dict[str, list[int]]


_read = Reader(Counted)


def drawing_table(done: Sequence[Done], out: Path, threads: int | None) -> pd.DataFrame:
    """Individual fairness of clean rows and of the union's outcomes, all asked or some drawn.

    The rows are the same throughout; only how many of their counterparts are asked differs. With
    m drawn it is the expected share of rows none of whose drawn counterparts disagrees; a union's
    instance takes a draw for each of its members' rows.

    Returns:
        Columns `dataset`, `rows` ("clean" or "rafair"), `drawn` (a number, or "all"), `value`,
        `sd` and `n`.
    """
    records = []
    with Workers(threads) as workers:
        for one in done:
            counts = remembered(out, "disagreeing", one, lambda one: count(one, workers), _read)
            records += _records(one, counts)
    return averaged(pd.DataFrame.from_records(records), ["rows", "drawn"])


def _records(one: Done, counts: Counted) -> list[dict[str, object]]:
    records: list[dict[str, object]] = []
    for rows, members in ((CLEAN, (CLEAN,)), (UNION, UNIONS[UNION])):
        disagreeing = np.array([counts.disagreeing[member] for member in members])
        others = np.array(counts.others)
        shares = {ALL: np.all(disagreeing == 0, axis=0)} | {
            str(m): np.prod([chance_unseen(own, others, m) for own in disagreeing], axis=0)
            for m in DRAWN
        }
        records += [
            {
                "dataset": one.trial.dataset,
                "model": one.trial.seed,
                "rows": rows,
                "drawn": drawn,
                "value": float(share.mean()),
                "n": len(others),
            }
            for drawn, share in shares.items()
        ]
    return records


def count(one: Done, workers: Workers) -> Counted:
    """How many counterparts of each instance there are, and how many disagree with it."""
    counterparts = Counterparts.of(one.data.test.schema)
    classifier = open_saved(one.audit.folder)[0]
    disagreeing: dict[str, list[int]] = {}
    others: list[int] = []
    for name, (rows, predictions) in _rows_of(one.audit.folder, one.data.test.schema).items():
        parts = range(0, len(rows), ROWS_AT_ONCE)
        counted = [
            _differing(
                classifier,
                counterparts,
                rows[start : start + ROWS_AT_ONCE],
                predictions[start : start + ROWS_AT_ONCE],
                workers,
            )
            for start in parts
        ]
        disagreeing[name] = np.concatenate(counted).tolist()
        others = (counterparts.counts(rows) - 1).tolist()
    return Counted(others, disagreeing)


def _differing(
    classifier: Classifier,
    counterparts: Counterparts,
    rows: Rows,
    predictions: NDArray[np.int64],
    workers: Workers,
) -> NDArray[np.int64]:
    """How many counterparts of each row get another prediction than it has; shape `(n,)`."""
    sizes = counterparts.counts(rows)
    made = [block for row in rows for block in counterparts.enumerate(row, CHUNK_ROWS)]
    answers = predict(classifier, np.concatenate(made), workers, CHUNK_ROWS)
    differs = answers != np.repeat(predictions, sizes)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    counted: NDArray[np.int64] = np.add.reduceat(differs.astype(np.int64), starts)
    return counted


def _rows_of(folder: Path, schema: Schema) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """Encoded rows and predictions: the clean ones, and each member's outcomes."""
    encoded = [f"encoded.{name}" for name in schema.names]
    columns = ["attack", "step", "accurate", "fair", "prediction", *encoded]
    table = pq.read_table(
        folder / ADVERSARIAL, columns=columns, filters=pc.field("attack").isin(UNIONS[UNION])
    )
    found = {}
    for name in UNIONS[UNION]:
        own = table.filter(pc.equal(table["attack"], name))
        moments = int(pc.max(own["step"]).as_py()) + 1
        codes = verdicts(own["accurate"].to_numpy(), own["fair"].to_numpy()).reshape(-1, moments)
        first = np.arange(len(codes)) * moments
        rows = np.column_stack([own[column].to_numpy() for column in encoded])
        predictions = own["prediction"].to_numpy()
        for key, at in ((CLEAN, first), (name, first + outcome_step(codes, ATTACKS[name].sought))):
            found[key] = rows[at], predictions[at]
    return found

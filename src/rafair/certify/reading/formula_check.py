"""Whether a formula that was read decides as the model does."""

from __future__ import annotations

import numpy as np

from rafair.certify.reading.matrix_columns import Matrix
from rafair.certify.reading.model_formula import Read
from rafair.certify.reading.tree_form import Flags, Numbers
from rafair.errors import ModelError
from rafair.models.adapters.score_model import probe_rows
from rafair.models.classifier import Rows
from rafair.tabular.encoding import MISSING

COMPARED, DRAWN = 1024, 512
"""How many rows of the table, and how many of the whole box, both are asked about."""

SAME = 2e-3
"""How far logits may differ: single precision, and what is added where a decision is settled."""

FARTHEST = 12.0
"""Margins beyond this are not compared: probabilities so near to 1 have lost their digits."""


def check_read(read: Read, rows: Rows, more: Rows) -> None:
    """Refuses a formula that does not decide as the model, or whose scores are others.

    Args:
        read: The model and its formula.
        rows: Encoded rows of the table.
        more: Rows that are most likely to show a difference, such as those at splits.

    Raises:
        ModelError: If one decides otherwise, beyond what rounding explains.
    """
    some = np.unique(np.linspace(0, max(len(rows) - 1, 0), COMPARED).astype(np.int64))
    asked = np.concatenate([rows[some] if len(rows) else rows, _drawn(read), more])
    theirs = read.model.logits(asked).astype(np.float64)
    matrix = read.inputs.matrix(asked)
    ours = read.formula.scores(matrix)
    off = ours.shape != theirs.shape
    wrong = np.ones(len(asked), np.bool_) if off else _differs(read, ours, theirs, matrix)
    if wrong.any():
        raise ModelError(
            f"model '{read.model.name}': its {read.kind} were read in a way that answers otherwise "
            f"than it does for {int(wrong.sum()):,} of {len(asked):,} rows, so it cannot be "
            "certified"
        )


def _differs(read: Read, ours: Numbers, theirs: Numbers, matrix: Matrix) -> Flags:
    each, decided = np.arange(len(ours)), theirs.argmax(axis=1)
    short = ours.max(axis=1) - ours[each, decided]
    wrong: Flags = ~(short <= _slack(read, matrix))
    if read.exact_scores:
        with np.errstate(divide="ignore", invalid="ignore"):
            scores = np.log(ours) if read.formula.chances else ours
            margins = scores - scores[each, decided][:, None]
            given = theirs - theirs[each, decided][:, None]
            near = np.abs(margins) < FARTHEST
            wrong |= (near & (np.abs(margins - given) > SAME * (1 + np.abs(margins)))).any(axis=1)
    return wrong


def _slack(read: Read, matrix: Matrix) -> Numbers:
    slack = read.formula.slack
    if callable(slack):
        return np.asarray(2 * slack(np.abs(matrix.astype(np.float64))).max(axis=1))
    return np.full(len(matrix), 2 * slack)


def _drawn(read: Read) -> Rows:
    """Rows of the whole box, with gaps where there may be any."""
    schema = read.inputs.schema
    rows = probe_rows(schema, DRAWN)
    gaps = np.array([feature.missing for feature in schema.features])
    some = np.random.default_rng(1).random(rows.shape) < 0.1
    rows[some & gaps] = MISSING
    return rows

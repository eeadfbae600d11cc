"""Models and tables that cannot be audited: one line says why, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import planted
import rafair
from rafair.auditing.audit_run import run_audit
from rafair.auditing.audit_setup import AuditConfig
from rafair.engine.run_settings import RunSettings
from rafair.errors import InputError, ModelError, UnknownNameError
from rafair.models.fit_to_table import as_classifier
from rafair.sources.opened_model import OpenedModel
from rafair.sources.row_sources import InMemory
from rafair.sources.source import Source

TABLE = planted.random_table(n=60)
WIDTH = len(TABLE.schema)


@pytest.fixture
def refused(tmp_path: Path) -> Callable[..., str]:
    """Audits what must be refused; returns the line it says."""

    def check(model: object, table: object, kind: type[InputError], *words: str, **options) -> str:
        options = {"steps": 2, "out": tmp_path / "new" / "out"} | options
        with pytest.raises(kind) as caught:
            rafair.audit(model, table, **options)
        return checked(caught.value, tmp_path, *words)

    return check


def checked(error: Exception, folder: Path, *words: str) -> str:
    line = str(error)
    assert "\n" not in line
    for word in words:
        assert word in line
    assert not list(folder.iterdir())
    return line


# models ---------------------------------------------------------------------------------------


class Raising(nn.Module):
    def forward(self, rows: Tensor) -> Tensor:
        raise RuntimeError("the matrix has no inverse\nand here are ten more lines")


class Odd(nn.Module):
    """Two logits, except that one of them is `value` where the first feature is above `least`."""

    def __init__(self, value: float, least: float) -> None:
        super().__init__()
        self.value, self.least = value, least

    def forward(self, rows: Tensor) -> Tensor:
        good = torch.stack([rows[:, 0], 1.5 * rows[:, 1]], dim=1)
        return torch.where(rows[:, :1] > self.least, good + self.value, good)


class Detached(nn.Module):
    def forward(self, rows: Tensor) -> Tensor:
        return rows[:, :2].detach()


class Pair(nn.Module):
    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return rows[:, :2], rows


def answering(width: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda rows: np.zeros((len(rows), width), np.float32)


MODELS = {
    "another width": (nn.Linear(WIDTH + 1, 2), "rows of 5 features", "takes 6"),
    "another width inside": (
        nn.Sequential(nn.Flatten(), nn.Linear(WIDTH - 1, 2)),
        "does not take these rows",
    ),
    "three logits": (nn.Linear(WIDTH, 3), "each of 2 classes", "shape (2, 3)"),
    "raising": (Raising(), "'Raising'", "does not take these rows", "the matrix has no inverse"),
    "a pair of answers": (Pair(), "'Pair'", "expected a tensor of one logit per class"),
    "without gradients": (Detached(), "'Detached'", "gradient"),
    "always nan": (Odd(np.nan, -1), "'Odd'", "expected finite logits"),
    "always infinite": (Odd(np.inf, -1), "'Odd'", "expected finite logits"),
    "a class": (nn.Linear, "expected a torch module", "the class Linear"),
    "a name": ("fcnn", "a torch module", "str"),
    "nothing": (None, "a torch module", "NoneType"),
}


@pytest.mark.parametrize("case", MODELS.values(), ids=MODELS)
def test_a_model_that_does_not_fit(refused, case):
    model, *words = case
    refused(model, TABLE, ModelError, *words)


FUNCTIONS = {
    "three scores": (answering(3), "each of 2 classes", "shape (2, 3)"),
    "words": (lambda rows: ["yes"] * len(rows), "texts, such as 'yes'"),
    "nan": (lambda rows: np.full((len(rows), 2), np.nan), "expected finite logits"),
    "negative probabilities": (
        rafair.FunctionClassifier(lambda rows: rows[:, :2] - 2, outputs="probabilities"),
        "expected probabilities",
    ),
}


@pytest.mark.parametrize("case", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_function_that_does_not_fit(refused, case):
    function, *words = case
    refused(function, TABLE, ModelError, *words, attacks=())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("threads", [1, 2])
def test_logits_that_are_not_finite_are_found_on_the_way(refused, value, threads):
    """No row of the table is above 0.98, so it is a perturbation that gets there."""
    model = Odd(value, float(np.sort(TABLE.rows[:, 0])[-1]) + 1e-3)
    refused(model, TABLE, ModelError, "'Odd'", "finite logits", threads=threads, step_size=0.05)


class Identified(OpenedModel):
    """A given model that is known to be the same one each time."""

    identified = True


def test_an_audit_that_was_taken_up_keeps_what_was_done(tmp_path):
    """An error on the way throws nothing away that an earlier try has finished."""
    model, table = Odd(0, -1), planted.random_table(n=150)
    done = tmp_path / "out.partial" / "shards" / "00000"

    def forward(rows: Tensor) -> Tensor:
        if done.exists():
            raise KeyboardInterrupt
        return rows[:, :2]

    def audit() -> rafair.Audit:
        source = Source(Identified(as_classifier(model)), InMemory.of_table(table))
        return run_audit(
            source, AuditConfig(instances=None, steps=2), RunSettings(out=tmp_path / "out")
        )

    model.forward = forward
    with pytest.raises(KeyboardInterrupt):
        audit()
    model.forward = Odd(np.nan, 0.95).forward
    with pytest.raises(ModelError, match="finite logits"):
        audit()
    assert done.exists()
    assert not (tmp_path / "out").exists()


# options --------------------------------------------------------------------------------------

OPTIONS = {
    "more instances than rows": ({"instances": 61}, "instances", "at most 60", "'planted'", "61"),
    "no instances": ({"instances": 0}, "instances", "from 1"),
    "half an instance": ({"instances": 0.5}, "instances", "whole number", "0.5"),
    "steps in words": ({"steps": "ten"}, "steps", "whole number", "'ten'"),
    "yes steps": ({"steps": True}, "steps", "True"),
    "nan": ({"step_size": float("nan")}, "step_size", "got nan"),
    "unknown attack": ({"attacks": ["pgdd"]}, "unknown attack 'pgdd'"),
    "unknown attack, alone": ({"attacks": "rafair-t"}, "did you mean 'rafair-tb'?"),
    "unknown feature": ({"epsilon": {"y0": 0.1}}, "unknown feature 'y0'"),
    "no feature": ({"epsilon": {}}, "epsilon", "at least one"),
    "only sensitive features": ({"epsilon": {"s0": 0.1}}, "epsilon", "may move"),
    "unknown loss": ({"loss": "hinge"}, "unknown loss 'hinge'"),
    "unknown labels": ({"labels": "none"}, "labels 'none'"),
    "no threads": ({"threads": 0}, "threads"),
    "unknown device": ({"device": "abacus"}, "device", "'abacus'"),
}


@pytest.mark.parametrize("case", OPTIONS.values(), ids=OPTIONS)
def test_options_out_of_range(refused, case):
    options, *words = case
    refused(nn.Linear(WIDTH, 2), TABLE, InputError, *words, **options)


# tables ---------------------------------------------------------------------------------------


def frame(**columns: object) -> pd.DataFrame:
    """Six applicants, with some columns replaced."""
    plain = {
        "age": [20, 30, 40, 50, 60, 70],
        "income": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        "sex": ["f", "m", "f", "m", "f", "m"],
        "good": [0, 1, 0, 1, 0, 1],
    }
    return pd.DataFrame(plain | columns)


TABLES = {
    "one class": (frame(good=[1] * 6), {}, "label 'good'", "two or more classes", "found 1"),
    "a class missing": (frame(good=[0, 1, None] * 2), {}, "label 'good'", "missing"),
    "no label": (frame(), {"label": "goood"}, "column 'goood'", "did you mean 'good'?"),
    "no sensitive column": (frame(), {"sensitive": ["gender"]}, "column 'gender'", "age, income"),
    "no immutable column": (frame(), {"immutable": ["incme"]}, "did you mean 'income'?"),
    "a word for a list": (frame(), {"sensitive": "sex"}, "sensitive", "list", "['sex']"),
    "the label as sensitive": (frame(), {"sensitive": ["sex", "good"]}, "column 'good'", "label"),
    "no number at all": (frame(income=[None] * 6), {}, "'income'", "found none"),
    "a number without end": (frame(income=[1, 2, 3, np.inf, 5, 6]), {}, "'income', row 3", "inf"),
    "a column twice": (pd.concat([frame(), frame()[["age"]]], axis=1), {}, "'age'", "once"),
    "no rows": (frame()[:0], {}, "at least one row"),
    "no columns": (pd.DataFrame(), {}, "at least one column"),
}


@pytest.mark.parametrize("case", TABLES.values(), ids=TABLES)
def test_a_table_that_cannot_be_made(tmp_path, case):
    rows, options, *words = case
    with pytest.raises(InputError) as caught:
        rafair.Table.from_frame(rows, **{"label": "good", "sensitive": ["sex"]} | options)
    checked(caught.value, tmp_path, *words)


UNFIT_TABLES = {
    "no sensitive feature": (frame(), [], "at least one"),
    "one sensitive value": (frame(sex=["f"] * 6), ["sex"], "two or more values"),
    "all features sensitive": (frame()[["age", "good"]], ["age"], "at least one feature that may"),
}


@pytest.mark.parametrize("case", UNFIT_TABLES.values(), ids=UNFIT_TABLES)
def test_a_table_without_anything_to_compare(refused, case):
    rows, sensitive, *words = case
    table = rafair.Table.from_frame(rows, label="good", sensitive=sensitive)
    refused(nn.Linear(len(table.schema), 2), table, InputError, *words)


BAD_ROWS = {
    "above the range": ({"income": 7.0}, "'income', row 4", "from 1 to 6", "7.0"),
    "an unknown level": ({"sex": "x"}, "'sex', row 4", "one of f, m", "'x'"),
    "a word for a number": ({"income": "much"}, "'income', row 4", "'much'"),
}


@pytest.mark.parametrize("case", BAD_ROWS.values(), ids=BAD_ROWS)
def test_rows_that_the_schema_does_not_allow(refused, case):
    values, *words = case
    good = rafair.Table.from_frame(frame(), label="good", sensitive=["sex"])
    rows = good.frame.astype(object)
    rows.loc[4, list(values)] = list(values.values())
    table = rafair.Table(rows, good.labels, good.schema)
    refused(nn.Linear(3, 2), table, InputError, *words)


def test_a_table_that_lacks_a_column(refused):
    good = rafair.Table.from_frame(frame(), label="good", sensitive=["sex"])
    table = rafair.Table(good.frame.drop(columns="income"), good.labels, good.schema)
    refused(nn.Linear(3, 2), table, InputError, "column 'income'", "not found")


def test_a_frame_is_no_table(refused):
    refused(nn.Linear(3, 2), frame(), InputError, "rafair.Table", "Table.from_frame", "DataFrame")


def test_unknown_names_are_their_own_kind(refused):
    refused(nn.Linear(WIDTH, 2), TABLE, UnknownNameError, "pgd", attacks=["pgd-x"])

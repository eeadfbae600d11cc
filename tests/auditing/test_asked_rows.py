"""Under feasible perturbations models are asked about values only that a person could have."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import planted
import rafair
from asked_rows import Asked, odd_table, unlikely
from commands import call
from rafair.attacks.attack_names import attack_named
from rafair.attacks.registry import ATTACKS
from rafair.auditing.audit_setup import AuditConfig
from rafair.engine.thread_pool import Workers
from rafair.errors import InputError
from rafair.models.adapters.score_model import probe_rows
from rafair.models.answer_cache import CachedClassifier
from rafair.models.function_classifier import FunctionClassifier
from rafair.monitoring.references.stream_judge import StreamJudge
from rafair.monitoring.references.stream_judge_options import StreamJudgeOptions
from rafair.search.counterpart_evaluator import CounterpartEvaluator
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.feasible import FeasibleSet
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.schema_file import write_schema

BLIND = tuple(name for name in ATTACKS if not attack_named(name).needs_gradients)


class Blocks:
    """Flat nearly everywhere, so that probes grow to the ends of their boxes."""

    def __init__(self) -> None:
        self.asked: list[np.ndarray] = []

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        self.asked.append(rows.copy())
        heights = np.floor(rows * 3).sum(axis=1) % 5
        return np.stack([heights, 2.0 + 0 * heights], axis=1)

    @property
    def rows(self) -> np.ndarray:
        return np.concatenate(self.asked)


def audited(model, table, **options):
    given = {"steps": 5, "step_size": 0.06, "perturbation": "feasible", "threads": 1, **options}
    return rafair.audit(model, table, **given)


def check(asked: np.ndarray, table: rafair.Table, *, sensitive: bool = False) -> None:
    """All of them hold values of the schema, and gaps where their person has gaps."""
    assert unlikely(asked, table.schema) == {}
    person = np.rint(asked[:, table.schema.column("id")] * len(table)).astype(int)
    for feature in table.schema.features:
        column = table.schema.column(feature.name)
        absent = table.rows[person, column] == -1
        if not feature.sensitive:  # a counterpart has a value where its person has none
            assert np.array_equal(asked[:, column] == -1, absent), feature.name
        else:
            assert not (asked[~absent, column] == -1).any(), feature.name
        moved = asked[:, column] != table.rows[person, column]
        if feature.name in ("rooms", "size", "id"):  # out of reach, or not to be moved
            assert not moved.any(), feature.name
        elif sensitive or not feature.sensitive:
            assert moved.any(), feature.name


def test_rows_of_nobody_hold_possible_values():
    schema = odd_table().schema
    assert unlikely(probe_rows(schema, 500), schema) == {}


@pytest.mark.parametrize(
    ("model", "labels", "sensitive"),
    [(Blocks, "true", True), (lambda: Asked(planted.network(16, seed=3)), "consensus", False)],
)
def test_a_black_box_is_asked_about_possible_values_only(model, labels, sensitive):
    table, model = odd_table(), model()
    options = {"attacks": BLIND, "labels": labels, "perturb_sensitive": sensitive}
    found = audited(model, table, black_box=True, **options)
    assert len(model.rows) > 1_000
    check(model.rows, table, sensitive=sensitive)
    assert set(found.document["repairs"]) == set(found.document["attacks"])


def test_gradients_are_asked_for_at_possible_values_only():
    table, model = odd_table(), Asked(planted.Smooth(16))
    audited(model, table, attacks=tuple(ATTACKS), labels=None)
    check(model.rows, table)


@pytest.mark.parametrize("black_box", [False, True])
def test_a_watch_asks_about_possible_values_only(black_box):
    table, model = odd_table(), Asked(planted.network(16, seed=3))
    options = StreamJudgeOptions(perturbation="feasible", epsilon=0.3, black_box=black_box)
    StreamJudge(model, table.schema, options, threads=1)(table.rows)
    check(model.rows, table)


TYPED = """
import numpy as np

WHOLE = ("years", "floor", "sum", "rooms", "calls", "id", "age")
LEVELS = {"grade": set("abcdefgh"), "size": set("sml"), "job": {"cook", "nurse", "smith"}}

def answer(frame):
    for name in WHOLE:
        values = frame[name].dropna()
        if not (values == np.rint(values)).all():
            raise TypeError(f"{name}: expected INT64, got {values.iloc[0]}")
    for name, levels in LEVELS.items():
        assert set(frame[name].dropna()) <= levels, name
    score = frame["years"] // 7 + frame["calls"].fillna(40) // 9 - frame["sum"] // 400
    share = 1 / (1 + np.exp(-(score % 5 - 2.0).to_numpy()))
    return np.stack([1 - share, share], axis=1)
"""


def test_a_typed_function_of_raw_rows_is_never_asked_for_what_it_must_refuse(tmp_path):
    table = odd_table()
    schema, data = tmp_path / "schema.toml", tmp_path / "people.csv"
    schema.write_text(write_schema(table.schema), encoding="utf-8")
    table.frame.assign(y=np.array(["no", "yes"])[table.labels]).to_csv(data, index=False)
    (tmp_path / "option_values.py").write_text(TYPED, encoding="utf-8")
    command = [
        "audit",
        "--data",
        data,
        "--schema",
        schema,
        "--model",
        f"{tmp_path}/option_values.py:answer",
    ]
    command += ["--model-input", "raw", "--model-output", "probabilities"]
    command += ["--steps", "4", "--step-size", "0.08", "--attack", "rafair-ff"]
    done = call(*command, "--out", tmp_path / "run")
    assert done.code == 0, done.err
    paper = call(*command, "--perturbation", "paper", "--out", tmp_path / "paper")
    assert paper.code == 2
    assert "expected INT64, got" in paper.err


def test_the_check_itself_finds_what_the_paper_s_perturbations_ask():
    table, model = odd_table(), Asked(planted.network(16))
    audited(model, table, perturbation="paper", black_box=True)
    found = unlikely(model.rows, table.schema)
    for name in ("years", "floor", "sum", "rate", "fine", "grade", "calls", "job", "north"):
        assert found[f"{name}: no value"] > 100, name


@st.composite
def features(draw, name: str) -> Feature:
    kind = draw(st.sampled_from(["integer", "stepped", "ordinal", "numeric"]))
    if kind == "ordinal":
        return Feature(name=name, kind=kind, levels=tuple(range(draw(st.integers(2, 30)))))
    low = draw(st.integers(-2000, 2000)) / (1 if kind == "integer" else 8)
    width = draw(st.integers(1, 3000)) / (1 if kind == "integer" else 8)
    step = None
    if kind == "stepped":
        step = draw(st.sampled_from([0.1, 0.25, 0.3, 1, 7]))
    real = "integer" if kind == "integer" else "numeric"
    return Feature(name=name, kind=real, minimum=low, maximum=low + width, step=step)


@settings(max_examples=20, deadline=None)
@given(
    st.tuples(*(features(name) for name in "abc")),
    st.sampled_from([0.003, 0.01, 0.07, 0.3]),
    st.integers(0, 1000),
)
def test_probes_of_any_feature_lie_on_its_grid(made, step_size, seed):
    sensitive = planted.numeric("s", sensitive=3)
    schema = Schema(features=(*made, sensitive), label="y", classes=("no", "yes"))
    draw = np.random.default_rng(seed)
    config = AuditConfig(steps=5, step_size=step_size)
    try:
        budget = config.budget(schema, feasible=True)
    except InputError:
        return  # nothing reaches another value
    start = np.column_stack([draw.random((3, 3)), np.zeros(3)]).astype(np.float32)
    whole = FeasibleSet.of(schema, 1.0)
    start = whole.nearest(start, np.zeros_like(start))  # any values of the grids
    model = Blocks()
    with Workers(1) as workers:
        classifier, counterparts = (
            CachedClassifier(FunctionClassifier(model)),
            Counterparts.of(schema),
        )
        sweep = CounterpartEvaluator(classifier, counterparts, config.loss_function, workers)
        for name in BLIND:
            attack_named(name).run(sweep, start, np.array([0, 1, 0]), budget)
    assert unlikely(model.rows, schema) == {}


def test_probes_reach_the_last_value_of_the_box_and_no_further():
    years = Feature(name="years", kind="integer", minimum=20, maximum=60)
    schema = Schema(
        features=(years, planted.numeric("s", sensitive=2)), label="y", classes=("no", "yes")
    )
    model = Blocks()
    start = np.float32([[0.5, 0]])  # 40 years; 0.16 reaches from 34 to 46, and no value beyond
    config = AuditConfig(steps=4, step_size=0.04)
    with Workers(1) as workers:
        sweep = CounterpartEvaluator(
            FunctionClassifier(model), Counterparts.of(schema), config.loss_function, workers
        )
        for name in BLIND[:3]:
            budget = config.budget(schema, feasible=True)
            attack_named(name).run(sweep, start, np.array([0]), budget)
    asked = sorted({round(20 + 40 * float(code), 4) for code in model.rows[:, 0]})
    assert (asked[0], asked[-1]) == (34, 46)
    assert all(age.is_integer() for age in asked)


def test_a_domain_off_its_feature_s_grid_is_refused_in_one_line():
    age = Feature(name="age", kind="integer", minimum=18, maximum=90, sensitive=True,
                  domain=(18, 30.5))  # fmt: skip
    schema = Schema(features=(planted.numeric("x"), age), label="y", classes=("no", "yes"))
    with pytest.raises(InputError, match=r"'age': domain: expected a whole number.*got 30\.5$"):
        AuditConfig().budget(schema, feasible=True)
    assert AuditConfig().budget(schema).usable.tolist() == [True, False]

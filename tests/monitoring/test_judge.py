"""What a judge says of rows, by brute force, by the audit itself, and whatever comes with them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

import planted
import planted_loans
import rafair
from rafair.attacks.attack_names import attack_named
from rafair.attacks.registry import UNIONS
from rafair.engine.thread_pool import Workers
from rafair.errors import InputError, UnknownNameError
from rafair.models.fit_to_table import as_classifier
from rafair.models.function_classifier import FunctionClassifier
from rafair.monitoring.probes import PROBES
from rafair.monitoring.references import stream_judge as judging
from rafair.monitoring.references.stream_judge import StreamJudge
from rafair.monitoring.references.stream_judge_options import StreamJudgeOptions
from rafair.results.derived_rates import plain
from rafair.results.instance_outcomes import PerInstance
from rafair.results.rate_names import RateName
from rafair.results.record_reader import Reader
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.table import Table

ALL = tuple(sorted(PROBES))
WIDE = StreamJudgeOptions(probes=ALL, epsilon=0.2)
CONDITIONS = ("clean", "noise", "strongest")


def predicted(module, rows: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return module(torch.tensor(rows)).argmax(dim=1).numpy()


def brute_fair(module, row: np.ndarray, table: Table) -> bool:
    found = predicted(module, planted.brute_counterparts(row, table))
    return bool((found == predicted(module, row[None])[0]).all())


def same(one, other) -> bool:
    return np.array_equal(one.predictions, other.predictions) and all(
        np.array_equal(getattr(one, kind)[c], getattr(other, kind)[c])
        for kind in ("kept", "fair")
        for c in CONDITIONS
    )


@pytest.fixture(scope="module")
def table() -> Table:
    return planted.random_table(90, seed=3)


@pytest.fixture(scope="module")
def module():
    return planted.network(5, seed=2)


def test_rows_as_they_came_are_judged_as_by_brute_force(table, module):
    found = StreamJudge(as_classifier(module), table.schema, WIDE)(table.rows)
    assert found.predictions.tolist() == predicted(module, table.rows).tolist()
    fair = [brute_fair(module, row, table) for row in table.rows]
    assert found.fair["clean"].tolist() == fair
    assert found.kept["clean"].all()
    assert 5 < sum(fair) < 85  # else this would tell nothing


def test_every_iterate_counts_under_probes(table, module):
    """Iterates of attacks that are run here one row at a time, each judged by brute force."""
    judge = StreamJudge(as_classifier(module), table.schema, WIDE)
    found = judge(table.rows)
    budget = judge.config.budget(table.schema)
    with Workers(1) as workers:
        sweep = judge.config.sweep(as_classifier(module), table.schema, workers, lambda rows: None)
        for condition in ALL:
            for number in range(0, 90, 4):
                row = table.rows[number : number + 1]
                label = predicted(module, row)
                paths = [
                    attack_named(name).run(sweep, row, label, budget)
                    for name in UNIONS.get(condition, (condition,))
                ]
                iterates = [rows[0] for path in paths for rows in path.rows]
                assert len(iterates) == 4 * len(paths)  # the row itself, and 3 steps
                assert np.abs(np.array(iterates) - row).max() <= 0.2 + 1e-6
                kept = all(predicted(module, each[None])[0] == label[0] for each in iterates)
                fair = all(brute_fair(module, each, table) for each in iterates)
                assert (found.kept[condition][number], found.fair[condition][number]) == (
                    kept,
                    fair,
                )
    for condition in ALL:  # both happen
        assert 0 < np.count_nonzero(~found.kept[condition]) < 90
        assert (found.fair["clean"] & ~found.fair[condition]).any()


def _loans():
    table = planted_loans.loans(60)
    return planted.network(len(table.schema), seed=4), table, "feasible"


def _affairs():
    data = rafair.load_dataset("affairs")
    return rafair.train(data.train, rafair.TrainConfig(epochs=2)), data.test, "paper"


def _planted():
    return planted.Smooth(5, seed=1), planted.random_table(90, seed=5), "paper"


def _black_box():
    module = planted.network(5, seed=2)
    answer = FunctionClassifier(lambda rows: module(torch.tensor(rows)).detach().numpy())
    return answer, planted.random_table(60, seed=3), "paper"


KINDS = {"loans": _loans, "affairs": _affairs, "planted": _planted, "black box": _black_box}


@pytest.fixture(scope="module", params=KINDS)
def subject(request):
    return KINDS[request.param]()


def test_where_the_model_is_right_rates_are_those_of_an_audit(subject):
    model, table, perturbation = subject
    options = StreamJudgeOptions(probes=ALL, epsilon=0.15, perturbation=perturbation, seed=7)
    found = StreamJudge(as_classifier(model), table.schema, options)(table.rows)
    config = options.config
    for condition in ALL:  # each alone: in one audit, the strongest takes over what others find
        result = rafair.audit(
            model,
            table,
            attacks=(condition,),
            steps=config.steps,
            step_size=config.step_size,
            epsilon=config.epsilon,
            labels=None,
            seed=7,
            perturbation=perturbation,
        )
        each = PerInstance.read(result.folder)
        right = (found.predictions == table.labels)[each.instances]
        assert right.any()
        for metric in ("accuracy", "individual_fairness", "accurate_fairness"):
            theirs = each.holds(RateName("robust", metric, condition)) == 1
            ours = found.holds(condition, metric, table.labels)[each.instances]
            assert np.array_equal(ours[right], theirs[right]), (condition, metric)
    for metric in ("accuracy", "individual_fairness"):
        theirs = each.holds(RateName("clean", metric)) == 1
        assert np.array_equal(found.holds("clean", metric, table.labels)[each.instances], theirs)


def test_an_answer_depends_on_neither_company_nor_order_nor_threads(subject, monkeypatch):
    model, table, perturbation = subject
    options = StreamJudgeOptions(epsilon=0.15, perturbation=perturbation)
    judge = StreamJudge(as_classifier(model), table.schema, options, threads=1)
    rows = table.rows[:60]
    whole = judge(rows)
    for size in (1, 7, 32):
        for start in range(0, 60 if size > 1 else 12, size):
            some = slice(start, start + size)
            assert same(judge(rows[some]), whole.take(np.arange(60)[some]))
    shuffled = np.random.default_rng(0).permutation(60)
    fresh = StreamJudge(as_classifier(model), table.schema, options, threads=2)
    assert same(fresh(rows[shuffled]), whole.take(shuffled))
    monkeypatch.setattr(judging, "BLOCK_ROWS", 16)
    assert same(fresh(rows), whole)


def test_missing_and_new_values_are_judged_as_in_audits():
    features = (
        Feature(name="x", kind="numeric", minimum=0, maximum=1, missing=True),
        Feature(name="z", kind="numeric", minimum=0, maximum=1),
        Feature(
            name="s", kind="numeric", minimum=0, maximum=1, missing=True, sensitive=True,
            domain=(0, 0.5),
        ),
    )  # fmt: skip
    schema = Schema(features=features, label="y", classes=("no", "yes"))
    draw = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "x": np.where(draw.random(80) < 0.3, np.nan, draw.random(80)),
            "z": draw.random(80),
            "s": draw.choice([0, 0.5, 1.0, np.nan], 80),
        }
    )
    table = Table(frame, draw.integers(0, 2, 80), schema)
    module = planted.network(3, seed=6)
    found = StreamJudge(as_classifier(module), schema, WIDE)(table.rows)
    fair = [brute_fair(module, row, table) for row in table.rows]
    assert found.fair["clean"].tolist() == fair
    assert 5 < sum(fair) < 75
    assert (table.rows < 0).any(axis=1).sum() > 20


def test_no_rows_at_all(table, module):
    found = StreamJudge(as_classifier(module), table.schema)(table.rows[:0])
    assert len(found) == 0
    assert found.conditions == CONDITIONS


def test_conditions_are_those_of_the_probes(table, module):
    for probes, conditions in (
        ((), ("clean",)),
        (("rafair",), ("clean", "rafair")),
        (("strongest",), ("clean", "strongest")),
        (("noise",), ("clean", "noise")),
    ):
        options = StreamJudgeOptions(probes=probes, epsilon=0.2)
        found = StreamJudge(as_classifier(module), table.schema, options)(table.rows)
        assert found.conditions == conditions
        both = StreamJudge(as_classifier(module), table.schema, WIDE)(table.rows)
        for condition in conditions:
            assert np.array_equal(found.fair[condition], both.fair[condition])
            assert np.array_equal(found.kept[condition], both.kept[condition])


def test_cost_is_known_before_and_never_exceeded(subject):
    model, table, perturbation = subject
    options = StreamJudgeOptions(epsilon=0.15, perturbation=perturbation)
    judge = StreamJudge(as_classifier(model), table.schema, options)
    told: list[int] = []
    judge(table.rows[:40], told.append)
    assert sum(told) == judge.cost(40) == 40 * judge.cost(1)
    if not judge.asked.differentiable:
        assert 0 < judge.asked.asked <= judge.cost(40)


def test_probes_that_move_nothing_are_refused():
    feature = Feature(name="x", kind="integer", minimum=0, maximum=10)
    sex = Feature(
        name="s", kind="categorical", levels=("f", "m"), sensitive=True, domain=("f", "m")
    )
    schema = Schema(features=(feature, sex), label="y", classes=("no", "yes"))
    model = as_classifier(planted.network(2))
    options = StreamJudgeOptions(perturbation="feasible")
    with pytest.raises(InputError, match=r"epsilon: expected enough .* step of 'x'; give"):
        StreamJudge(model, schema, options).check()
    StreamJudge(model, schema, StreamJudgeOptions(perturbation="feasible", probes=())).check()
    StreamJudge(model, schema, StreamJudgeOptions(perturbation="feasible", epsilon=0.1)).check()


def test_wrong_options():
    with pytest.raises(UnknownNameError, match="unknown probe 'nois': did you mean 'noise'"):
        StreamJudgeOptions(probes=("nois",))
    with pytest.raises(InputError, match="steps: expected a whole number from 1 to 100"):
        StreamJudgeOptions(steps=0)
    with pytest.raises(InputError, match="epsilon: expected a number above 0 up to 1, got 2"):
        StreamJudgeOptions(epsilon=2)
    with pytest.raises(InputError, match="probes: expected each once"):
        StreamJudgeOptions(probes=("noise", "noise"))
    frozen = StreamJudgeOptions(epsilon={"a": 0.1}, chunk_rows=1024)
    assert Reader(StreamJudgeOptions)(plain(frozen), "reference.json") == frozen

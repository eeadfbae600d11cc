from __future__ import annotations

import re

import numpy as np
import pytest

import planted
import rafair
from commands import call, document
from rafair.auditing.audit_run import run_audit
from rafair.auditing.audit_setup import AuditConfig
from rafair.auditing.black_box import least_asked
from rafair.blocks.terminal import as_text
from rafair.engine.progress import SILENT
from rafair.engine.run_settings import RunSettings
from rafair.errors import InputError, ModelError, QueryBudgetError
from rafair.models.answer_cache import AnswersInMemory, CachedClassifier
from rafair.models.fit_to_table import as_classifier
from rafair.models.function_classifier import FunctionClassifier
from rafair.results.show_everything import everything
from rafair.sources.opened_model import OpenedModel
from rafair.sources.row_sources import InMemory
from rafair.sources.source import Source
from rafair.tabular.counterparts import Counterparts


@pytest.fixture(scope="module")
def table():
    return planted.random_table(60)


def black(model, table, **options):
    return rafair.audit(model, table, **{"instances": 40, "steps": 4, **options})


def test_a_function_is_attacked_and_repaired_by_queries_alone(table):
    network = as_classifier(planted.network(5))
    found = black(lambda rows: network.logits(rows), table).document
    config = found["config"]
    assert (config["black_box"], config["max_queries"]) == (True, None)
    parts = [found["attacks"][name] for name in ("rafair-tb", "rafair-ff", "rafair-fb")]
    for section in parts:
        assert section["gradient_rows"] == 0
        assert 0 < section["queries"] <= section["prediction_rows"]
    assert found["attacks"]["rafair"]["queries"] == sum(part["queries"] for part in parts)
    robust = found["attacks"]["rafair"]["robust"]["accurate_fairness"]
    assert robust["count"] < found["clean"]["accurate_fairness"]["count"]
    assert found["repairs"]["rafair"]["corrected"]["value"] > 0
    assert found["repairs"]["rafair"]["queries"] > 0


def test_the_table_of_costs_shows_queries(table):
    blind, white = (black(planted.network(5), table, black_box=one) for one in (True, False))
    each = blind.document["attacks"]["rafair-ff"]["queries"] / 40
    assert f"{each:,.1f}" in as_text(everything(blind)).partition("What it cost")[2]
    assert "queries" not in str(white).lower()


def test_a_network_is_a_black_box_only_when_asked_for(table):
    network = planted.network(5)
    white, blind = black(network, table).document, black(network, table, black_box=True).document
    assert [one["config"]["black_box"] for one in (white, blind)] == [False, True]
    assert "queries" not in white["attacks"]["rafair"]
    assert white["attacks"]["rafair-ff"]["gradient_rows"] > 0
    assert blind["attacks"]["rafair-ff"]["gradient_rows"] == 0
    shares = [
        one["attacks"]["rafair"]["robust"]["accurate_fairness"]["value"] for one in (white, blind)
    ]
    assert shares[1] <= shares[0] + 0.03


def test_neither_threads_nor_chunks_change_what_is_asked(table):
    model = planted.network(5)
    documents = [
        black(model, table, black_box=True, threads=threads, chunk_rows=rows).document
        for threads, rows in ((1, 7), (2, 4096))
    ]
    for kind in ("attacks", "repairs"):
        for name, section in documents[0][kind].items():
            other = documents[1][kind][name]
            assert {**section, "seconds": 0} == {**other, "seconds": 0}, name


@pytest.mark.parametrize("attack", ["rafair", "worst-counterpart"])
def test_a_limit_is_never_exceeded_and_decides_no_figure(table, attack):
    """It stops the searches, or else says the same as none; only what cannot fit is refused."""
    network, asked = as_classifier(planted.network(5)), set()

    def model(rows):
        asked.update(row.tobytes() for row in rows)
        return network.logits(rows)

    def audited(limit):
        asked.clear()
        return black(model, table, attacks=(attack,), max_queries=limit).document

    with pytest.raises(InputError, match=r"at least .* the least that 60 rows") as refused:
        audited(10)
    least = int(str(refused.value).partition("at least ")[2].partition(", the")[0])
    with pytest.raises(InputError):
        audited(least - 1)
    for limit in (least, 3 * least):
        with pytest.raises(QueryBudgetError, match="nothing is kept: that needs a folder"):
            audited(limit)
        assert limit / 2 < len(asked) <= limit
    whole = audited(None)
    audited(10**6)
    needed = len(asked)
    same = audited(needed)
    assert len(asked) == needed
    assert whole["clean"] == same["clean"]
    for kind in ("attacks", "repairs"):
        for name, section in whole[kind].items():
            assert {**section, "seconds": 0} == {**same[kind][name], "seconds": 0}
    with pytest.raises(QueryBudgetError):
        audited(needed - 1)


@pytest.mark.parametrize("seed", range(5))
def test_the_least_is_what_verdicts_alone_ask_about(seed):
    random = np.random.default_rng(seed)
    rows = random.integers(0, 3, (40, 3)).astype(np.float32) / 2
    counterparts = Counterparts([0, 2], [np.float32([0, 0.5]), np.float32([0, 0.5, 1])])
    instances = rows[: int(random.integers(0, 20))]
    seen = {row.tobytes() for row in rows}
    for instance in instances:
        for block in counterparts.enumerate(instance):
            seen.update(row.tobytes() for row in block)
    new = sum(int(one < 0) for one in counterparts.own_index(rows))
    least = least_asked(rows, instances, counterparts)
    assert len(seen) - new <= least <= len(seen)
    known = rows[counterparts.own_index(rows) >= 0]
    assert least_asked(known, known[:0], counterparts) == len({row.tobytes() for row in known})


def test_what_a_limit_will_come_to_is_told_before_and_after_the_first_part(table):
    network, said = as_classifier(planted.network(5)), []
    progress = type("Notes", (type(SILENT),), {"note": lambda self, text: said.append(text)})()
    options = {"attacks": ("noise",), "steps": 20, "labels": None, "progress": progress}
    big = planted.random_table(150)
    with pytest.raises(QueryBudgetError):
        black(network.logits, big, instances=150, max_queries=14_000, **options)
    ahead, after = said
    assert ahead.endswith(
        "(where --max-queries 14,000 are spent it stops; a larger limit carries on)"
    )
    assert re.fullmatch(
        r"1[0-3],\d{3} queries so far, about 1[5-9],000 in all: it will stop .*", after
    )
    said.clear()
    black(network.logits, table, max_queries=10**6, **options)
    assert len(said) == 1
    assert said[0].endswith(" queries")


def test_what_several_processes_ask_is_refused_by_its_most(table):
    """None of them knows what the others ask, so that nothing stops them in time."""

    class Cluster:
        def cores(self, workers):
            return 2

        def map(self, work, parts, workers, advance):
            raise AssertionError("begun")

    options = AuditConfig(
        attacks=("rafair",), instances=40, steps=4, black_box=True, max_queries=30_000
    )
    source = Source(OpenedModel(as_classifier(planted.network(5)), {}), InMemory.of_table(table))
    with pytest.raises(InputError, match=r"the most that .*; (\d+) instances or (\d+) steps would"):
        run_audit(source, options, RunSettings(temporary=True, executor=Cluster()))


def test_a_cascade_shares_what_a_limit_leaves(table):
    """So it is never refused for what its stages could ask, asks for no more, and finds less."""
    network, found, before = planted.network(5), [], 10**9
    for limit in (None, 40_000, 20_000, 18_000):
        document = black(
            network, table, attacks=("strongest",), steps=8, labels=None,
            epsilon=0.1, black_box=True, max_queries=limit,
        ).document  # fmt: skip
        section = document["attacks"]["strongest"]
        assert section["queries"] + len(table) <= (limit or 10**9)
        assert section["queries"] <= before
        before = section["queries"]
        found.append(section["robust"]["accurate_fairness"]["count"])
    assert found == sorted(found)
    assert found[-1] < document["clean"]["accurate_fairness"]["count"]
    assert document["config"]["max_queries"] == 18_000


def test_what_a_cascade_may_ask_is_no_matter_of_threads_chunks_or_company(table):
    options = {"attacks": ("noise", "strongest"), "steps": 8, "epsilon": 0.1, "labels": None}
    one, other = (
        black(planted.network(5), table, black_box=True, max_queries=40_000, **options, **how)
        for how in ({"threads": 1, "chunk_rows": 7}, {"threads": 2})
    )
    assert one.adversarial.equals(other.adversarial)
    sections = [each.document["attacks"]["strongest"] for each in (one, other)]
    assert {**sections[0], "seconds": 0} == {**sections[1], "seconds": 0}


def test_a_limit_that_binds_a_cascade_belongs_to_the_plan(table):
    def plan(**options):
        made = black(planted.network(5), table, black_box=True, labels=None, **options)
        return made.document["config"]["plan"]

    cascade = {"attacks": ("strongest",)}
    assert plan(max_queries=30_000, **cascade) != plan(max_queries=40_000, **cascade)
    goals = {"attacks": ("rafair",)}
    assert plan(max_queries=10**6, **goals) == plan(max_queries=10**7, **goals)


def test_what_would_fit_does_fit(table):
    options = {"attacks": (), "labels": None, "black_box": True, "max_queries": 200}
    with pytest.raises(InputError, match=r"; (\d+) instances would fit") as refused:
        black(planted.network(5), table, **options)
    fits = int(str(refused.value).partition("; ")[2].split()[0])
    black(planted.network(5), table, **options | {"instances": fits})


def test_a_spent_limit_keeps_answers_and_the_next_call_asks_for_the_rest_only(table):
    rows: list[bytes] = []
    network = as_classifier(planted.network(5))

    def model(batch):
        rows.extend(row.tobytes() for row in batch)
        return network.logits(batch)

    answers, classifier = AnswersInMemory(), FunctionClassifier(model)
    with pytest.raises(QueryBudgetError, match="what was done is kept"):
        black(CachedClassifier(classifier, answers, max_queries=2000), table)
    assert 1000 < len(rows) <= 2000
    found = black(CachedClassifier(classifier, answers), table).document
    assert len(rows) == len(set(rows))
    whole = black(classifier, table).document
    for kind in ("attacks", "repairs"):
        for name, section in whole[kind].items():
            assert {**section, "seconds": 0} == {**found[kind][name], "seconds": 0}


@pytest.mark.parametrize("name", ["fgsm", "pgd", "apgd", "acg", "adf", "eidig", "dice"])
def test_attacks_that_follow_gradients_are_refused_before_any_work(name, table):
    def never(rows):
        raise AssertionError("asked")

    with pytest.raises(
        ModelError, match=f"'{name}' needs gradients.*: rafair, .*, noise, strongest$"
    ):
        rafair.audit(never, table, attacks=("rafair", name))


def test_limits_that_say_nothing_are_refused(table):
    with pytest.raises(InputError, match="max_queries: expected with a model without gradients"):
        black(planted.network(5), table, max_queries=10**9)
    with pytest.raises(InputError, match="max_gradient_rows: expected with a model that gives"):
        black(planted.network(5), table, black_box=True, max_gradient_rows=10)


def test_a_service_that_goes_away_ends_as_such(table):
    calls = []

    def model(rows):
        calls.append(len(rows))
        if len(calls) > 4:
            raise QueryBudgetError("gone")
        return np.stack([rows[:, 0], 1 - rows[:, 0]], axis=1)

    with pytest.raises(QueryBudgetError, match="gone"):
        black(model, table)


def test_the_command_says_what_it_will_ask_and_refuses_too_little(tmp_path):
    options = [
        "audit",
        "--instances",
        "10",
        "--steps",
        "2",
        "--epochs",
        "1",
        "--black-box",
        "--labels",
        "true",
        "--attack",
        "rafair",
    ]
    out = tmp_path / "run"
    done = call(*options, "--max-queries", "100", "--out", out)
    assert done.code == 2
    assert done.err.startswith("rafair: --max-queries: expected at least ")
    assert done.err.count("\n") == 1
    assert not list(tmp_path.iterdir())
    done = call(*options, "--max-queries", "50000", "--out", out)
    assert done.code == 0, done.err
    assert "; at most " in done.err
    assert " queries" in done.err
    config = document(out)["config"]
    assert (config["black_box"], config["max_queries"]) == (True, 50_000)
    # the limit decides no figure: with another one it is the same audit
    assert "done before" in call(*options, "--max-queries", "60000", "--out", out).err


def test_a_model_without_any_slope_is_told_in_the_words_of_probes():
    table = planted.random_table(40, seed=4)

    def by_rank(rows):
        return np.stack([rows[:, 0] > 2, rows[:, 0] <= 2], axis=1).astype(np.float32)

    result = rafair.audit(by_rank, table, attacks=["rafair-ff"], instances=20, steps=2)
    said = [text for text in result.warnings if "no probe changed the loss at 100.0%" in text]
    assert len(said) == 1

from __future__ import annotations

import html
import json
import math
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt
from statsmodels.stats.proportion import confint_proportions_2indep

import planted
import rafair
from commands import call
from commands import rafair as command
from rafair.blocks.block_types import Heading
from rafair.blocks.markdown import NOTHING, as_markdown
from rafair.blocks.terminal import as_text
from rafair.engine.digest_json import sealed
from rafair.gating.difference_tables import blocks
from rafair.metrics.rate_difference import Unpaired
from rafair.metrics.rate_format import as_fraction
from rafair.results.rate_names import RateName, rates_of

OPTIONS = {"attacks": ("rafair", "pgd"), "steps": 4, "step_size": 0.05}


@pytest.fixture(scope="module")
def table():
    return planted.random_table(150, domains=(4, 3), seed=8)


@pytest.fixture(scope="module")
def audits(table, tmp_path_factory):
    """Two networks on the same 120 rows."""
    folder = tmp_path_factory.mktemp("runs")
    return [
        rafair.audit(
            planted.network(5, seed=seed), table, instances=120, out=folder / f"{seed}", **OPTIONS
        )
        for seed in (1, 2)
    ]


@pytest.fixture(scope="module")
def comparison(audits):
    return rafair.diff(*audits)


def change_of(comparison, short, attack=None):
    kind, _, metric = short.partition(".")
    return next(c for c in comparison.changes if c.name == RateName(kind, metric, attack))


def every_step(audit, attack):
    """Whether an instance was true fair throughout, by plain pandas."""
    frame = audit.adversarial
    names = ("rafair-tb", "rafair-ff", "rafair-fb") if attack == "rafair" else (attack,)
    frame = frame[frame["attack"].isin(names)]
    held = (frame["accurate"] & frame["fair"]).groupby(frame["instance"]).all()
    return held.sort_index()


@pytest.mark.parametrize("attack", ["rafair", "rafair-ff", "pgd"])
def test_a_change_follows_from_the_stored_rows(audits, comparison, attack):
    before, after = (every_step(audit, attack) for audit in audits)
    change = change_of(comparison, "robust.accurate_fairness", attack)
    assert change.first == pytest.approx(before.mean())
    assert change.second == pytest.approx(after.mean())
    assert change.difference.value == pytest.approx(after.mean() - before.mean())
    assert change.difference.low < change.difference.value < change.difference.high
    assert change.better == (after & ~before).sum()
    assert change.worse == (before & ~after).sum()


def test_more_of_what_is_not_wanted_is_worse(audits, comparison):
    first, second = (
        audit.repaired.query("attack == 'pgd'").set_index("instance")["verdict"].sort_index()
        == "true biased"
        for audit in audits
    )
    change = change_of(comparison, "repaired.true_biased", "pgd")
    assert (change.better, change.worse) == ((first & ~second).sum(), (second & ~first).sum())
    assert change.better != change.worse
    assert change_of(comparison, "zero_gradient", "rafair").better is None


def test_every_rate_is_compared_and_has_the_values_of_both_documents(audits, comparison):
    records = [rates_of(audit.record) for audit in audits]
    known = [name for name, rate in records[0].items() if rate and records[1][name]]
    assert [change.name for change in comparison.changes] == known
    for change in comparison.changes:
        assert math.isclose(change.first, records[0][change.name].value, abs_tol=1e-12)
        assert math.isclose(change.second, records[1][change.name].value, abs_tol=1e-12)
        unpaired = isinstance(change.difference, Unpaired)
        # the rows that a repair is counted of are those an attack broke, in each audit its own
        assert unpaired == (change.name.kind == "model") or change.name.kind == "corrected"
        assert change.difference.value == pytest.approx(change.second - change.first)


def test_the_same_run_twice_shows_no_difference(audits):
    comparison = rafair.diff(audits[0], str(audits[0].folder))
    assert comparison.conditions == []
    assert comparison.same_question
    for change in comparison.changes:
        assert change.first == change.second
        assert change.difference.value == 0
        assert not change.beyond_interval
        assert not change.better
        assert not change.worse


def test_samples_that_differ_are_compared_where_they_meet(audits, table):
    other = rafair.audit(planted.network(5, seed=2), table, instances=90, seed=3, **OPTIONS)
    comparison = rafair.diff(audits[0], other)
    in_both = np.intersect1d(*(one.adversarial["instance"].unique() for one in (audits[0], other)))
    assert comparison.pairing.paired
    assert 30 <= comparison.pairing.n_common == len(in_both) < 90
    change = change_of(comparison, "robust.accurate_fairness", "rafair")
    assert change.difference.n == len(in_both)
    assert change.first == pytest.approx(every_step(audits[0], "rafair")[in_both].mean())
    assert change.second == pytest.approx(every_step(other, "rafair")[in_both].mean())
    assert {one.name for one in comparison.conditions} == {"instances", "seed", "sha256"}
    assert comparison.same_question
    assert "instances that both audited (of 120 and 90)" in str(comparison)


def test_samples_that_hardly_meet_are_independent(audits, table):
    other = rafair.audit(planted.network(5, seed=2), table, instances=20, seed=3, **OPTIONS)
    comparison = rafair.diff(audits[0], other)
    assert not comparison.pairing.paired
    change = change_of(comparison, "clean.accuracy")
    counts = [audit.document["clean"]["accuracy"]["count"] for audit in (other, audits[0])]
    low, high = confint_proportions_2indep(
        counts[0], 20, counts[1], 120, method="newcomb", compare="diff"
    )
    assert (change.difference.low, change.difference.high) == pytest.approx((low, high))
    assert (change.better, change.worse) == (None, None)
    numbers = change.to_dict()
    assert (numbers["n_first"], numbers["n_second"], numbers["paired"]) == (120, 20, False)
    said = " ".join(str(comparison).split())
    assert "fewer than 30: rates are compared as of independent samples" in said


def test_other_options_are_told_and_are_another_question(audits, table):
    options = {"attacks": ("fgsm", "pgd"), "steps": 2, "step_size": 0.1, "labels": None}
    other = rafair.audit(planted.network(5, seed=1), table, instances=120, epsilon=0.3, **options)
    comparison = rafair.diff(audits[0], other)
    told = {one.name: (one.first, one.second) for one in comparison.conditions}
    expected = {"steps": (4, 2), "step_size": (0.05, 0.1), "epsilon": (0.2, 0.3)}
    assert {name: told[name] for name in expected} == expected
    assert set(told) - set(expected) <= {"labels", "sha256"}
    assert not comparison.same_question
    assert comparison.only_first == ["rafair-tb", "rafair-ff", "rafair-fb", "rafair"]
    assert comparison.only_second == ["fgsm"]
    text = str(comparison)
    assert "Options   steps 4 → 2, step_size 0.05 → 0.1, epsilon 0.2 → 0.3" in text
    assert "Not the same question" in text
    assert "only in the second: fgsm" in text


def test_another_promise_of_the_schema_is_another_question(table, audits):
    features = [
        feature.model_copy(update={"mutable": feature.name != "x1"})
        for feature in table.schema.features
    ]
    schema = table.schema.model_copy(update={"features": tuple(features)})
    frozen = rafair.Table(table.frame, table.labels, schema, table.name)
    other = rafair.audit(planted.network(5, seed=1), frozen, instances=120, **OPTIONS)
    comparison = rafair.diff(audits[0], other)
    assert [(c.subject, c.name, c.first, c.second) for c in comparison.conditions] == [
        ("data", "x1: mutable", True, False)
    ]
    assert not comparison.same_question


def test_a_model_without_a_hash_is_not_called_the_same(table):
    audits = [
        rafair.audit(lambda rows: rows[:, :2], table, attacks=(), instances=40) for _ in range(2)
    ]
    assert "nothing tells whether it is the same" in str(rafair.diff(*audits))


# groups ---------------------------------------------------------------------------------------


def group_of(comparison, feature, group, attack):
    return next(
        c for c in comparison.groups if (c.group, c.name.attack) == ((feature, group), attack)
    )


@pytest.mark.parametrize("attack", [None, "rafair"])
def test_groups_are_compared_by_their_own_instances(audits, comparison, attack):
    frame = audits[0].adversarial
    clean = frame[(frame["attack"] == "pgd") & (frame["step"] == 0)].set_index("instance")
    members = clean.index[clean["raw.s0"].round(3) == 0.667]
    if attack:
        before, after = (every_step(audit, attack)[members] for audit in audits)
    else:
        rows = [
            audit.adversarial.query("attack == 'pgd' and step == 0").set_index("instance")
            for audit in audits
        ]
        before, after = ((one["accurate"] & one["fair"])[members] for one in rows)
    known = [c.group[1] for c in comparison.groups if c.group[0] == "s0" and not c.name.attack]
    change = group_of(comparison, "s0", known[2], attack)
    assert known[2].startswith("0.66")
    assert change.difference.n == len(members) > 10
    assert change.first == pytest.approx(before.mean())
    assert change.second == pytest.approx(after.mean())
    assert (change.better, change.worse) == ((after & ~before).sum(), (before & ~after).sum())


def test_every_instance_is_in_one_group_of_each_feature(audits, comparison):
    for feature, groups in (("s0", 4), ("s1", 3)):
        clean = [c for c in comparison.groups if c.group[0] == feature and not c.name.attack]
        assert len(clean) == groups
        assert sum(change.difference.n for change in clean) == 120
    assert not any("×" in change.group[0] for change in comparison.groups)


def test_other_bands_make_other_groups(table, audits):
    other = rafair.audit(
        planted.network(5, seed=1), table, instances=120, bands={"s0": (0.5,)}, **OPTIONS
    )
    comparison = rafair.diff(audits[0], other)
    assert {change.group[0] for change in comparison.groups} == {"s1"}
    assert comparison.same_question


# how it looks ---------------------------------------------------------------------------------


def shown(comparison, columns, **options):
    return as_text(blocks(comparison, **options), columns)


@pytest.mark.parametrize("everything", [False, True])
def test_no_figure_is_cut_off_at_80_columns(comparison, everything):
    text = shown(comparison, 80, everything=everything)
    assert "…" not in text
    rows = re.findall(r"^  \w.* +\d\.\d{3} +\d\.\d{3} +[+-]\d\.\d{3} \[.*$", text, re.MULTILINE)
    if everything:
        assert len(rows) == len(comparison.changes) + len(comparison.groups)
        assert "more rates" not in text
    else:
        # clean six, robust three, repaired six; and at most ten that changed
        leading = (None, "rafair")
        changed = [
            c
            for c in comparison.groups
            if c.beyond_interval and c.n >= 30 and c.name.attack in leading
        ]
        assert 15 + len(changed) <= len(rows) <= 25 + len(changed)
        hidden = len(comparison.changes) + len(comparison.groups) - len(rows)
        assert f"{hidden} more rates: --all (or --json) shows them." in text
    assert "about 1 interval in 20 leaves out 0 by chance" in " ".join(text.split())


def test_what_changed_is_marked(comparison):
    text = shown(comparison, 100, everything=True)
    marked = re.findall(r"\] \*", text)
    changes = [*comparison.changes, *comparison.groups]
    assert len(marked) == sum(change.beyond_interval for change in changes) > 0


HOSTILE = "<script>alert(1)</script> `x` | [a](http://x) @all\x1b[31m\u202eend"


@pytest.fixture(scope="module")
def hostile():
    """Two audits of a table and model with names that mean harm, and another schema."""
    audits = []
    for mutable in (True, False):
        features = (
            planted.numeric(HOSTILE, mutable=mutable),
            planted.numeric("x"),
            planted.numeric("s", sensitive=3),
        )
        generator = np.random.default_rng(0)
        rows = np.column_stack([generator.random((40, 2)), generator.integers(0, 3, 40) / 2])
        made = planted.table_of(rows, (rows[:, 0] > 0.5).astype(int), features)
        made = rafair.Table(made.frame, made.labels, made.schema, HOSTILE)
        audits.append(rafair.audit(planted.linear([4.0, 1.0, -3.0]), made, steps=2, step_size=0.1))
    return rafair.diff(*audits)


def test_names_cannot_steer_a_terminal(hostile):
    for text in (shown(hostile, 80), str(hostile)):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "⟨U+001B⟩[31m⟨U+202E⟩end" in "".join(text.split())


def test_names_do_nothing_in_markdown(hostile):
    text = as_markdown(blocks(hostile))
    page = MarkdownIt("commonmark").enable("table").render(text)
    for tag in ("<script", "<a ", "<img"):
        assert tag not in page
    names = {HOSTILE.replace("\x1b", "⟨U+001B⟩").replace("\u202e", "⟨U+202E⟩")}
    shown = html.unescape(page.replace(NOTHING, ""))
    for name in names:
        assert f"{name}: mutable" in shown
        assert f"<strong>Data</strong>: {name}: the same rows" in shown


def test_markdown_has_the_same_figures(comparison):
    page = (
        MarkdownIt("commonmark")
        .enable("table")
        .render(as_markdown(blocks(comparison, everything=True)))
    )
    cells = [
        re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall("<tr>.*?</tr>", page, re.S)
    ]
    figures = [row for row in cells if len(row) == 6 and row[1]]
    changes = [*comparison.changes, *comparison.groups]
    assert len(figures) == len(changes)
    for row, change in zip(figures, changes, strict=True):
        assert row[1:3] == [as_fraction(change.first), as_fraction(change.second)]
        assert row[4] == ("–" if change.better is None else str(change.better))


# the command ----------------------------------------------------------------------------------


def test_the_command_ends_with_0_whatever_changed(audits, comparison, tmp_path):
    folders = [audit.folder for audit in audits]
    expected = comparison.to_dict()
    assert json.loads(command("diff", *folders, "--json", "-").out) == expected
    assert json.loads(command("diff", *folders, "--format", "json").out) == expected
    both = command("diff", *folders, "--format", "json", "--json", tmp_path / "both.json")
    assert json.loads(both.out) == json.loads((tmp_path / "both.json").read_text()) == expected
    done = command("diff", *folders, "--json", tmp_path / "changes.json")
    assert "First" in done.out
    assert json.loads((tmp_path / "changes.json").read_text()) == expected
    told = [Heading("What changed between two audits"), *blocks(comparison)]
    assert command("diff", *folders, "--format", "markdown").out == as_markdown(told)
    assert "outcome, pgd" in command("diff", *folders, "--all").out


def edited(folder):
    document = json.loads((folder / "audit.json").read_text())
    document["clean"]["accuracy"]["value"] = 0.99
    (folder / "audit.json").write_text(json.dumps(document))


def of_another_version(folder):
    document = json.loads((folder / "audit.json").read_text())
    (folder / "audit.json").write_text(json.dumps(document | {"schema_version": 99}))


def of_other_rows(folder):
    document = json.loads((folder / "audit.json").read_text())
    document["dataset"]["sha256"] = "0" * 64
    (folder / "audit.json").write_text(json.dumps(sealed(document)))


def altered(folder):
    with (folder / "adversarial.parquet").open("ab") as file:
        file.write(b"x")


def unfinished(folder):
    (folder / "audit.json").unlink()
    (folder / "plan.json").write_text("{}")


def missing(folder):
    shutil.rmtree(folder)


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (missing, 2, "expected a finished run folder with audit.json"),
        (unfinished, 3, "expected a finished audit, found one that is not"),
        (edited, 2, "edited: clean.accuracy.value says 0.99"),
        (altered, 2, "altered or cut short: expected sha256"),
        (of_another_version, 2, "expected schema_version 1, found 99"),
        (of_other_rows, 2, "sha256 0000000"),
    ],
)
def test_wrong_runs_are_refused_in_one_line(audits, tmp_path, place, spoil, code, words):
    folder = shutil.copytree(audits[place].folder, tmp_path / "run")
    spoil(folder)
    folders = [audits[0].folder, audits[1].folder]
    folders[place] = folder
    done = call("diff", *folders, "--json", tmp_path / "out.json")
    assert (done.code, done.out) == (code, "")
    assert done.err.count("\n") == 1
    assert words in done.err
    assert not (tmp_path / "out.json").exists()


def test_audits_of_other_data_are_refused(audits, tmp_path):
    other = rafair.audit(
        planted.network(5, seed=1), planted.random_table(150, domains=(4, 3), seed=9), **OPTIONS
    )
    with pytest.raises(rafair.RunFolderError, match="expected an audit of the data of"):
        rafair.diff(audits[0], other)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Missing argument"),
        (["one"], "Missing argument"),
        (["one", "two", "three"], "unexpected extra argument"),
        (["one", "two", "--format", "markdwon"], "did you mean 'markdown'?"),
        (["one", "two", "--format", "markdown", "--json", "-"], "expected a file with --format"),
        (["one", "two", "--json", "nowhere/out.json"], "there is no folder 'nowhere'"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(arguments, words):
    done = call("diff", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1
    assert words in done.err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ok": ["yes", "no"] * 20}, "with the classes 'a', 'b'; found the classes 'no', 'yes'"),
        ({"more": 1}, "found the features 'age', 'pay', 'more'"),
    ],
)
def test_data_that_differ_are_told_by_what_a_person_sees(tmp_path, change, words):
    frame = pd.DataFrame({"age": [20, 30] * 20, "pay": range(40), "ok": ["a", "b"] * 20})
    for name, rows in (("one", frame), ("other", frame.assign(**change))):
        table = rafair.Table.from_frame(rows, label="ok", sensitive=["age"])
        out = tmp_path / name
        rafair.audit(lambda rows: np.zeros((len(rows), 2)), table, attacks=(), out=out)
    with pytest.raises(rafair.RunFolderError) as caught:
        rafair.diff(tmp_path / "one", tmp_path / "other")
    assert words in str(caught.value)
    assert "sha256" not in str(caught.value)

"""Rates by group: against fairlearn, against brute force, with hostile names, and edited."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame, count

import planted
import rafair
from rafair.blocks.terminal import as_text
from rafair.engine.digest_json import sealed
from rafair.errors import RunFolderError
from rafair.metrics.group_gaps import LEAST_INSTANCES
from rafair.metrics.rates import rate
from rafair.results.audit_result import Audit
from rafair.results.rates_by_group import METRICS, groups_of
from rafair.results.show_everything import everything
from rafair.results.verification import verified_run
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.table import Table


@pytest.fixture(scope="module")
def affairs(tmp_path_factory) -> Audit:
    """A real run: 150 instances of affairs, a trained network, RAFair's three goals and PGD."""
    data = rafair.load_dataset("affairs")
    network = rafair.train(data.train, rafair.TrainConfig(epochs=3))
    return rafair.audit(
        network,
        data.test,
        attacks=("rafair", "pgd"),
        instances=150,
        steps=4,
        step_size=0.03,
        labels=None,
        out=tmp_path_factory.mktemp("affairs") / "run",
    )


NAMES = ("a", "b.c[0]", "a × b.c[0]", "<b>\u202e\n")
LEVELS = ("1", 1, "1 (2)", "missing", "seconds")
BOTH = (False, True)
AGES = tuple(range(20, 80, 5))


def hostile_table(n: int = 400) -> Table:
    """Levels of the same text, missing values, a level "missing", names that look like a pair's."""
    draw = np.random.default_rng(3)
    level, number = {"kind": "categorical", "levels": LEVELS}, {"minimum": 0, "sensitive": True}
    features = (
        planted.numeric("x0"),
        Feature(name=NAMES[0], domain=LEVELS[:2], missing=True, sensitive=True, **level),
        Feature(name=NAMES[1], kind="integer", maximum=99, domain=AGES, missing=True, **number),
        Feature(name=NAMES[2], kind="boolean", levels=BOTH, domain=BOTH, sensitive=True),
        Feature(name=NAMES[3], kind="numeric", maximum=1, domain=(0.1, 0.35), **number),
        planted.numeric("x1"),
    )  # fmt: skip
    levels = pd.Series([*LEVELS[:3], "seconds", None], dtype=object)
    ages = draw.integers(0, 100, n).astype(float)
    ages[draw.random(n) < 0.1] = np.nan
    frame = pd.DataFrame(
        {
            "x0": draw.random(n),
            NAMES[0]: levels.iloc[draw.choice(5, n, p=[0.3, 0.3, 0.2, 0.1, 0.1])].to_numpy(),
            NAMES[1]: ages,
            NAMES[2]: draw.random(n) < 0.5,
            NAMES[3]: draw.choice([0.1, 0.35, 0.7, 0.8], n, p=[0.4, 0.4, 0.1, 0.1]),
            "x1": draw.random(n),
        }
    )
    schema = Schema(features=features, label="y", classes=("no", "yes"))
    return Table(frame, draw.integers(0, 2, n), schema, "hostile")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Audit:
    return rafair.audit(
        planted.network(6, seed=2),
        hostile_table(),
        attacks=("rafair-tb", "fgsm"),
        steps=3,
        step_size=0.1,
        bands={NAMES[1]: [18, 40.5, 65]},
        labels=None,
        out=tmp_path_factory.mktemp("hostile") / "run",
    )


def held(audit: Audit, attack: str | None) -> pd.DataFrame:
    """Per instance whether each measure holds, from the stored rows alone."""
    rows = audit.adversarial
    if attack is None:
        rows = rows[rows["step"] == 0].drop_duplicates("instance")
    elif attack == "rafair":
        rows = rows[rows["attack"].astype(str).str.startswith("rafair-")]
    else:
        rows = rows[rows["attack"] == attack]
    verdicts = pd.DataFrame(
        {
            "accuracy": rows["accurate"],
            "individual_fairness": rows["fair"],
            "accurate_fairness": rows["verdict"] == "true fair",
        }
    )
    return verdicts.groupby(rows["instance"].to_numpy()).all()


def section(audit: Audit, feature: str, group: str, attack: str | None) -> dict:
    found = audit.document["groups"][feature][group]
    return found["clean"] if attack is None else found["robust"][attack]


def assert_counted(audit: Audit, feature: str, members: dict[str, np.ndarray]) -> None:
    """A feature's groups are these, in this order, and all their rates are those of these rows."""
    assert list(audit.document["groups"][feature]) == list(members)
    for attack in (None, *audit.document["attacks"]):
        verdicts = held(audit, attack)
        assert len(verdicts) == audit.document["clean"]["n"]
        for group, who in members.items():
            assert audit.document["groups"][feature][group]["n"] == who.sum()
            for metric, found in section(audit, feature, group, attack).items():
                expected = rate(int(verdicts[metric][who].sum()), int(who.sum()))
                assert found == (expected and expected.to_dict()), (feature, group, metric)


# fairlearn ------------------------------------------------------------------------------------


def metric_frame(verdicts: pd.DataFrame, values: pd.DataFrame) -> MetricFrame:
    """Fairlearn's view: the share of instances whose verdict is the good one, by group."""

    def share(true, good):
        return float(np.mean(good))

    return MetricFrame(
        metrics={"share": share, "n": count},
        y_true=np.ones(len(verdicts)),
        y_pred=verdicts.to_numpy(),
        sensitive_features=values,
    )


def own_values(audit: Audit) -> pd.DataFrame:
    rows = audit.adversarial
    clean = rows[rows["step"] == 0].drop_duplicates("instance").sort_values("instance")
    columns = {f"raw.{name}": name for name in audit.document["dataset"]["sensitive"]}
    values = clean[list(columns)].rename(columns=columns).reset_index(drop=True)
    return values.map(lambda v: f"{v:g}" if isinstance(v, float) else v)


@pytest.mark.parametrize("features", [["age"], ["religious"], ["age", "religious"]])
def test_rates_and_gaps_are_fairlearns(affairs, features):
    values = own_values(affairs)[features]
    key = " × ".join(features)
    compared = 0
    for attack, metric in itertools.product((None, *affairs.document["attacks"]), METRICS):
        verdicts = held(affairs, attack)[metric]
        frame = metric_frame(verdicts, values).by_group.dropna()
        for group, line in frame.iterrows():
            name = group if isinstance(group, str) else " × ".join(group)
            found = section(affairs, key, name, attack)[metric]
            assert (found["n"], found["value"]) == (line["n"], pytest.approx(line["share"]))
        enough = values.groupby(features)[features[0]].transform("size") >= LEAST_INSTANCES
        gaps = affairs.document["gaps"][key]
        gap = (gaps["clean"] if attack is None else gaps["robust"][attack])[metric]
        if values[enough].drop_duplicates().shape[0] < 2:
            assert gap is None
            continue
        large = metric_frame(verdicts[enough.to_numpy()], values[enough])
        assert gap["value"] == pytest.approx(large.difference()["share"])
        means = large.by_group["share"]
        assert means[gap["highest"]] - means[gap["lowest"]] == pytest.approx(gap["value"])
        compared += 1
    assert compared == (0 if len(features) == 2 else 18)


def test_a_planted_gap_is_found_as_fairlearn_finds_it():
    # right for all of group 0, wrong for all of group 1, whatever is moved
    draw = np.random.default_rng(0)
    rows = np.column_stack([draw.random(120), np.repeat([0.0, 1.0], 60)])
    table = planted.table_of(
        rows,
        rows[:, 1].astype(int),
        (planted.numeric("x"), planted.numeric("s", sensitive=2)),
    )
    audit = rafair.audit(planted.linear([0.0, 0.0], -1.0), table, attacks=("pgd",), steps=2)
    gap = audit.document["gaps"]["s"]["robust"]["pgd"]["accuracy"]
    assert (gap["value"], gap["lowest"], gap["highest"]) == (1, "1", "0")
    assert (gap["n_lowest"], gap["n_highest"]) == (60, 60)
    frame = metric_frame(held(audit, "pgd")["accuracy"], own_values(audit)[["s"]])
    assert frame.difference()["share"] == 1
    assert audit.document["gaps"]["s"]["clean"]["individual_fairness"]["value"] == 0


# brute force ----------------------------------------------------------------------------------


def members(table: Table) -> dict[str, dict[str, np.ndarray]]:
    """Who is in which group of the hostile table, from the frame that it was made of."""
    level, age, truth, size = (table.frame[name] for name in NAMES)
    kinds = level.map(lambda v: None if v is None else (type(v).__name__, v))
    return {
        NAMES[0]: {
            "1": kinds == ("str", "1"),
            "1 (2)": kinds == ("int", 1),
            "1 (2) (2)": level == "1 (2)",
            "missing": np.zeros(len(table), bool),
            "seconds": level == "seconds",
            "missing (2)": level.isna(),
        },
        NAMES[1]: {
            "below 18": age < 18,
            "18 up to 40.5": (age >= 18) & (age < 40.5),
            "40.5 up to 65": (age >= 40.5) & (age < 65),
            "65 and over": age >= 65,
            "missing": age.isna(),
        },
        NAMES[2]: {"False": ~truth, "True": truth},
        NAMES[3]: {"0.1": size == 0.1, "0.35": size == 0.35, "other values": size > 0.5},
    }


def test_hostile_groups_are_never_merged(hostile):
    table = hostile_table()
    single = {
        feature: {group: np.asarray(who, bool) for group, who in groups.items()}
        for feature, groups in members(table).items()
    }
    keys = [*single]
    for feature, groups in single.items():
        assert sum(who.sum() for who in groups.values()) == len(table)
        assert_counted(hostile, feature, groups)
    for first, second in itertools.combinations(single, 2):
        key = f"{first} × {second}"
        key = key if key not in keys else f"{key} (2)"
        keys.append(key)
        pairs = {
            f"{a} × {b}": who & whom
            for (a, who), (b, whom) in itertools.product(
                single[first].items(), single[second].items()
            )
            if (who & whom).any()
        }
        assert_counted(hostile, key, pairs)
    assert keys == list(hostile.document["groups"]) == list(hostile.document["gaps"])
    assert "a × b.c[0] (2)" in keys
    assert hostile.document["config"]["bands"] == {NAMES[1]: [18, 40.5, 65]}


def test_an_empty_group_has_no_rates(hostile):
    empty = hostile.document["groups"]["a"]["missing"]
    assert empty["n"] == 0
    assert set(empty["clean"].values()) == {None}
    assert set(empty["robust"]["fgsm"].values()) == {None}


def test_bands_of_the_schema_count_and_those_that_are_given_count_more():
    table = hostile_table(60)
    stated = table.schema[NAMES[1]].model_copy(update={"bands": (30.0, 50.0)})
    features = [stated if f.name == NAMES[1] else f for f in table.schema.features]
    schema = table.schema.model_copy(update={"features": tuple(features)})
    model = planted.network(6)
    for given, edges in ((None, [30, 50]), ({NAMES[1]: (25,)}, [25])):
        audit = rafair.audit(
            model, Table(table.frame, table.labels, schema, "t"), attacks=(), bands=given
        )
        assert audit.document["config"]["bands"] == {NAMES[1]: edges}
    by_range = rafair.audit(model, table, attacks=()).document
    assert by_range["config"]["bands"] == {NAMES[1]: [20, 40, 60, 80]}
    assert list(by_range["groups"][NAMES[1]])[1] == "20 to 39"


def test_shards_and_threads_change_no_group():
    table, model = planted.random_table(230, domains=(4, 3)), planted.network(5)
    one, two = (
        rafair.audit(model, table, attacks=("pgd",), steps=2, threads=threads).document
        for threads in (1, 2)
    )
    assert (one["groups"], one["gaps"]) == (two["groups"], two["gaps"])
    assert sum(group["n"] for group in one["groups"]["s0 × s1"].values()) == 230


# the document ---------------------------------------------------------------------------------


def test_the_frame_has_every_rate(hostile):
    frame = hostile.groups_frame()
    groups = hostile.document["groups"]
    assert len(frame) == sum(map(len, groups.values())) * len(METRICS) * 3
    some = frame.query("feature == 'a' and group == '1' and attack == 'fgsm'").set_index("metric")
    assert set(some["kind"]) == {"robust"}
    for metric, found in groups["a"]["1"]["robust"]["fgsm"].items():
        assert some.loc[metric, list(found)].to_dict() == found
    nobody = frame.query("feature == 'a' and group == 'missing'")
    assert (nobody["n"] == 0).all()
    assert nobody["value"].isna().all()


def without_groups(audit: Audit, folder: Path) -> Path:
    """The run as a version that knew no groups would have left it."""
    shutil.copytree(audit.folder, folder)
    document = json.loads((folder / "audit.json").read_text())
    del document["groups"], document["gaps"], document["config"]["bands"]
    for feature in document["dataset"]["schema"]["features"]:
        del feature["bands"]
    (folder / "audit.json").write_text(json.dumps(sealed(document)))
    return folder


def test_an_older_run_has_no_groups_but_they_can_be_had(affairs, tmp_path):
    older = verified_run(without_groups(affairs, tmp_path / "older"))
    assert "groups" not in older.document
    assert "Accurate fairness by group" not in as_text(everything(older))
    assert groups_of(older.record, older.folder) == (affairs.record.groups, affairs.record.gaps)
    pd.testing.assert_frame_equal(older.groups_frame(), affairs.groups_frame())
    (older.folder / "adversarial.parquet").unlink()
    with pytest.raises(RunFolderError, match="expected a whole Parquet file"):
        older.groups_frame()


def test_a_run_with_hostile_groups_is_verified(hostile):
    verified_run(hostile.folder)


def rate_at(document: dict) -> dict:
    return document["groups"]["a"]["1"]["robust"]["fgsm"]["accuracy"]


EDITS = {
    "a count": (lambda d: rate_at(d).update(count=1), r"groups\.a\.1\.robust\.fgsm\.accuracy\.cou"),
    "a bound": (lambda d: rate_at(d).update(low=0.0), r"groups\.a\.1\.robust\.fgsm\.accuracy\.low"),
    "a size": (lambda d: d["groups"]["a"]["1"].update(n=7), r"groups\.a\.1\.n says 7"),
    "of a group with a counter's name": (
        lambda d: d["groups"]["a"]["seconds"].update(n=7),
        r"groups\.a\.seconds\.n says 7",
    ),
    "a name": (
        lambda d: d["groups"]["a"].update(x=d["groups"]["a"].pop("1")),
        r"groups\.a\.x says a section, its files give nothing",
    ),
    "of a name that would break the line": (
        lambda d: d["groups"][NAMES[3]]["0.1"].update(n=7),
        r"groups\.<b>⟨U\+202E⟩⟨U\+000A⟩\.0\.1\.n says 7",
    ),
    "a gap": (
        lambda d: d["gaps"][NAMES[2]]["clean"]["accuracy"].update(value=0.0),
        r"gaps\.a × b\.c\[0\]\.clean\.accuracy\.value says 0\.0",
    ),
    "a gap's group": (
        lambda d: d["gaps"][NAMES[2]]["clean"]["accuracy"].update(lowest="nobody"),
        r"gaps\.a × b\.c\[0\]\.clean\.accuracy\.lowest says nobody",
    ),
    "all groups": (lambda d: d.pop("groups"), "groups says nothing"),
    "the bands": (lambda d: d["config"]["bands"].update({NAMES[1]: [18, 41, 65]}), r"groups\.b\.c"),
    "no bands": (lambda d: d["config"].pop("bands"), r"groups\.b\.c"),
}


@pytest.mark.parametrize("case", EDITS.values(), ids=EDITS)
def test_an_edited_group_is_refused(hostile, tmp_path, case):
    edit, words = case
    folder = Path(shutil.copytree(hostile.folder, tmp_path / "run"))
    document = json.loads((folder / "audit.json").read_text())
    edit(document)
    (folder / "audit.json").write_text(json.dumps(sealed(document)))
    with pytest.raises(RunFolderError, match=f"edited: {words}") as caught:
        verified_run(folder)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("bands", "words"),
    [
        ({"x0": [0.5]}, "a sensitive feature"),
        ({"nobody": [0.5]}, "unknown feature 'nobody'"),
        ({NAMES[1]: [18, 200]}, "edges from 0 to 99"),
        ({}, "edited: groups"),
    ],
)
def test_bands_that_a_run_cannot_have_had_are_refused(hostile, tmp_path, bands, words):
    folder = Path(shutil.copytree(hostile.folder, tmp_path / "run"))
    document = json.loads((folder / "audit.json").read_text())
    document["config"]["bands"] = bands
    (folder / "audit.json").write_text(json.dumps(sealed(document)))
    with pytest.raises(RunFolderError, match=rf"audit\.json': .*{words}"):
        verified_run(folder)


# the terminal ---------------------------------------------------------------------------------


def shown(audit: Audit, width: int = 80) -> str:
    text = as_text(everything(audit), width)
    assert all(c.isprintable() or c == "\n" for c in text)
    return text.partition("Accurate fairness by group\n")[2].partition("\n\n")[0]


def test_the_table_shows_every_group_with_somebody_in_it(affairs):
    text = shown(affairs)
    for feature in ("age", "religious"):
        for name, group in affairs.document["groups"][feature].items():
            rates = [
                section["accurate_fairness"]
                for section in (group["clean"], group["robust"]["rafair"])
            ]
            cells = [f"{r['value']:.3f} [{r['low']:.3f}, {r['high']:.3f}]" for r in rates]
            line = next(line for line in text.splitlines() if line.startswith(f"  {name} "))
            assert line.split() == f"{name} {group['n']} {' '.join(cells)}".split()
    gap = affairs.document["gaps"]["age"]["robust"]["rafair"]["accurate_fairness"]
    assert f"Under rafair: {gap['value']:.3f} [{gap['low']:.3f}, {gap['high']:.3f}], of age" in (
        " ".join(text.split())
    )
    assert max(map(len, text.splitlines())) <= 80


def test_hostile_names_are_shown_as_text(hostile):
    text = shown(hostile)
    assert "<b>⟨U+202E⟩⟨U+000A⟩" in text
    assert "  missing (2)" in text
    assert "  missing " in text.replace("missing (2)", "")  # of b.c[0]


def test_many_groups_are_summed_up():
    draw = np.random.default_rng(0)
    levels = tuple(f"level {i} [bold] {'x' * 60}" for i in range(40))
    feature = Feature(
        name="s", kind="categorical", levels=levels, sensitive=True, domain=levels[:2]
    )
    frame = pd.DataFrame({"x": draw.random(300), "s": draw.choice(levels[:30], 300)})
    schema = Schema(features=(planted.numeric("x"), feature), label="y", classes=("a", "b"))
    table = Table(frame, draw.integers(0, 2, 300), schema, "many")
    audit = rafair.audit(planted.network(2), table, attacks=())
    text = shown(audit)
    assert len(audit.document["groups"]["s"]) == 40
    sizes = sorted((group["n"] for group in audit.document["groups"]["s"].values()), reverse=True)
    line = next(line for line in text.splitlines() if "smaller groups" in line)
    assert line.split() == ["19", "smaller", "groups", str(sum(sizes[11:]))]
    assert text.count("[bold]") == 11
    assert "No feature has two groups of at least 30 instances" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80
    assert "robust" not in text.partition("No feature")[0]

"""`rafair reproduce` from end to end, on the data that comes with rafair."""

from __future__ import annotations

import csv
import json
import shutil
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from commands import Done, call, document, rafair
from rafair.attacks.attack_names import attack_names
from rafair.auditing import row_estimate
from rafair.blocks.markdown import escaped
from rafair.study import planned_runs
from rafair.study.published import METRICS
from rafair.study.table_order import PRINTED

SMALL = (
    *("--datasets", "affairs", "--models", "2", "--instances", "20", "--steps", "3"),
    *("--step-size", "0.03", "--epochs", "2", "--figure-instances", "8", "--figure-steps", "6"),
)
TABLE_COLUMNS = "dataset,attack,metric,value,sd,paper,difference,n"
EPSILONS = (0.0225, 0.045, 0.09)


@pytest.fixture(scope="module", autouse=True)
def _quick_probe() -> Iterator[None]:
    """Each of the many audits here would measure this machine's speed for 0.3 s."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_estimate, "PROBE_SECONDS", 0.01)
        yield


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reproduced")


@pytest.fixture(scope="module")
def whole(base: Path) -> Done:
    return rafair("reproduce", "all", *SMALL, "--out", base / "out", "--json", base / "all.json")


@pytest.fixture(scope="module")
def out(base: Path, whole: Done) -> Path:
    return base / "out"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def audits(out: Path, epsilon: float = EPSILONS[-1]) -> list[dict[str, Any]]:
    return [document(out / "audits" / f"affairs-{seed}-eps{epsilon:g}") for seed in (0, 1)]


def outputs(out: Path) -> dict[str, bytes]:
    """What is made of the runs; seconds differ from run to run."""
    return {
        path.name: path.read_bytes()
        for path in out.iterdir()
        if path.is_file() and path.name != "cost.csv"
    }


# files ----------------------------------------------------------------------------------------


def test_everything_is_there(out):
    names = {path.name for path in out.iterdir()}
    assert names == {
        *("models", "audits", "trajectories", "derived", "study.json", "reproduction.md"),
        *(f"{table}.{kind}" for table in ("table3", "table4") for kind in ("csv", "md", "tex")),
        *(
            "epsilons.csv",
            "epsilons.md",
            "comparison.csv",
            "cost.csv",
            "networks.csv",
            "drawing.csv",
        ),
        *(f"figure-affairs-{kind}.{end}" for kind in ("loss", "slopes") for end in ENDINGS),
        *("figures.md", "quadrants.csv", "examples.md", "examples.json"),
    }
    assert {path.name for path in (out / "models").iterdir()} == {"affairs-0", "affairs-1"}
    assert {path.name for path in (out / "trajectories").iterdir()} == {"affairs-0", "affairs-1"}
    assert {path.name for path in (out / "audits").iterdir()} == {
        f"affairs-{seed}-eps{epsilon:g}" for seed in (0, 1) for epsilon in EPSILONS
    }


ENDINGS = ("svg", "png", "csv")


def test_the_audits_are_those_that_the_tables_need(out):
    for seed, audit in enumerate(audits(out)):
        config = audit["config"]
        assert set(audit["attacks"]) == set(attack_names())
        assert (config["instances"], config["steps"], config["step_size"]) == (20, 3, 0.03)
        assert (config["epsilon"], config["labels"], config["seed"]) == (0.09, "true", seed)
        network = document_of_model(out / "models" / f"affairs-{seed}")
        assert network["training"]["seed"] == seed
        assert audit["model"]["sha256"] == network["sha256"]
    for epsilon in EPSILONS[:2]:
        for audit in audits(out, epsilon):
            assert audit["config"]["epsilon"] == epsilon
            assert audit["repairs"] == {}
            assert audit["config"]["steps"] == 3
    followed = document(out / "trajectories" / "affairs-0")
    assert (followed["config"]["instances"], followed["config"]["steps"]) == (8, 6)
    assert followed["config"]["epsilon"] == 0.18


def document_of_model(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "model.json").read_text())


# tables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["table3", "table4"])
def test_tables_hold_the_rates_of_the_audits(out, name):
    text = (out / f"{name}.csv").read_text()
    assert text.splitlines()[0] == TABLE_COLUMNS
    found = {(r["dataset"], r["attack"], r["metric"]): r for r in rows(out / f"{name}.csv")}
    attacks = [*attack_names(), *(["clean"] if name == "table3" else [])]
    assert set(found) == {
        (dataset, attack, metric)
        for dataset in ("mean", "affairs")
        for attack in attacks
        for metric in METRICS
    }
    for (_, attack, metric), row in found.items():
        if METRICS[metric] not in section(audits(out)[0], name, attack):
            assert attack == "strongest"  # which keeps witnesses alone
            assert (row["value"], row["n"]) == ("", "40")
            continue
        values = [section(audit, name, attack)[METRICS[metric]]["value"] for audit in audits(out)]
        assert float(row["value"]) == pytest.approx(statistics.mean(values))
        assert float(row["sd"]) == pytest.approx(statistics.stdev(values))
        assert row["n"] == "40"
        assert row["difference"] == ""  # these are not the paper's data sets
    assert found["mean", "apgd", "r_af"]["paper"] == {"table3": "0.394", "table4": "0.92"}[name]
    assert found["affairs", "apgd", "r_af"]["paper"] == ""
    assert found["mean", "fgsm", "r_af"]["paper"] == ""


def section(audit: dict[str, Any], name: str, attack: str) -> dict[str, Any]:
    if name == "table4":
        return audit["repairs"][attack]["final"]
    if attack == "clean":
        return audit["clean"]
    return audit["attacks"][attack]["outcome"] or audit["attacks"][attack]["robust"]


def test_the_note_tells_what_counts_where_witnesses_alone_are_kept(out):
    said = "Of strongest: the share that held throughout."
    assert said in " ".join((out / "table3.md").read_text().split())
    assert said not in " ".join((out / "table4.md").read_text().split())


def test_rows_come_in_the_paper_s_order(out):
    order = list(dict.fromkeys(row["attack"] for row in rows(out / "table3.csv")))
    known = ["clean", "rafair-tb", "rafair-ff", "rafair-fb", "rafair", "apgd", "acg"]
    assert order[:7] == known
    assert order[7:] == [*(name for name in PRINTED if name in order[7:])]
    assert {"fgsm", "pgd", "noise"} <= set(order)
    metrics = list(dict.fromkeys(row["metric"] for row in rows(out / "table3.csv")))
    assert metrics == ["r_acc", "r_if", "r_af", "tfr", "tbr", "ffr", "fbr"]


def test_epsilons_hold_the_rates_of_the_audits(out):
    head = (out / "epsilons.csv").read_text().splitlines()[0]
    assert head == "dataset,epsilon,attack,kind,value,sd,n"
    found = {
        (float(r["epsilon"]), r["attack"], r["kind"]): r
        for r in rows(out / "epsilons.csv")
        if r["dataset"] == "affairs"
    }
    assert set(found) == {
        (epsilon, attack, kind)
        for epsilon in EPSILONS
        for attack in attack_names()
        for kind in ("outcome", "robust")
    }
    for (epsilon, attack, kind), row in found.items():
        if (attack, kind) == ("strongest", "outcome"):
            assert row["value"] == ""
            continue
        values = [
            audit["attacks"][attack][kind]["accurate_fairness"]["value"]
            for audit in audits(out, epsilon)
        ]
        assert float(row["value"]) == pytest.approx(statistics.mean(values))
        assert float(row["sd"]) == pytest.approx(statistics.stdev(values))


def test_the_comparison_is_of_the_same_instances(out):
    first, second = (
        {a: section(audit, "table3", a)["accurate_fairness"]["value"] for a in audit["attacks"]}
        for audit in audits(out)
    )
    for row in rows(out / "comparison.csv"):
        assert row["attack"] not in ("rafair", "rafair-tb", "rafair-ff", "rafair-fb")
        assert float(row["low"]) <= float(row["difference"]) <= float(row["high"])
        assert row["lower"] == str(float(row["high"]) < 0)
        if float(row["epsilon"]) == EPSILONS[-1]:
            name = row["attack"]
            gaps = (first[name] - first["rafair"], second[name] - second["rafair"])
            assert float(row["difference"]) == pytest.approx(statistics.mean(gaps))


def test_costs_are_those_of_the_audits(out):
    for row in rows(out / "cost.csv"):
        attack = audits(out)[int(row["model"])]["attacks"][row["attack"]]
        assert float(row["gradient_rows"]) == attack["gradient_rows"] / 20
        assert float(row["prediction_rows"]) == attack["prediction_rows"] / 20
        zero = attack["zero_gradient"]
        assert row["zero_gradient"] == ("" if zero is None else str(zero["value"]))


# counterparts ---------------------------------------------------------------------------------


def test_disagreeing_counterparts_are_those_of_the_audit(out):
    for seed, audit in enumerate(audits(out)):
        kept = json.loads((out / "derived" / f"affairs-{seed}-disagreeing.json").read_text())
        counts = kept["value"]
        assert counts["others"] == [23] * 20
        unfair = np.mean(np.array(counts["disagreeing"]["clean"]) > 0)
        assert 1 - unfair == pytest.approx(audit["clean"]["individual_fairness"]["value"])
        for goal in ("rafair-tb", "rafair-ff", "rafair-fb"):
            fair = np.mean(np.array(counts["disagreeing"][goal]) == 0)
            outcome = audit["attacks"][goal]["outcome"]["individual_fairness"]["value"]
            assert fair == pytest.approx(outcome)


def test_fewer_counterparts_see_less(out):
    shares = {
        (r["rows"], r["drawn"]): float(r["value"])
        for r in rows(out / "drawing.csv")
        if r["dataset"] == "affairs"
    }
    values = [audit["clean"]["individual_fairness"]["value"] for audit in audits(out)]
    assert shares["clean", "all"] == pytest.approx(statistics.mean(values))
    values = [
        a["attacks"]["rafair"]["outcome"]["individual_fairness"]["value"] for a in audits(out)
    ]
    assert shares["rafair", "all"] == pytest.approx(statistics.mean(values))
    for what in ("clean", "rafair"):
        assert shares[what, "all"] <= shares[what, "12"] <= shares[what, "4"] <= 1


# figures and examples -------------------------------------------------------------------------


def test_figures_come_with_their_data(out):
    stored = pd.read_parquet(out / "trajectories" / "affairs-0" / "adversarial.parquet")
    losses = pd.read_csv(out / "figure-affairs-loss.csv")
    assert list(losses.columns) == [
        *("goal", "instance", "step", "loss", "counterpart_loss", "verdict")
    ]
    assert len(losses) == 3 * 8 * 7
    both = losses.merge(
        stored, left_on=["goal", "instance", "step"], right_on=["attack", "instance", "step"]
    )
    assert (both["loss_x"] == both["loss_y"]).all()
    assert (both["counterpart_loss_x"] == both["counterpart_loss_y"]).all()
    slopes = pd.read_csv(out / "figure-affairs-slopes.csv", keep_default_na=False)
    assert slopes.groupby(["model", "goal"]).size().tolist() == [8] * 6
    for row in rows(out / "quadrants.csv"):
        own = slopes[(slopes["model"] == int(row["model"])) & (slopes["goal"] == row["goal"])]
        cell = {"tb": "true biased", "ff": "false fair", "fb": "false biased"}[row["goal"][-2:]]
        assert int(row["in_area"]) == (own["area"] == cell).sum()
        assert float(row["share"]) == int(row["in_area"]) / 8


def test_examples_are_rows_of_the_audit(out):
    found = json.loads((out / "examples.json").read_text())
    assert [(e["dataset"], e["verdict"]) for e in found] == [
        ("affairs", "true biased"),
        ("affairs", "false fair"),
    ]
    stored = pd.read_parquet(out / "audits" / "affairs-0-eps0.09" / "adversarial.parquet")
    for example in found:
        if not example["found"]:
            continue
        place = stored[
            (stored["attack"] == example["attack"])
            & (stored["instance"] == example["instance"])
            & (stored["step"] == example["step"])
        ]
        (row,) = place.to_dict("records")
        assert row["verdict"] == example["verdict"]
        assert example["perturbed"] == {name: row[f"raw.{name}"] for name in example["perturbed"]}
        assert (example["counterpart"] is None) == (example["verdict"] == "false fair")
    page = (out / "examples.md").read_text()
    assert "## affairs: true biased" in page
    assert "## affairs: false fair" in page


# what is said ---------------------------------------------------------------------------------


def test_the_page_tells_neither_place_nor_time(out, base):
    page = (out / "reproduction.md").read_text()
    assert str(base) not in page
    assert "created" not in page
    assert "](/" not in page
    for word in ("debiased", "guaranteed", "nan", "None", "{{", "{%"):
        assert word not in page
    for heading in ("## Table 3", "## Table 4", "## Smaller budgets", "## Figures 2 to 9"):
        assert heading in page


def test_the_page_s_answers_are_those_of_the_document(out, base):
    page = (out / "reproduction.md").read_text()
    claims = json.loads((base / "all.json").read_text())["claims"]
    for claim in claims:
        answer = "yes" if claim["holds"] else "**no**"
        text, source, evidence = (escaped(claim[key]) for key in ("text", "source", "evidence"))
        line = f"| {text} | {source} | {answer} | {evidence} |"
        assert line in page
    held = sum(claim["holds"] for claim in claims)
    assert f"{held} of {len(claims)} statements hold in this run" in page


def test_what_is_printed(whole, out, base):
    assert "Table 3" in whole.out
    assert "Table 4" in whole.out
    assert whole.out.splitlines()[-1] == f"Run folder: {out}"
    assert len(whole.err.splitlines()) == 1
    assert whole.err.startswith("audits: 8, of networks: 2, still to be trained: 2; up to ")
    everything = json.loads((base / "all.json").read_text())
    assert everything["what"] == "all"
    assert {"table3", "table4", "epsilons", "comparison", "quadrants", "cost"} <= set(everything)
    assert everything["table3"][0].keys() == set(TABLE_COLUMNS.split(","))
    assert all((out / name).is_file() for name in everything["files"])


# again ----------------------------------------------------------------------------------------


def test_again_nothing_is_computed(out, monkeypatch):
    before = {path: path.stat().st_mtime_ns for path in out.rglob("audit.json")}
    made = outputs(out)

    def never(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(planned_runs, "train_dataset", never)
    rafair("reproduce", "all", *SMALL, "--out", out)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("audit.json")} == before
    assert outputs(out) == made


def test_interrupted_and_given_again(out, base, monkeypatch):
    """Ctrl-C in the second audit; the same command gives what it would have given at once."""
    other = base / "interrupted"
    asked = ("reproduce", "table4", *SMALL, "--out", other)
    audit, begun = planned_runs.run_audit, []

    def stop_at_the_second(preparation: Any, *rest: Any) -> Any:
        begun.append(preparation)
        if len(begun) == 2:
            raise KeyboardInterrupt
        return audit(preparation, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(planned_runs, "run_audit", stop_at_the_second)
        done = call(*asked)
    assert done.code == 130
    assert done.err.splitlines()[-1].startswith("rafair: interrupted")
    assert not (other / "table4.csv").exists()
    assert len(list(other.rglob("audit.json"))) == 1
    stamps = {path: path.stat().st_mtime_ns for path in other.rglob("audit.json")}
    rafair(*asked)
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    made = outputs(other)
    assert set(made) == {"study.json", "table4.csv", "table4.md", "table4.tex"}
    assert made == {name: outputs(out)[name] for name in made}


def test_one_network_less_leaves_the_others_as_they_are(out, tmp_path):
    """Fewer networks, or another part, only read what is there."""
    out = shutil.copytree(out, tmp_path / "out")  # other tests look at all parts, in any order
    options = [option if option != "2" else "1" for option in SMALL[:4]] + list(SMALL[4:])
    before = {path: path.stat().st_mtime_ns for path in out.rglob("audit.json")}
    done = rafair("reproduce", "table3", *options, "--out", out, "--json", "-")
    found = json.loads(done.out)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("audit.json")} == before
    assert {row["sd"] for row in found["table3"]} == {None}
    assert {row["n"] for row in found["table3"]} == {20}
    rafair("reproduce", "table3", *SMALL, "--out", out)


# wrong input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("table5",), "unknown part of the paper 'table5'"),
        (("table3", "--datasets", "affiars"), "did you mean 'affairs'"),
        (("table3", "--datasets", ""), "datasets: expected at least one name"),
        (("table3", "--datasets", "affairs,affairs"), "expected each name once"),
        (("table3", "--datasets", "affairs", "--models", "0"), "models: expected a whole number"),
        (("table3", "--datasets", "affairs", "--variant", "papr"), "did you mean 'paper'"),
        (
            ("table3", "--datasets", "affairs", "--instances", "5000"),
            "at most 1,274, the test rows",
        ),
        (("figures", "--datasets", "affairs", "--figure-instances", "5000"), "--figure-instances"),
        (("figures", "--datasets", "affairs", "--figure-steps", "1"), "--figure-steps"),
        (("table3", "--datasets", "affairs", "--step-size", "0"), "--step-size"),
        (("table3", "--datasets", "affairs", "--device", "gpu"), "gpu"),
        (("table3", "--datasets", "affairs", "--seed", "4294967295", "--models", "2"), "seed"),
    ],
)
def test_wrong_input(tmp_path, arguments, words):
    done = call("reproduce", *arguments, "--out", tmp_path / "out")
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("rafair: ")
    assert done.err.count("\n") == 1, done.err
    assert words in done.err
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_way(tmp_path):
    place = tmp_path / "out"
    place.write_text("mine")
    done = call("reproduce", "table3", *SMALL, "--out", place)
    assert done.code == 2
    assert done.err == f"rafair: '{place}': expected a folder, or none yet; found a file\n"
    assert place.read_text() == "mine"


def test_a_folder_of_something_else(tmp_path):
    (tmp_path / "letter.txt").write_text("mine")
    done = call("reproduce", "table3", *SMALL, "--out", tmp_path)
    assert done.code == 2
    assert "expected a new or empty folder, or one of an earlier reproduction" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_other_options_need_another_folder_or_force(tmp_path):
    quick = ("--datasets", "affairs", "--instances", "10", "--epochs", "1")
    asked = ("reproduce", "table4", *quick, "--out", tmp_path / "out")
    rafair(*asked, "--steps", "2")
    done = call(*asked, "--steps", "3")
    assert done.code == 2
    assert "holds a reproduction with steps 2, not 3" in done.err
    assert done.err.count("\n") == 1
    rafair(*asked, "--steps", "3", "--force")
    assert {path.name for path in (tmp_path / "out" / "audits").iterdir()} == {
        "affairs-0-eps0.02",
        "affairs-0-eps0.03",
    }


def test_tables_of_other_networks_do_not_stand_beside_new_ones(tmp_path):
    quick = ("--datasets", "affairs", "--instances", "10", "--epochs", "1", "--steps", "2")
    out = tmp_path / "out"
    rafair("reproduce", "table4", *quick, "--out", out)
    (out / "notes.txt").write_text("mine")
    first = (out / "table4.csv").read_text()
    done = rafair("reproduce", "table3", *quick, "--out", out)
    assert (out / "table4.csv").read_text() == first  # of the same networks: it still holds
    assert "removed" not in done.err
    done = rafair("reproduce", "table3", *quick, "--out", out, "--seed", "1")
    assert "removed 8 tables and figures of other networks or options" in done.err
    assert not list(out.glob("table4.*"))
    assert (out / "table3.csv").exists()
    assert (out / "notes.txt").read_text() == "mine"
    rafair("reproduce", "table4", *quick, "--out", out)
    assert (out / "table4.csv").read_text() == first


def test_a_study_that_cannot_be_read_is_named(tmp_path):
    quick = ("--datasets", "affairs", "--instances", "10", "--epochs", "1", "--steps", "2")
    rafair("reproduce", "table4", *quick, "--out", tmp_path)
    (tmp_path / "study.json").write_text('{"config": ')
    done = call("reproduce", "table4", *quick, "--out", tmp_path)
    assert done.code == 2
    assert "its study.json cannot be read" in done.err
    rafair("reproduce", "table4", *quick, "--out", tmp_path, "--force")


# the paper's data -----------------------------------------------------------------------------


@pytest.mark.data
def test_credit(tmp_path):
    options = ("--datasets", "credit", "--instances", "20", "--steps", "3", "--epochs", "2")
    figures = ("--figure-instances", "10", "--figure-steps", "4")
    rafair("reproduce", "all", *options, *figures, "--out", tmp_path / "out")
    table = {
        (r["dataset"], r["attack"], r["metric"]): r for r in rows(tmp_path / "out" / "table3.csv")
    }
    audit = document(tmp_path / "out" / "audits" / "credit-0-eps0.03")
    rate = audit["attacks"]["rafair"]["outcome"]["accurate_fairness"]["value"]
    assert float(table["credit", "rafair", "r_af"]["value"]) == pytest.approx(rate)
    assert table["mean", "rafair", "r_af"]["paper"] == "0.224"
    assert audit["dataset"]["variant"] == "paper"
    assert (tmp_path / "out" / "figure6-credit-loss.svg").is_file()
    assert (tmp_path / "out" / "figure9-credit-slopes.svg").is_file()

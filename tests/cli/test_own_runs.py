"""What may follow an audit of one's own data, and networks of rafair's on tables of one's own."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import numpy as np
import pytest
import skops.io

import own_models
import rafair as package
from commands import MAY_DIFFER, call, document, hashes, rafair, without
from rafair.auditing import audit_run as running
from rafair.sources import user_named

OWN = ("--data", "people.csv", "--label", "affair", "--sensitive", "age,religious")
QUICK = ("--instances", "20", "--steps", "1")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    own_models.write_people(tmp_path)
    skops.io.dump(own_models.pipeline(), "pipeline.skops")
    return tmp_path


def test_a_finished_audit_is_not_done_again(here):
    command = ("audit", *OWN, "--model", "pipeline.skops", *QUICK, "--out", "run")
    rafair(*command)
    assert rafair(*command).err == "done before: 'run' holds this very audit\n"
    people = own_models.people()
    own_models.write_people(here, people.iloc[::-1])  # another file is another audit
    refused = call(*command)
    assert (refused.code, "expected a new or empty folder" in refused.err) == (2, True)


def test_an_interrupted_audit_is_carried_on(here, monkeypatch):
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    command = ("audit", *OWN, "--model", "pipeline.skops", *QUICK)
    rafair(*command, "--out", "whole")
    with monkeypatch.context() as patched:
        patched.setattr(running, "merge_shards", stopped)
        assert call(*command, "--out", "run").code == 130
    assert "1 of 1 parts done" in rafair(*command, "--out", "run").err
    assert hashes(here / "run") == hashes(here / "whole")


def same_attacks(one: Path, other: Path) -> bool:
    """Whether two runs have the same rates under attack, whatever they cost."""
    return without(MAY_DIFFER, document(one)["attacks"]) == without(
        MAY_DIFFER, document(other)["attacks"]
    )


def test_a_finished_audit_is_repaired_and_attacked_again(here):
    again = ("--data", "people.csv", "--model", "pipeline.skops")
    told = ("--model-classes", "affair,no affair")
    rafair("audit", *OWN, "--model", "pipeline.skops", *QUICK, "--out", "run")
    rafair("repair", "run", *again, "--out", "repaired")
    assert hashes(here / "repaired") == hashes(here / "run")
    rafair("attack", "run", *again, "--out", "attacked")
    assert same_attacks(here / "attacked", here / "run")
    assert document(here / "attacked")["model"] == document(here / "run")["model"]
    other = call("attack", "run", *again, *told, "--out", "other")
    assert other.code == 2  # what the audit knew of the model counts


@pytest.mark.parametrize("name", ["attack", "repair"])
def test_what_the_folder_does_not_hold_is_named_again(here, name):
    rafair("audit", *OWN, "--model", "pipeline.skops", *QUICK, "--out", "run")

    def refused(*words):
        done = call(name, "run", *words)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
        return done.err

    assert "--data: expected people.csv, the file that was audited" in refused()
    assert "; and --model: the scikit-learn model" in refused()
    data = ("--data", "people.csv")
    assert "--model: expected the scikit-learn model" in refused(*data)
    assert "--weights: expected with --model" in refused(*data, "--weights", "w.safetensors")
    skops.io.dump(own_models.pipeline().set_params(), "other.skops")
    Path("other.skops").write_bytes(Path("pipeline.skops").read_bytes()[:-1] + b"x")
    assert "expected the model that was audited" in refused(*data, "--model", "other.skops")


def test_a_model_of_ones_own_on_a_data_set(here):
    """The file beside a network of ours is another's model, which answers as the network does."""
    rafair("train", "--epochs", "2", "--out", "net")
    quick = ("--attack", "rafair-ff", "--black-box", *QUICK)
    rafair("audit", "--model", "net", *quick, "--out", "ours")
    rafair("audit", "--model", "net/model.onnx", "--dataset", "affairs", *quick, "--out", "theirs")
    ours, theirs = document(here / "ours"), document(here / "theirs")
    for section in ("dataset", "clean", "attacks"):
        assert without(MAY_DIFFER, theirs[section]) == without(MAY_DIFFER, ours[section])
    for name in ("adversarial.parquet", "repaired.parquet"):
        assert hashes(here / "theirs")[name] == hashes(here / "ours")[name]
    assert theirs["model"]["kind"] == "onnx"
    assert not (here / "theirs" / "model.json").exists()
    rafair("repair", "theirs", "--model", "net/model.onnx", "--out", "repaired")
    assert hashes(here / "repaired") == hashes(here / "theirs")
    rafair("monitor", "init", "theirs", "--model", "net/model.onnx", "--probes", "none")


def test_a_saved_network_that_decides_at_a_threshold_on_its_data_set(here):
    rafair("train", "--epochs", "2", "--out", "net")
    words = ("--attack", "noise", *QUICK)
    rafair("audit", "--model", "net", "--threshold", "affair=0.2", *words, "--out", "low")
    rafair("audit", "--model", "net", "--threshold", "affair=0.9", *words, "--out", "high")
    low, high = document(here / "low"), document(here / "high")
    assert low["model"]["decision"] != high["model"]["decision"]
    assert low["model"]["test_accuracy"] != high["model"]["test_accuracy"]
    rafair("attack", "low", "--model", "net", "--out", "attacked")
    assert same_attacks(here / "attacked", here / "low")


@pytest.mark.parametrize("command", ["audit", "harden"])
def test_what_a_saved_network_says_itself_is_refused_before_its_data_are_read(
    here, command, monkeypatch
):
    rafair("train", "--epochs", "1", "--out", "net")
    monkeypatch.setattr(user_named, "load_dataset", lambda *_, **__: pytest.fail("read"))
    for words in (("--weights", "w.safetensors"), ("--trust-pickle",), ("--model-input", "raw")):
        refused = call(command, "--model", "net", *words)
        assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1)
        assert "expected with a model that others made; the network in 'net'" in refused.err


def test_a_saved_network_is_hardened_and_judged_on_a_file(here):
    table = package.load_dataset("affairs").table.take(np.arange(0, 6000, 20))
    classes = np.array(table.schema.classes)[table.labels]
    table.frame.assign(affairs=classes).to_csv("some.csv", index=False)
    rafair("train", "--epochs", "2", "--out", "net")
    words = ("--steps", "3", "--judges", "noise", "--epsilons", "0.05", "--data", "some.csv")
    words = (*words, "--perturbation", "paper", "--option", "steps=2")
    rafair("harden", "--model", "net", *words, "--out", "hardened")
    found = json.loads((here / "hardened" / "harden.json").read_text())
    assert found["dataset"]["rows"] == found["dataset"]["judged_rows"] == 300
    assert found["dataset"]["file"]["name"] == "some.csv"
    inferred = rafair(
        "schema", "infer", "some.csv", "--label", "affairs", "--sensitive", "age,religious"
    )
    for classes, line in (
        ("affair, no affair", "and the classes no affair, affair, on which it was trained"),
        ("no affair, affair", "of feature 'rate_marriage', with which it was trained, found the"),
    ):
        listed = ", ".join(f'"{name}"' for name in classes.split(", "))
        schema = inferred.out.replace('classes = ["affair", "no affair"]', f"classes = [{listed}]")
        Path("other.toml").write_text(schema, "utf-8")
        other = call("harden", "--model", "net", *words, "--schema", "other.toml", "--out", "x")
        assert (other.code, line in other.err) == (2, True), other.err
    refused = call("harden", "--model", "net", *words, "--sensitive", "children", "--out", "x")
    assert refused.code == 2
    assert "sensitive: expected age, religious, as in the data that the network" in refused.err


def test_an_endpoint_that_never_answers_leaves_nothing_behind(here):
    with socket.socket() as listener:  # taken, and nobody answers once it is closed
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    address = f"http://127.0.0.1:{port}/predict"
    done = call("audit", *OWN, "--model", address, *QUICK, "--retries", "1")
    assert (done.code, done.out) == (3, "")
    assert "; nothing was begun" in done.err
    assert not (here / "runs").exists()


def test_without_instances_all_rows_are_audited(here):
    own_models.write_people(here, own_models.people().iloc[::10])
    rafair("audit", *OWN, "--model", "pipeline.skops", "--steps", "1", "--out", "run")
    assert document(here / "run")["clean"]["n"] == 60


def test_a_network_of_rafairs_on_a_table_of_ones_own(here):
    rafair("train", "--epochs", "1", "--out", "net")
    table = package.load_dataset("affairs").table.take(np.arange(0, 6366, 50))
    labelled = table.frame.assign(affairs=np.array(table.schema.classes)[table.labels])
    labelled.to_csv("affairs.csv", index=False)
    own = ("audit", "--model", "net", "--data", "affairs.csv", "--sensitive", "religious")
    rafair(*own, *QUICK, "--out", "run")
    found = document(here / "run")
    assert found["dataset"]["sensitive"] == {"religious": 4}
    assert found["model"]["kind"] == "rafair"
    infer = ("--label", "affairs", "--sensitive", "age")
    Path("schema.toml").write_text(rafair("schema", "infer", "affairs.csv", *infer).out)
    refused = call(*own, "--schema", "schema.toml")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "trained" in refused.err


def test_a_file_that_is_read_as_said_is_read_so_again(here):
    frame = own_models.people().assign(age=lambda rows: rows["age"].astype(float) + 0.5)
    frame["age"] = frame["age"].map(lambda age: f"{age}".replace(".", ","))
    frame.to_csv("people.txt.csv", index=False, sep=";", encoding="utf-16")
    said = ("--separator", ";", "--decimal", ",", "--encoding", "utf-16")
    assert "--separator ';' says so" in call("schema", "infer", "people.txt.csv").err
    infer = ("schema", "infer", "people.txt.csv", "--label", "affair", "--sensitive", "religious")
    Path("schema.toml").write_text(rafair(*infer, *said).out)
    assert (
        "600 rows are as" in rafair("schema", "check", "schema.toml", "people.txt.csv", *said).out
    )
    skops.io.dump(own_models.pipeline(own_models.features().astype({"age": float})), "m.skops")
    data = ("--data", "people.txt.csv", "--model", "m.skops")
    schema, quick = ("--schema", "schema.toml"), ("--instances", "5", "--steps", "1")
    rafair("audit", *data, *schema, *said, *quick, "--attack", "noise", "--out", "run")
    reading = {"separator": ";", "decimal": ",", "encoding": "utf-16"}
    assert document(here / "run")["dataset"]["file"]["reading"] == reading
    rafair("attack", "run", *data, "--attack", "noise", "--out", "more")
    assert document(here / "more")["dataset"]["file"]["reading"] == reading
    other = call("audit", *data, *schema, *said[2:], *quick, "--out", "other")
    assert (other.code, other.err.count("\n")) == (2, 1)


@pytest.fixture
def cases(here: Path) -> tuple[str, ...]:
    """People with a case number, a date and a note, and a pipeline that reads date and number."""
    people = own_models.people()
    numbered = people.assign(
        case_no=np.arange(len(people)) * 10**13 + 7,
        since=[f"{1990 + i % 30}-0{1 + i % 9}-01" for i in range(len(people))],
        note=[f"spoke to clerk {i}" for i in range(len(people))],
    )
    own_models.write_people(here, numbered)
    Path("model.py").write_text(
        "import numpy as np\n"
        "def answer(rows):\n"
        "    assert rows['case_no'].dtype == 'int64'\n"
        "    assert ((rows['case_no'] - 7) % 10**13 == 0).all()\n"
        "    year = rows['since'].str[:4].astype(int)\n"
        "    return (rows['yrs_married'] - 14 + (year - 2005) / 9 - rows['age'] / 20).to_numpy()\n"
    )
    inferred = rafair("schema", "infer", *OWN[1:2], *OWN[2:], "--immutable", "educ")
    Path("schema.toml").write_text(inferred.out)
    return ("--data", "people.csv", "--model", "model.py:answer", "--model-input", "raw")


def test_opaque_columns_reach_the_model_and_the_cases(here, cases):
    schema = package.read_schema("schema.toml")
    opaque = [feature.name for feature in schema.features if feature.is_opaque]
    assert opaque == ["case_no", "since", "note"]
    assert not schema["educ"].mutable
    noise, few = ("--attack", "noise"), ("--steps", "3", "--instances", "60")
    told = ("--schema", "schema.toml", *noise, *few)
    done = rafair("audit", *cases, *told, "--out", "run")
    assert "educ: immutable; case_no, since, note: opaque" in " ".join(done.out.split())
    run = package.Audit.load("run")
    rows = run.adversarial
    table = package.read_table("people.csv", schema=schema)
    for name in opaque:
        values = table.frame[name].astype(str).to_numpy()
        assert (rows[f"raw.{name}"] == values[rows["instance"]]).all()
        clean = rows.groupby("instance")[f"encoded.{name}"].nunique()
        assert (clean == 1).all()
    assert "clerk" not in Path("run/audit.json").read_text()
    assert "not moved" in Path("run/report.html").read_text()
    again = cases[:-2]
    rafair("repair", "run", *again, "--out", "repaired")
    assert hashes(here / "repaired") == hashes(here / "run")
    rafair("attack", "run", *again, *noise, "--out", "attacked")
    assert same_attacks(here / "attacked", here / "run")
    rafair("report", "run", "--format", "markdown", "--out", "report.md")
    assert "not moved" in Path("report.md").read_text()


@pytest.mark.filterwarnings("default::rafair.errors.RafairWarning")
def test_without_a_schema_opaque_columns_are_found_as_well(here, cases):
    label = ("--label", "affair", "--sensitive", "age,religious", "--immutable", "educ,children")
    done = rafair("audit", *cases, *label, *QUICK, "--out", "run")
    assert "column 'note' holds another text in most rows" in done.err
    schema = package.Audit.load("run").schema
    still = [feature.name for feature in schema.features if not feature.mutable]
    assert still == ["children", "educ", "case_no", "since", "note"]


def test_opaque_columns_are_refused_where_they_cannot_work(here, cases):
    def refused(*words):
        done = call(*words)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
        return done.err

    told = ("--schema", "schema.toml", *QUICK, "--out", "run")
    assert "takes encoded rows, in which the opaque feature 'case_no' has no value" in refused(
        "audit", *cases[:-2], *told
    )
    rafair("audit", *cases, *told)
    assert "'case_no': expected no opaque feature in an audit that is watched" in refused(
        "monitor", "init", "run", *cases[:-2]
    )

"""From finished audits of every kind to references, and what is refused on the way."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import own_models
import planted
import rafair
import servers
from commands import call, names
from commands import rafair as command
from rafair.auditing.entry import audit_named
from rafair.engine.option_groups import Threaded
from rafair.engine.run_settings import RunSettings
from rafair.errors import DataFileError, InputError, ModelError, RunFolderError, UnfinishedRunError
from rafair.models.model_folder import save_model
from rafair.models.model_options import ModelOptions
from rafair.models.wrapper_description import ConsensusWrapper
from rafair.monitoring.references.freezing import FreezeOptions, freeze, open_watched
from rafair.monitoring.references.frozen_reference import Reference
from rafair.monitoring.references.stream_judge import StreamJudge
from rafair.results.verification import verified_run
from rafair.search.seeded_draws import row_keys
from rafair.sources.user_named import Named
from rafair.tabular.table_from_file import read_table

ONE = Threaded(threads=1)
QUICK = FreezeOptions(probes=("noise",))


class Told:
    """Notes, kept to be looked at."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.done = 0.0
        self.total = 0.0

    def note(self, message: str) -> None:
        self.notes.append(message)

    def task(self, description: str, total: float | None, unit: str = ""):
        self.total += total or 0
        return contextlib.nullcontext(self)

    def advance(self, amount: float = 1) -> None:
        self.done += amount


@pytest.fixture
def run(audited: Path, tmp_path: Path) -> Path:
    return shutil.copytree(audited, tmp_path / "run")


@pytest.fixture
def frozen(watched: Path, tmp_path: Path) -> Path:
    return shutil.copytree(watched, tmp_path / "run")


def refused(kind, match: str, *arguments, **options) -> None:
    """What is refused is told in one line, and leaves nothing behind."""
    folder = arguments[0]
    before = names(folder) if folder.exists() else set()
    with pytest.raises(kind, match=match) as caught:
        freeze(*arguments, **options)
    assert "\n" not in str(caught.value)
    assert (names(folder) if folder.exists() else set()) == before


def test_the_whole_test_split_is_frozen(run, affairs):
    told = Told()
    reference = freeze(run, progress=told)
    assert (reference.n, reference.alpha, reference.tolerance) == (1274, 0.05, 0.01)
    assert reference.warnings == ()
    assert (reference.judge.epsilon, reference.judge.steps) == (0.02, 3)
    document = verified_run(run).document
    rates = reference.rates
    assert rates["clean"]["accuracy"].to_dict() == document["model"]["test_accuracy"]
    for metric in ("accuracy", "individual_fairness"):  # what probes leave is never more
        counts = [rates[c][metric].count for c in ("clean", "noise", "strongest")]
        assert counts == sorted(counts, reverse=True)
    assert told.done == told.total > 0
    assert "up to" in told.notes[0]
    assert "1,274 of 1,274 rows" in told.notes[0]
    assert names(run / "monitor") == {"reference.json", "reference.parquet"}
    assert Reference.read(run / "monitor").to_dict() == reference.to_dict()


def test_the_same_again_is_done_before_whatever_the_threads(watched, run):
    first, told = Reference.read(watched / "monitor"), Told()
    assert freeze(run, threaded=ONE).id == first.id
    stamp = (run / "monitor" / "reference.json").stat().st_mtime_ns
    moved = run.rename(run.with_name("elsewhere"))
    again = freeze(moved, progress=told)
    assert again.id == first.id
    assert "done before" in told.notes[0]
    assert (moved / "monitor" / "reference.json").stat().st_mtime_ns == stamp


def test_another_is_refused_and_with_force_the_former_is_kept(frozen):
    former = (frozen / "monitor" / "reference.json").read_bytes()
    (frozen / "monitor" / "watch.sqlite").write_bytes(b"seen")
    for other in (FreezeOptions(alpha=0.1), FreezeOptions(tolerance=0.02), QUICK):
        refused(RunFolderError, "expected no reference, or one with these options", frozen, other)
    assert freeze(frozen, QUICK, force=True).judge.probes == ("noise",)
    assert names(frozen / "monitor") == {"reference.json", "reference.parquet"}
    aside = frozen / "monitor.before-1"
    assert (aside / "reference.json").read_bytes() == former
    assert (aside / "watch.sqlite").read_bytes() == b"seen"
    freeze(frozen, FreezeOptions(probes=()), force=True)
    assert {"monitor", "monitor.before-1", "monitor.before-2"} < names(frozen)


def test_an_altered_reference_is_moved_aside_only_with_force(frozen):
    (frozen / "monitor" / "reference.json").write_text("{}")
    refused(RunFolderError, "expected schema_version 1.*--force", frozen)
    freeze(frozen, QUICK, force=True)
    assert (frozen / "monitor.before-1" / "reference.json").read_text() == "{}"


def test_a_run_with_a_reference_is_still_a_run(frozen, tmp_path):
    assert verified_run(frozen).document["dataset"]["name"] == "affairs"
    command("report", frozen, "--out", tmp_path / "report.html")
    policy = tmp_path / "policy.toml"
    policy.write_text('version = 1\n[[rule]]\nrate = "clean.accuracy"\nat_least = 0.1\n')
    done = call("gate", "--policy", policy, frozen)
    assert done.code == 0, done.err


def test_an_audit_in_its_place_keeps_what_was_watched(frozen, audited):
    reference = (frozen / "monitor" / "reference.json").read_bytes()
    command(
        "audit", "--model", audited, "--instances", "20", "--steps", "2", "--out", frozen, "--force"
    )
    assert "monitor" not in names(frozen)
    aside = frozen.with_name("run.before-1")
    assert (aside / "monitor" / "reference.json").read_bytes() == reference
    assert open_watched(aside)[0].n == 1274
    shutil.copytree(aside / "monitor", frozen / "monitor")
    with pytest.raises(RunFolderError, match="expected the audit that the reference was frozen"):
        open_watched(frozen)


def test_what_is_watched_is_judged_as_the_reference_was(frozen, affairs):
    reference, judge = open_watched(frozen, threads=1)
    found = judge(affairs.test.rows[100:140])
    kept = reference.rows.judged.take(np.arange(100, 140))
    assert found.predictions.tolist() == kept.predictions.tolist()
    for condition in reference.conditions:
        assert np.array_equal(found.fair[condition], kept.fair[condition])
        assert np.array_equal(found.kept[condition], kept.kept[condition])


def test_a_model_that_is_gone_or_another_is_refused(frozen, tmp_path):
    weights = frozen / "model.safetensors"
    whole = weights.read_bytes()
    weights.unlink()
    with pytest.raises(ModelError, match="expected the model's weights, found no such file"):
        open_watched(frozen)
    weights.write_bytes(whole[:-4] + b"abcd")
    with pytest.raises(ModelError, match="it was altered"):
        open_watched(frozen)
    command("train", "--epochs", "1", "--out", tmp_path / "other")
    for name in ("model.safetensors", "model.json", "model.onnx"):
        shutil.copy(tmp_path / "other" / name, frozen / name)
    with pytest.raises(ModelError, match="expected the model that was audited, sha256"):
        open_watched(frozen)
    refused(RunFolderError, "altered or cut short", frozen)


def test_what_is_no_finished_run_is_refused(run, tmp_path):
    refused(RunFolderError, "expected a finished run folder", tmp_path / "nothing")
    (run / "audit.json").rename(run / "plan.json")
    refused(UnfinishedRunError, "expected a finished audit", run)
    with pytest.raises(RunFolderError, match="expected a frozen reference"):
        open_watched(run)


def test_objects_that_were_handed_in_cannot_be_opened_again(tmp_path):
    table = planted.random_table(60)
    rafair.audit(planted.network(5), table, attacks=(), out=tmp_path / "run")
    refused(
        RunFolderError, "found one of objects that were handed to rafair.audit", tmp_path / "run"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 0}, "alpha: expected a number above 0 up to 0.5, got 0"),
        ({"alpha": 0.6}, "alpha: expected"),
        ({"tolerance": 0.5}, "tolerance: expected a number from 0"),
        ({"tolerance": -0.1}, "tolerance: expected"),
        ({"steps": 0}, "steps: expected"),
        ({"epsilon": "much"}, "epsilon: expected"),
        ({"probes": ("pgd",)}, "unknown probe 'pgd'"),
        ({"instances": 10}, "instances: expected a whole number from 50"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(InputError, match=message):
        FreezeOptions(**options)


def test_few_rows(run):
    reference = freeze(run, FreezeOptions(instances=60))
    assert reference.n == 60
    assert "60 rows: its own error is large" in reference.warnings[0]
    other = freeze(run, FreezeOptions(instances=60), threaded=ONE)
    assert other.id == reference.id


def test_a_wrapped_network(affairs, tmp_path):
    network = rafair.train(affairs.train, rafair.TrainConfig(epochs=2))
    (tmp_path / "net").mkdir()
    save_model(
        tmp_path / "net",
        network,
        dataset="affairs",
        variant="clean",
        dataset_sha256=affairs.table.sha256,
        schema=affairs.table.schema,
        training={},
        wrapper=ConsensusWrapper(),
    )
    out = tmp_path / "run"
    quick = {"attacks": (), "instances": 30, "labels": None}
    audit_named(Named(str(tmp_path / "net")), quick, RunSettings(out=out))
    reference = freeze(out, replace(QUICK, instances=100))
    assert reference.rates["clean"]["individual_fairness"].value == 1
    assert open_watched(out)[1].classifier.name.startswith("consensus")


@pytest.fixture
def people(tmp_path: Path) -> Path:
    return own_models.write_people(tmp_path)


def own_run(model: str, data: Path, out: Path, **opening) -> Named:
    """Audits a model of one's own, and says what is to be named again."""
    options = ModelOptions(**opening)
    again = Named(model, data, opening=options)
    quick = {"attacks": (), "instances": 20, "labels": None}
    own = replace(again, label="affair", sensitive=own_models.SENSITIVE)
    audit_named(own, quick, RunSettings(out=out))
    return again


FUNCTION = """
import numpy as np

def older(frame):
    score = (frame["age"] - 30) / 10 - frame["children"] / 4 + SHIFT
    share = 1 / (1 + np.exp(-score.to_numpy()))
    return np.stack([1 - share, share], axis=1)
"""
RAW = {"inputs": "raw", "outputs": "probabilities"}
FEW = FreezeOptions(instances=60, steps=2)


def test_a_model_of_ones_own_has_to_be_named_again(people, tmp_path):
    import skops.io

    out, model = tmp_path / "run", tmp_path / "pipeline.skops"
    frame = own_models.people()
    frame.assign(children=frame["children"].astype(int)).to_csv(people, index=False)
    skops.io.dump(own_models.pipeline(), model)
    named = own_run(str(model), people, out)
    refused(InputError, "data: expected people.csv", out)
    refused(InputError, "model: expected the scikit-learn model", out,
            FEW, Named(data=people))  # fmt: skip
    reference = freeze(out, FEW, named)
    assert reference.n == 60
    assert reference.model.kind == "scikit-learn"
    assert reference.judge.perturbation == "feasible"  # as the audit was
    assert reference.judge.black_box
    # a whole number may always move one step
    assert not any("probes never move" in said for said in reference.warnings)
    refused(InputError, "unknown", out, replace(FEW, epsilon={"height": 0.01}), named)
    # a file that runs no code is opened where it was
    judge = open_watched(out)[1]
    rows = read_table(people, schema=reference.schema).rows
    kept = reference.rows
    place = {key: number for number, key in enumerate(kept.keys.tolist())}
    keys = row_keys(rows, 0).view(np.int64).tolist()
    known = np.flatnonzero([key in place for key in keys])
    assert len(known) >= 60
    found = judge(rows[known])
    again = kept.judged.take(np.array([place[keys[number]] for number in known]))
    assert found.predictions.tolist() == again.predictions.tolist()
    assert found.kept["strongest"].tolist() == again.kept["strongest"].tolist()
    other = tmp_path / "other.skops"
    model.rename(other)
    with pytest.raises(ModelError, match="expected a model, found no such file"):
        open_watched(out)
    assert open_watched(out, Named(str(other)))[0].id == reference.id
    assert freeze(out, FEW, replace(named, model=str(other))).id == reference.id
    changed = own_models.pipeline().set_params(logisticregression__C=0.001)
    skops.io.dump(changed.fit(own_models.features(), own_models.people()["affair"]), other)
    with pytest.raises(ModelError, match="expected the model that was audited"):
        open_watched(out, Named(str(other)))
    refused(ModelError, "expected the model that was audited", out, FEW,
            replace(named, model=str(other)))  # fmt: skip


def test_a_folder_never_decides_which_code_runs(people, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = tmp_path / "old.py"
    module.write_text(FUNCTION.replace("SHIFT", "0"))
    out = tmp_path / "run"
    named = own_run("old.py:older", people, out, **RAW)
    freeze(out, FEW, named)
    with pytest.raises(InputError, match=r"model: expected old\.py:older"):
        open_watched(out)
    assert open_watched(out, named)[0].n == 60
    module.write_text(FUNCTION.replace("SHIFT", "1"))
    with pytest.raises(ModelError, match="expected the model that was audited"):
        open_watched(out, named)


def test_other_data_are_refused(people, tmp_path):
    out = tmp_path / "run"
    (tmp_path / "old.py").write_text(FUNCTION.replace("SHIFT", "0"))
    named = own_run(f"{tmp_path / 'old.py'}:older", people, out, **RAW)
    other = tmp_path / "others.csv"
    own_models.people().head(300).to_csv(other, index=False)
    refused(DataFileError, "others.csv.*expected the file that was audited", out, FEW,
            replace(named, data=other))  # fmt: skip
    refused(DataFileError, "nowhere.csv.*cannot be read", out, FEW,
            replace(named, data=tmp_path / "nowhere.csv"))  # fmt: skip


TWO_WAYS = """
import numpy as np

def older(rows):
    ages = rows["age"].to_numpy() if hasattr(rows, "columns") else rows[:, 1]
    share = 1 / (1 + np.exp(30 - ages))
    return np.stack([1 - share, share], axis=1)
"""


def test_a_model_opened_otherwise_is_noticed(people, tmp_path):
    """The file is the same, what it is given is not."""
    out, probes = tmp_path / "run", FreezeOptions(probes=())
    (tmp_path / "two.py").write_text(TWO_WAYS)
    named = own_run(f"{tmp_path / 'two.py'}:older", people, out, **RAW)
    other = replace(named, opening=ModelOptions(inputs="encoded", outputs="probabilities"))
    refused(ModelError, "rows to be classified rightly, as in the audit, found", out, probes, other)
    assert freeze(out, probes, named).n == own_models.ROWS


def test_a_model_behind_http(tmp_path):
    table = servers.affairs().test.take(np.arange(0, 1200, 15))
    people = tmp_path / "people.csv"
    classes = np.array(table.schema.classes)[table.labels]
    table.frame.assign(affairs=classes).to_csv(people, index=False)
    with servers.plain_server() as server:
        address = server.address + "/predict"
        opening = ModelOptions(classes=("no affair", "affair"))  # which the watch takes over
        own = Named(
            address,
            people,
            label="affairs",
            sensitive=own_models.SENSITIVE,
            opening=opening,
        )
        quick = {"attacks": (), "instances": 20, "labels": None, "perturbation": "paper"}
        audit_named(own, quick, RunSettings(out=tmp_path / "run"))
        named, told = Named(address, people), Told()
        options = FreezeOptions(probes=("noise",), steps=1)
        refused(InputError, "max_queries: expected at least", tmp_path / "run", options,
                replace(named, max_queries=100))  # fmt: skip
        reference = freeze(tmp_path / "run", options, named, progress=told)
        assert reference.n == 80
        assert "queries" in told.notes[0]
        assert names(tmp_path / "run" / "monitor") == {"reference.json", "reference.parquet"}
        with pytest.raises(InputError, match="model: expected http"):
            open_watched(tmp_path / "run")
        assert isinstance(open_watched(tmp_path / "run", named)[1], StreamJudge)


def test_a_network_on_a_streamed_file(tmp_path, affairs):
    command("train", "--epochs", "2", "--out", tmp_path / "net")
    drawn = affairs.table.take(np.arange(0, 6000, 10))
    classes = np.array(drawn.schema.classes)[drawn.labels]
    data, out = tmp_path / "people.parquet", tmp_path / "run"
    drawn.frame.assign(affairs=classes).to_parquet(data)
    quick = {"attacks": (), "instances": 20, "labels": None}
    audit_named(Named(str(tmp_path / "net"), data), quick, RunSettings(out=out))
    refused(InputError, "data: expected people.parquet", out)
    named = Named(data=data)
    reference = freeze(out, QUICK, named)
    assert reference.n == 600
    whole = verified_run(out).document["whole"]
    for metric in ("accuracy", "individual_fairness", "accurate_fairness"):
        assert reference.rates["clean"][metric].to_dict() == whole[metric]
    assert open_watched(out)[0].id == reference.id
    pd.read_parquet(data).head(500).to_parquet(data)
    refused(DataFileError, "expected the file that was audited", out, QUICK, named)


def test_what_is_not_needed_is_refused(run, tmp_path):
    refused(InputError, "data: expected only for a run whose folder", run, QUICK,
            Named(data=tmp_path / "x.csv"))  # fmt: skip
    refused(InputError, "model: expected only for a run whose folder", run, QUICK,
            Named(model="net"))  # fmt: skip


KILLED = """
import sys
from pathlib import Path
from rafair.monitoring.references import freezing
print("ready", flush=True)
freezing.freeze(Path(sys.argv[1]), freezing.FreezeOptions(steps=20))
"""


def test_what_is_killed_leaves_no_half_reference(run):
    for wait in (0.3, 0.8):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(run)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(wait)
            process.kill()
            assert process.wait() in (0, -signal.SIGKILL)
        if (run / "monitor").exists():
            Reference.read(run / "monitor")
        verified_run(run)
    # a folder that a process left behind which is gone
    (run / f".monitor.{process.pid}.tmp").mkdir(exist_ok=True)
    freeze(run, QUICK, force=True)
    assert not [name for name in names(run) if name.endswith(".tmp")]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_place_that_cannot_be_written_to(run):
    run.chmod(0o500)
    try:
        refused(InputError, "cannot be written", run)
    finally:
        run.chmod(0o700)

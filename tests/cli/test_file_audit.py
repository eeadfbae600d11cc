"""`rafair audit --data`: verdicts of all rows of a file, attacks on a sample of them."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

import rafair as package
import rederive
from commands import MAY_DIFFER, call, document, hashes, names, rafair, without
from forked import Forked
from rafair.auditing import row_estimate, whole_file_verdicts
from rafair.auditing.entry import audit_named
from rafair.engine.progress import SILENT
from rafair.engine.run_settings import RunSettings
from rafair.models.model_folder import load_model
from rafair.sources import stream_scan
from rafair.sources.user_named import Named
from rafair.tabular.encoding import encode
from rafair.tabular.stream_sampling import ClusterFit, StratifiedDraw
from rafair.tabular.streamed_table import TableFile
from rafair.verdicts import Verdict

N = 1500
QUICK = ("--steps", "2", "--instances", "30", "--chunk-rows", "512", "--attack", "rafair-ff")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network, `net`, and a file that fits it, `people.parquet`."""
    made = tmp_path_factory.mktemp("file")
    rafair("train", "--epochs", "2", "--out", made / "net")
    pq.write_table(pa.Table.from_pandas(people()), made / "people.parquet", row_group_size=400)
    return made


def people() -> pd.DataFrame:
    """Rows of the data set the network was trained on, drawn again, with names of classes."""
    table = package.load_dataset("affairs").table
    drawn = np.random.default_rng(0).integers(0, len(table), N)
    frame = table.frame.iloc[drawn].reset_index(drop=True)
    return frame.assign(affairs=np.array(table.schema.classes)[table.labels[drawn]])


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_file_verdicts, "MOST_ROWS", 256)
    monkeypatch.setattr(whole_file_verdicts, "LEAST_ROWS", 256)
    monkeypatch.setattr(row_estimate, "PROBE_SECONDS", 0.01)


@pytest.fixture(scope="module")
def done(folder: Path) -> Path:
    """An audit that the others are compared with; in one shard."""
    rafair("audit", "--model", folder / "net", "--data", folder / "people.parquet", *QUICK,
           "--out", folder / "done")  # fmt: skip
    return folder / "done"


def audit(folder: Path, out: Path, *more: str | Path):
    return call(
        "audit", "--model", folder / "net", "--data", folder / "people.parquet", *QUICK,
        "--out", out, *more,
    )  # fmt: skip


def test_verdicts_are_those_of_brute_force(folder, done):
    network, description = load_model(folder / "net")
    schema = description.table
    rows, found = encode(people(), schema), pq.read_table(done / "verdicts.parquet").to_pandas()
    labels = [schema.classes.index(name) for name in people()["affairs"]]
    columns = [schema.column(name) for name in schema.sensitive]
    domains = [schema[name].domain for name in schema.sensitive]
    values = pd.DataFrame(list(itertools.product(*domains)), columns=list(schema.sensitive))
    others = np.repeat(rows[:, None], len(values), axis=1)
    filled = pd.DataFrame(people().iloc[[0] * len(values)]).reset_index(drop=True).assign(**values)
    others[:, :, columns] = encode(filled, schema)[:, columns]
    with torch.inference_mode():
        predicted = network(torch.tensor(rows)).argmax(dim=1).numpy()
        theirs = network(torch.tensor(others)).argmax(dim=2).numpy()
    differs = theirs != predicted[:, None]
    assert found["instance"].tolist() == list(range(N))
    assert found["label"].tolist() == labels
    assert found["prediction"].tolist() == predicted.tolist()
    assert found["fair"].tolist() == (~differs.any(axis=1)).tolist()
    assert found["accurate"].tolist() == (predicted == labels).tolist()
    cells = [str(Verdict(2 * (not a) + (not f))) for a, f in found[["accurate", "fair"]].to_numpy()]
    assert found["verdict"].tolist() == cells
    assert 0 < differs.any(axis=1).sum() < N
    first = differs.argmax(axis=1)
    unfair = differs.any(axis=1)
    for name in schema.sensitive:
        shown = found[f"counterpart.{name}"]
        assert shown[unfair].tolist() == values[name].iloc[first[unfair]].tolist()
        assert shown[~unfair].isna().all()
    other = found["counterpart_prediction"]
    assert other[unfair].tolist() == theirs[np.arange(N), first][unfair].tolist()
    assert other[~unfair].isna().all()
    logits = network(torch.tensor(rows)).detach()
    losses = torch.nn.functional.cross_entropy(logits, torch.tensor(labels), reduction="none")
    np.testing.assert_allclose(found["loss"], losses, rtol=1e-4, atol=1e-6)


def test_rates_count_all_rows(done):
    whole = document(done)["whole"]
    found = pq.read_table(done / "verdicts.parquet").to_pandas()
    assert whole["rows"] == N
    for verdict in Verdict:
        assert whole[verdict.name.lower()]["count"] == (found["verdict"] == str(verdict)).sum()
    counts = {"accuracy": "accurate", "individual_fairness": "fair"}
    for rate, column in counts.items():
        assert whole[rate]["count"] == found[column].sum()
        assert whole[rate]["n"] == N
        assert whole[rate]["low"] < whole[rate]["value"] < whole[rate]["high"]
    assert whole["prediction_rows"] == 24 * N
    model = document(done)["model"]
    assert model["test_accuracy"] == whole["accuracy"]
    assert model["majority"]["count"] == (found["label"] == 0).sum()
    assert model["predicted_classes"] == found["prediction"].nunique()


def test_the_document_tells_which_file(folder, done):
    data, files = document(done)["dataset"], document(done)["files"]
    path = folder / "people.parquet"
    assert data["name"] == "people.parquet"
    assert (data["rows"], data["audited_rows"], data["streamed"]) == (N, 30, True)
    assert data["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert files == hashes(done)
    assert set(files) >= {"verdicts.parquet", "adversarial.parquet", "repaired.parquet"}
    assert document(done)["config"]["instances"] == 30


def test_the_sample_is_the_stratified_one_and_gets_the_same_verdicts(folder, done):
    schema = load_model(folder / "net")[1].table
    rows, fit = encode(people(), schema), ClusterFit()
    fit.add(np.arange(N), rows)
    draw = StratifiedDraw(fit.centres(), 30, 0)
    draw.add(np.arange(N), rows)
    result = package.Audit.load(done)
    clean = result.adversarial.query("attack == 'rafair-ff' and step == 0")
    assert clean["instance"].tolist() == draw.numbers().tolist()
    whole = pd.concat(result.verdicts()).set_index("instance").loc[clean["instance"]]
    for column in ("label", "prediction", "accurate", "fair", "counterpart_prediction"):
        left, right = clean[column].tolist(), whole[column].tolist()
        assert np.array_equal(left, right, equal_nan=column == "counterpart_prediction"), column
    ours = people().iloc[clean["instance"]]
    assert clean["raw.religious"].tolist() == ours["religious"].tolist()
    np.testing.assert_allclose(clean["raw.yrs_married"], ours["yrs_married"], atol=1e-4)
    assert document(done)["clean"]["n"] == 30


def test_shows_all_rows_beside_the_sample(done, capsys):
    text = str(package.Audit.load(done))
    assert "all rows" in text
    assert "people drawn from 1,500 rows" in " ".join(text.split())
    package.Audit.load(done).show()
    assert "people.parquet: 1,500 rows" in capsys.readouterr().out
    stages = package.Audit.load(done).to_frame()["stage"].unique()
    assert list(stages) == ["clean", "whole", "attacks", "repairs"]


def test_an_independent_auditor_agrees_and_sees_what_was_altered(done, tmp_path):
    assert rederive.check(done).lines() == []
    shutil.copytree(done, tmp_path / "copy")
    path = tmp_path / "copy" / "audit.json"
    found = document(done)
    found["whole"]["true_biased"]["count"] += 1
    path.write_text(json.dumps(found))
    assert set(rederive.check(tmp_path / "copy").disagreements) == {"rate"}
    path.write_text(json.dumps(document(done)))
    table = pq.read_table(done / "verdicts.parquet")
    fair = pa.array(~table["fair"].to_numpy())
    altered = table.set_column(table.column_names.index("fair"), "fair", fair)
    pq.write_table(altered, tmp_path / "copy" / "verdicts.parquet")
    assert set(rederive.check(tmp_path / "copy").disagreements) == {
        "file",
        "rate",
        "interval",
        "verdicts.parquet",
    }


def test_neither_shards_nor_threads_show(folder, done, tmp_path, monkeypatch):
    monkeypatch.setattr(whole_file_verdicts, "MOST_ROWS", 65_536)
    monkeypatch.setattr(whole_file_verdicts, "LEAST_ROWS", 512)
    assert audit(folder, tmp_path / "run", "--threads", "1").code == 0
    check_same(tmp_path / "run", done)


class Elsewhere:
    """An executor whose shards go through pickles and come back in another order."""

    def cores(self, workers):
        return 3

    def map(self, work, parts, workers, advance):
        for shard, part in list(parts)[::-1]:
            there, sent = pickle.loads(pickle.dumps((work, part)))
            yield shard, pickle.loads(pickle.dumps(there(sent, workers, advance)))


def test_shards_may_be_done_elsewhere(folder, done, tmp_path):
    options = {"steps": 2, "instances": 30, "chunk_rows": 512, "attacks": ("rafair-ff",)}
    means = RunSettings(out=tmp_path / "run", executor=Elsewhere())
    named = Named(str(folder / "net"), folder / "people.parquet")
    audit_named(named, options, means)
    check_same(tmp_path / "run", done)


def test_labels_by_another_name_and_as_codes(folder, done, tmp_path):
    frame = people()
    codes = (frame.pop("affairs") == "affair").astype(int)
    frame.assign(happened=codes, name="x").to_parquet(tmp_path / "people.parquet")
    command = ("audit", "--model", folder / "net", "--data", tmp_path / "people.parquet", *QUICK)
    ran = rafair(*command, "--label", "happened", "--out", tmp_path / "run")
    assert "columns that are not needed: name" in ran.err
    ours, theirs = (pq.read_table(f / "verdicts.parquet") for f in (tmp_path / "run", done))
    assert ours.equals(theirs)
    assert document(tmp_path / "run")["dataset"]["label"] == "happened"


def test_values_outside_the_range_are_counted_in_a_warning(folder, tmp_path):
    frame = people()
    frame.loc[[5, 800], "age"] = [16.0, 60.0]
    frame.to_parquet(tmp_path / "people.parquet")
    rafair("audit", "--model", folder / "net", "--data", tmp_path / "people.parquet", *QUICK,
           "--out", tmp_path / "run")  # fmt: skip
    found = document(tmp_path / "run")
    assert found["dataset"]["outside_range"] == {"age": 2}
    assert found["warnings"][0].startswith("column 'age': 2 of 1,500 values lie outside 17.5 to 42")


def test_sensitive_values_that_are_new_are_their_own_counterparts(folder, tmp_path):
    frame = people()
    frame.loc[:9, "age"] = 20.0
    frame.to_parquet(tmp_path / "people.parquet")
    rafair("audit", "--model", folder / "net", "--data", tmp_path / "people.parquet", *QUICK,
           "--out", tmp_path / "run")  # fmt: skip
    assert document(tmp_path / "run")["whole"]["prediction_rows"] == 24 * N + 10


def test_a_small_file_is_audited_whole(folder, tmp_path):
    people().head(40).to_parquet(tmp_path / "people.parquet")
    rafair("audit", "--model", folder / "net", "--data", tmp_path / "people.parquet",
           "--steps", "2", "--out", tmp_path / "run")  # fmt: skip
    assert document(tmp_path / "run")["clean"]["n"] == 40
    assert (
        document(tmp_path / "run")["clean"]["accuracy"]["count"]
        == (document(tmp_path / "run")["whole"]["accuracy"]["count"])
    )


def test_given_again_it_says_done(folder, done):
    before = hashes(done)
    again = audit(folder, done)
    assert again.code == 0
    assert "done before" in again.err
    assert hashes(done) == before


def test_a_run_on_a_file_is_repaired_and_attacked_again(folder, done, tmp_path):
    """As the audit itself would have done it, of the very rows that were sampled."""
    data = ("--data", folder / "people.parquet")
    rafair("repair", done, *data, "--out", tmp_path / "repaired")
    assert hashes(tmp_path / "repaired") == hashes(done)  # which held the same repair
    rafair("repair", tmp_path / "repaired", *data, "--labels", "consensus", "--out", tmp_path / "b")
    consensus, before = hashes(tmp_path / "b"), hashes(done)
    assert consensus.pop("repaired.parquet") != before.pop("repaired.parquet")
    assert consensus == before
    rafair("attack", done, *data, "--attack", "rafair-ff", "--out", tmp_path / "attacked")
    found = document(tmp_path / "attacked")
    ours, theirs = found["attacks"], document(done)["attacks"]
    assert without(MAY_DIFFER, ours) == without(MAY_DIFFER, theirs)
    assert found["whole"]["rows"] == N
    assert names(tmp_path / "attacked") == names(done) - {"repaired.parquet"}


@pytest.mark.parametrize("command", ["attack", "repair"])
def test_a_file_is_named_again_and_must_be_the_same(folder, done, command, tmp_path):
    def refused(*words, **told):
        found = call(command, done, *words, "--out", tmp_path / "run")
        assert (found.code, found.out, found.err.count("\n")) == (2, "", 1)
        return found.err

    assert "--data: expected people.parquet, the file that was audited" in refused()
    people().head(N - 1).to_parquet(tmp_path / "other.parquet")
    assert "expected the file that was audited, sha256" in refused(
        "--data", tmp_path / "other.parquet"
    )
    assert "model: expected only for a run whose folder" in refused(
        "--data", folder / "people.parquet", "--model", folder / "net"
    )
    assert names(tmp_path) == {"other.parquet"}


# interruptions --------------------------------------------------------------------------------


def slowly() -> None:
    """Verdicts come in small shards and slowly, in the process that this is called in."""
    whole_file_verdicts.MOST_ROWS = whole_file_verdicts.LEAST_ROWS = 256
    real = whole_file_verdicts.FileJudge.__call__

    def slow(*arguments):
        time.sleep(0.2)
        return real(*arguments)

    whole_file_verdicts.FileJudge.__call__ = slow


def check_same(out: Path, done: Path) -> None:
    assert without(MAY_DIFFER, document(out)) == without(MAY_DIFFER, document(done))
    assert hashes(out) == hashes(done)
    assert names(out.parent) == {out.name}


def test_killed_while_judging_repeats_one_checkpoint_at_most(folder, done, tmp_path, monkeypatch):
    out, stored = tmp_path / "run", tmp_path / "run.partial" / "shards" / "verdicts"
    command = ["audit", "--model", folder / "net", "--data", folder / "people.parquet", *QUICK]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = Forked(*command, "--out", out, prepare=slowly, **silent)
    until = time.monotonic() + 60
    while not (stored / "00001").exists():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = len(list(stored.glob("[0-9]*")))
    assert 2 <= kept < 6

    judged = []
    real = whole_file_verdicts.FileJudge.__call__

    def counted(self, part, *others):
        judged.append((part.start, len(part.rows)))
        return real(self, part, *others)

    monkeypatch.setattr(whole_file_verdicts.FileJudge, "__call__", counted)
    for name in ("_check", "_draw"):  # the passes before are not done again either
        monkeypatch.setattr(stream_scan.Scan, name, lambda *_: pytest.fail("done twice"))
    again = audit(folder, out)
    assert again.code == 0, again.err
    assert f"carrying on where it was left, {kept} of 6 parts done" in again.err
    assert [start for start, _ in judged] == list(range(256 * kept, N, 256))
    check_same(out, done)


def test_an_altered_checkpoint_is_done_again(folder, done, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(whole_file_verdicts.Judging, "merge", interrupted)
        assert audit(folder, tmp_path / "run").code == 130
    part = tmp_path / "run.partial" / "shards" / "verdicts" / "00003" / "verdicts.parquet"
    part.write_bytes(part.read_bytes()[:-20])
    again = audit(folder, tmp_path / "run")
    assert "00003' was altered or cut short" in again.err
    check_same(tmp_path / "run", done)


@pytest.mark.parametrize("pass_", ["_check", "_draw"])
def test_interrupted_while_looking_at_the_file(folder, done, tmp_path, monkeypatch, pass_):
    with monkeypatch.context() as patch:
        patch.setattr(stream_scan.Scan, pass_, interrupted)
        assert audit(folder, tmp_path / "run").code == 130
    assert names(tmp_path) == {"run.partial"}
    assert audit(folder, tmp_path / "run").code == 0
    check_same(tmp_path / "run", done)


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_another_file_is_another_plan(folder, tmp_path, monkeypatch):
    people().to_parquet(tmp_path / "people.parquet")
    command = ["audit", "--model", folder / "net", "--data", tmp_path / "people.parquet", *QUICK]
    command += ["--out", tmp_path / "run"]
    with monkeypatch.context() as patch:
        patch.setattr(whole_file_verdicts.Judging, "merge", interrupted)
        assert call(*command).code == 130
    people().iloc[::-1].to_parquet(tmp_path / "people.parquet")
    refused = call(*command)
    assert refused.code == 2
    assert "holds unfinished work of another command" in refused.err
    assert rafair(*command, "--force").err.count("carrying on") == 0


@pytest.mark.parametrize(
    ("meddle", "words"),
    [
        (lambda path: os.utime(path, (1, 1)), "changed while it was read"),
        (lambda path: path.unlink(), "can no longer be read"),
        (lambda path: path.write_bytes(path.read_bytes()[:9000]), "people.parquet"),
    ],
    ids=["touched", "gone", "cut short"],
)
def test_a_file_that_changes_under_way_is_noticed(folder, tmp_path, monkeypatch, meddle, words):
    people().to_parquet(tmp_path / "people.parquet")
    real = whole_file_verdicts.FileJudge.__call__

    def meddling(*arguments):
        meddle(tmp_path / "people.parquet")
        return real(*arguments)

    command = ["audit", "--model", folder / "net", "--data", tmp_path / "people.parquet", *QUICK]
    command += ["--out", tmp_path / "run"]
    before = (tmp_path / "people.parquet").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(whole_file_verdicts.FileJudge, "__call__", meddling)
        incomplete = call(*command)
    assert incomplete.code == 3
    assert words in incomplete.err.splitlines()[-1]
    (tmp_path / "people.parquet").write_bytes(before)
    assert "carrying on where it was left, 1 of 6 parts done" in rafair(*command).err


def test_a_bad_row_leaves_nothing_of_an_interrupted_run(folder, tmp_path, monkeypatch):
    frame = people()
    frame.loc[1400, "age"] = np.nan
    frame.to_parquet(tmp_path / "people.parquet")
    command = ["audit", "--model", folder / "net", "--data", tmp_path / "people.parquet", *QUICK]
    command += ["--out", tmp_path / "run"]
    with monkeypatch.context() as patch:
        patch.setattr(stream_scan.Scan, "_check", interrupted)
        assert call(*command).code == 130
    assert names(tmp_path) == {"people.parquet", "run.partial"}
    refused = call(*command)
    assert (refused.code, names(tmp_path)) == (2, {"people.parquet"})
    assert (
        "column 'age', row 1400: expected a number from 17.5 to 42, got a missing value"
        in refused.err
    )


# what is shown --------------------------------------------------------------------------------


def test_a_terminal_shows_rate_and_remaining_time(monkeypatch):
    from rich.console import Console

    from rafair.cli.console import TerminalProgress

    shown = TerminalProgress()
    console = Console(force_terminal=True, width=100, record=True, file=io.StringIO())
    monkeypatch.setattr(shown, "_console", console)
    with shown.task("judging all rows", 1000, "rows") as bar:
        for _ in range(4):
            bar.advance(100)
            time.sleep(0.11)
    lines = re.findall(r"judging all rows.* rows/s .*", console.export_text())
    assert re.search(r"40%\s+[\d,]+ rows/s\s+0:00:0\d", lines[-1])


def test_the_data_are_not_where_the_run_goes(folder, tmp_path):
    people().to_parquet(tmp_path / "people.parquet")
    before = (tmp_path / "people.parquet").read_bytes()
    options = ("--model", folder / "net", "--data", tmp_path / "people.parquet", "--force")
    refused = call("audit", *options, "--out", tmp_path / "people.parquet")
    assert refused.code == 2
    assert "out: expected another place than the data" in refused.err
    assert (tmp_path / "people.parquet").read_bytes() == before


def test_a_drawn_row_does_not_keep_all_that_was_read_with_it(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("rafair.tabular.parquet_rows.BATCH_ROWS", 100)
    people().to_parquet(tmp_path / "people.parquet")
    file = TableFile.open(tmp_path / "people.parquet", load_model(folder / "net")[1].table)
    scan = stream_scan.Scan(file, stream_scan.Sample(15, 0), tmp_path / "shards", "key", SILENT)
    before, joined, held = pa.total_allocated_bytes(), pa.concat_tables, []

    def spy(tables):
        held.append(pa.total_allocated_bytes() - before)
        return joined(tables)

    monkeypatch.setattr(pa, "concat_tables", spy)
    assert scan._rows(np.arange(0, N, 100)).num_rows == 15
    assert held[0] < pa.Table.from_pandas(people()).nbytes / 2

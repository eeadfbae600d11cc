"""`rafair certify` and `rafair audit --certify`: proven, kept, found altered, carried on."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import rafair as package
import rederive
from commands import MAY_DIFFER, call, document, hashes, names, rafair, without
from rafair.auditing import certify_finished_run
from rafair.auditing.certify_shard import Certifier
from rafair.blocks.terminal import as_text
from rafair.engine.checkpoints import Checkpoints
from rafair.engine.digest_json import sealed
from rafair.results.audit_record import record_of
from rafair.results.audit_result import Audit
from rafair.results.certificate_file import read_certificates
from rafair.results.show_everything import everything
from rafair.results.verification import verified_run

QUICK = ("--instances", "60", "--steps", "2", "--attack", "strongest", "--epsilons", ".01,.05")
FILE = "certificates.parquet"
SECTIONS = ("certified", "certificate")


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "net"
    rafair("train", "--epochs", "2", "--out", folder)
    return folder


@pytest.fixture(scope="module")
def certified(net: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certified") / "run"
    rafair("audit", "--model", net, *QUICK, "--certify", "--out", folder)
    return folder


@pytest.fixture(scope="module")
def plain(net: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plain") / "run"
    rafair("audit", "--model", net, *QUICK, "--out", folder)
    return folder


@pytest.fixture
def run(plain: Path, tmp_path: Path) -> Path:
    return shutil.copytree(plain, tmp_path / "run")


@pytest.fixture
def altered(certified: Path, tmp_path: Path) -> Path:
    return shutil.copytree(certified, tmp_path / "run")


def edit(folder: Path, change) -> None:
    found = document(folder)
    change(found)
    (folder / "audit.json").write_text(json.dumps(sealed(found)), encoding="utf-8")


def forge(folder: Path, change, *, rates: bool = False) -> None:
    """Alters the certificates, their hash, and their rates too where a forger thinks of that."""
    pq.write_table(change(pq.read_table(folder / FILE)), folder / FILE)
    digest = hashlib.sha256((folder / FILE).read_bytes()).hexdigest()
    edit(folder, lambda found: found["files"].update({FILE: digest}))
    if rates:
        from rafair.results.derived_rates import plain as as_values

        told = as_values(read_certificates(folder / FILE).document())
        edit(folder, lambda found: found.update(certified=told))


def refused(folder: Path) -> str:
    done = call("certify", folder, "--check")
    assert done.code == 2, done.out
    assert len(done.err.splitlines()) == 1
    return done.err


def test_an_audit_and_a_certificate_made_later_say_the_same(certified, run):
    done = rafair("certify", run)
    assert "What is proven" in rafair("show", run).out
    assert ": proven for 24 of 60 people" in " ".join(done.out.split())
    assert (run / FILE).read_bytes() == (certified / FILE).read_bytes()
    ours, theirs = document(run), document(certified)
    assert ours["certified"] == theirs["certified"]
    told = without((*MAY_DIFFER, "plan"), {name: ours[name] for name in SECTIONS})
    assert told == without((*MAY_DIFFER, "plan"), {name: theirs[name] for name in SECTIONS})
    assert names(run.parent) == {"run"}
    assert "certifying.partial" not in names(run)


def test_the_bracket_holds_what_attacks_found(certified):
    record = verified_run(certified).record
    assert list(record.certified) == ["0.01", "0.05"]
    robust = {"0.01": record.curve["0.01"].robust["strongest"]}
    robust["0.05"] = record.attacks["strongest"].robust
    for epsilon, point in record.certified.items():
        for name, standings in point.by_property.items():
            low, high = standings.bracket
            assert low <= high <= robust[epsilon][name].value
            counts = [one.count for one in vars(standings).values()]
            assert sum(counts) == standings.n == 60
    some = record.certified["0.01"].accurate_fairness
    assert some.certified.count
    assert some.refuted.count
    assert record.certificate.prover == "ReLU network"
    assert record.certificate.by_construction is None


def test_every_witness_is_one(certified, net):
    """By the box itself and the network's own answers; nothing of the search is used."""
    audit = Audit.load(certified)
    from rafair.models.model_folder import load_model
    from rafair.models.torch_module import TorchClassifier
    from rafair.tabular.counterparts import Counterparts

    network, schema = TorchClassifier(load_model(net)[0]), audit.schema
    columns = list(Counterparts.of(schema).columns)
    free = [c for c in range(len(schema)) if c not in columns]
    start = audit.adversarial.query("step == 0 and attack == 'strongest'").set_index("instance")
    rows = pq.read_table(certified / FILE).to_pylist()
    assert len(rows) == 60 * 2 * 3
    looked = 0
    for row in rows:
        if row["verdict"] != "refuted":
            assert row["witness"] is row["other"] is None
            continue
        clean = start.loc[row["instance"]]
        centre = clean[[f"encoded.{name}" for name in schema.names]].to_numpy(np.float32)
        pair = [np.float32(one) for one in (row["witness"], row["other"]) if one is not None]
        classes = network.logits(np.stack(pair)).argmax(axis=1)
        for one in pair:
            assert (np.abs(one - centre)[free] <= np.float32(row["epsilon"]) + 1e-7).all()
        if row["property"] == "individual_fairness":
            assert np.array_equal(pair[0][free], pair[1][free])
            assert classes[0] != classes[1]
        else:
            assert classes[0] != clean["label"]
        if row["property"] == "accuracy":
            assert np.array_equal(pair[0][columns], centre[columns])
        looked += 1
    assert looked > 30


def test_an_independent_auditor_agrees_and_sees_what_was_altered(certified, altered):
    findings = rederive.check(certified)
    assert findings.agrees, findings.lines()
    assert findings.looked_at["witnesses"] > 30
    assert findings.looked_at["random rows of what is certified"] > 1000

    def elsewhere(table: pa.Table) -> pa.Table:
        rows = [row and [value + 0.1 for value in row] for row in table["witness"].to_pylist()]
        return table.set_column(5, "witness", pa.array(rows, pa.list_(pa.float32())))

    forge(altered, elsewhere)
    assert "witness" in rederive.check(altered).disagreements


def test_check_proves_it_again(certified):
    done = call("certify", certified, "--check", "--threads", "1")
    assert (done.code, done.out) == (0, "Every verdict was proven again.\n")


def test_check_finds_a_verdict_that_is_forged_well(altered):
    """A forger who keeps to all rules of the files is found by proving once more."""

    def weaker(table: pa.Table) -> pa.Table:
        frame = table.to_pandas()
        rows = frame[(frame["epsilon"] == 0.05) & (frame["verdict"] == "certified")]
        first = rows["instance"].iloc[0]
        chosen = (frame["instance"] == first) & (frame["epsilon"] == 0.05)
        chosen &= frame["verdict"] == "certified"
        verdicts = frame["verdict"].astype(str).where(~chosen, "open")
        place = table.schema.get_field_index("verdict")
        return table.set_column(place, "verdict", pa.array(verdicts).dictionary_encode())

    forge(altered, weaker, rates=True)
    verified_run(altered)
    done = call("certify", altered, "--check")
    assert done.code == 1
    assert len(done.out.splitlines()) == 1
    assert "the run says open, proven again it is certified" in done.out


def test_figures_that_were_altered_are_refused(altered):
    edit(
        altered, lambda found: found["certified"]["0.01"]["accuracy"]["certified"].update(count=60)
    )
    assert "certified.0.01.accuracy.certified.count says 60, its files give" in refused(altered)


def test_an_altered_file_is_refused(altered):
    (altered / FILE).write_bytes((altered / FILE).read_bytes()[:-1] + b"x")
    assert "altered or cut short" in refused(altered)


def test_a_missing_file_is_refused(altered):
    (altered / FILE).unlink()
    assert "no such file" in refused(altered)


def test_a_file_of_other_instances_is_refused(altered):
    def moved(table: pa.Table) -> pa.Table:
        column = pc.add(table["instance"], 100_000)
        return table.set_column(0, "instance", column)

    forge(altered, moved, rates=True)
    assert "expected one of the run's, found another" in refused(altered)


def test_what_an_attack_broke_is_not_certified(altered):
    """Whoever writes certificates over refutations contradicts the run's attacks."""

    def better(table: pa.Table) -> pa.Table:
        n = len(table)
        table = table.set_column(3, "verdict", pa.array(["certified"] * n).dictionary_encode())
        for place, name in ((5, "witness"), (6, "other")):
            table = table.set_column(place, name, pa.nulls(n, pa.list_(pa.float32())))
        return table

    forge(altered, better, rates=True)
    said = refused(altered)
    assert "accurate_fairness is certified, an attack broke it" in said


def test_runs_without_certificates_read_as_before(plain):
    audit = verified_run(plain)
    assert audit.record.certified is None
    assert audit.record.certificate is None
    assert "What is proven" not in as_text(everything(audit))
    assert record_of(audit.document).certified is None
    assert "expected a run with certificates" in refused(plain)


def test_the_same_again_is_done_and_another_takes_its_place(run):
    rafair("certify", run)
    before = hashes(run)
    again = rafair("certify", run)
    assert "done before" in again.err
    assert hashes(run) == before
    rafair("certify", run, "--epsilons", ".02", "--boxes", "50", "--instances", "20")
    record = verified_run(run).record
    assert list(record.certified) == ["0.02"]
    assert record.certificate.boxes == 50
    assert record.certificate.n == 20
    assert set(record.certified["0.02"].by_property) == {
        "accurate_fairness",
        "individual_fairness",
        "accuracy",
    }
    assert call("certify", run, "--check").code == 0


def test_an_interruption_keeps_what_was_decided(run, certified, monkeypatch):
    stored, store = [], Checkpoints.store

    def interrupted(self, shard, files):
        if stored:
            raise KeyboardInterrupt
        stored.append(shard)
        store(self, shard, files)

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoints, "store", interrupted)
        done = call("certify", run)
    assert done.code == 130
    assert "run the same command again to carry on" in done.err
    assert FILE not in names(run)
    verified_run(run)
    called, work = [], Certifier.__call__

    def counted(self, part, workers, advance):
        called.append(len(part.rows))
        return work(self, part, workers, advance)

    monkeypatch.setattr(Certifier, "__call__", counted)
    assert "carrying on where it was left" in rafair("certify", run).err
    assert called == [10]
    assert (run / FILE).read_bytes() == (certified / FILE).read_bytes()
    assert "certifying.partial" not in names(run)


@pytest.mark.parametrize("moment", [0, 1])
def test_a_run_is_whole_at_every_moment_of_its_writing(altered, monkeypatch, moment):
    """It has one before; the process is killed while another takes its place."""
    write, written = certify_finished_run.write_sealed, []

    def killed(path, content):
        if len(written) == moment:
            raise KeyboardInterrupt
        written.append(path)
        return write(path, content)

    monkeypatch.setattr(certify_finished_run, "write_sealed", killed)
    assert call("certify", altered, "--boxes", "60").code == 130
    assert (verified_run(altered).record.certified is None) == (moment > 0)
    monkeypatch.undo()
    rafair("certify", altered, "--boxes", "60")
    assert verified_run(altered).record.certificate.boxes == 60


def test_threads_change_no_verdict(run, certified):
    rafair("certify", run, "--threads", "1")
    assert (run / FILE).read_bytes() == (certified / FILE).read_bytes()


def test_a_saved_model_gets_a_run_of_its_own(net, tmp_path):
    out = tmp_path / "new"
    rafair("certify", net, "--instances", "30", "--out", out)
    record = verified_run(out).record
    assert list(record.certified) == ["0.01", "0.02", "0.05"]
    assert not record.attacks
    assert record.clean.n == record.certificate.n == 30
    assert call("certify", out, "--check").code == 0


def test_feasible_perturbations_of_a_file_that_is_named_again(net, tmp_path):
    frame = package.load_dataset("affairs").test.frame.head(40)
    table = package.load_dataset("affairs").test
    frame = frame.assign(affairs=np.array(table.schema.classes)[table.labels[:40]])
    path = tmp_path / "people.parquet"
    pq.write_table(pa.Table.from_pandas(pd.DataFrame(frame)), path)
    words = ("--model", net, "--data", path, "--perturbation", "feasible", "--steps", "2")
    words += ("--epsilon", ".3")
    out = tmp_path / "run"
    rafair("audit", *words, "--attack", "strongest", "--instances", "20", "--out", out)
    assert "--data: expected people.parquet" in call("certify", out).err
    rafair("certify", out, "--data", path, "--epsilons", ".05,.3")  # nothing moves by the first
    record = verified_run(out).record
    assert record.dataset.streamed
    assert record.certificate.perturbation == "feasible"
    clean, small = record.clean.rates, record.certified["0.05"]
    for name, standings in small.by_property.items():
        assert standings.certified.count == clean[name].count == 20 - standings.refuted.count
    assert record.certified["0.3"].accuracy.n == 20
    assert call("certify", out, "--check", "--data", path).code == 0


def test_an_untold_python_model_is_certified_with_its_audit(tmp_path):
    import planted

    table = planted.random_table(30, n_free=2, domains=(3,), seed=3)
    network = planted.network(3, seed=1)
    audit = package.audit(
        network, table, steps=2, epsilons=[0.02, 0.1], certify=True, boxes=300, out=tmp_path / "run"
    )
    assert audit.record.certificate.boxes == 300
    assert verified_run(tmp_path / "run").record.certified["0.1"].accuracy.n == 30
    assert "can be opened again" in call("certify", tmp_path / "run").err


def test_a_consensus_is_equal_by_construction(net, tmp_path):
    from rafair.models.consensus import ConsensusClassifier
    from rafair.models.model_folder import load_model
    from rafair.models.torch_module import TorchClassifier
    from rafair.tabular.counterparts import Counterparts

    table = package.load_dataset("affairs").test
    network = TorchClassifier(load_model(net)[0])
    model = ConsensusClassifier(network, Counterparts.of(table.schema))
    audit = package.audit(
        model, table, attacks=(), labels=None, instances=25, steps=3, epsilons=[0.05], certify=True
    )
    point = audit.record.certified["0.05"]
    assert point.individual_fairness.certified.value == 1
    assert point.accurate_fairness == point.accuracy
    assert "mean over sensitive values" in audit.record.certificate.by_construction
    assert "holds of the model itself" in " ".join(as_text(everything(audit)).split())


BAD = [
    (("--epsilons", "0"), "--epsilons: expected a number above 0"),
    (("--epsilons", ".1,x"), "--epsilons: expected numbers separated by commas"),
    (("--boxes", "0"), "--boxes: expected"),
    (("--instances", "61"), "--instances: expected at most 60"),
    (("--perturbation", "feasible"), "--perturbation: expected paper, that of the run"),
    (("--perturbation", "both"), "--perturbation: expected paper"),
    (("--out", "elsewhere"), "--out: expected only with a saved model"),
    (("--check", "--boxes", "9"), "--boxes: expected not to be given with --check"),
    (("--model", "m.onnx"), "--model: expected only for a run whose folder does not hold it"),
]


@pytest.mark.parametrize(("words", "said"), BAD)
def test_wrong_input_is_told_in_one_line(run, words, said):
    before = hashes(run)
    done = call("certify", run, *words)
    assert done.code == 2
    assert done.err.startswith(f"rafair: {said}")
    assert len(done.err.splitlines()) == 1
    assert hashes(run) == before
    assert names(run.parent) == {"run"}


AUDITS = [
    (("--k", "0.5"), "--k: expected 0"),
    (("--perturbation", "both"), "--perturbation: expected paper or feasible"),
    (("--epsilon", "age=.1,educ=.2"), "--epsilons: expected numbers that hold of all features"),
]


@pytest.mark.parametrize(("words", "said"), AUDITS)
def test_audits_that_cannot_be_certified_are_refused_at_once(tmp_path, words, said):
    done = call("audit", *words, "--certify", "--out", tmp_path / "run")
    assert done.code == 2
    assert done.err.startswith(f"rafair: {said}")
    assert len(done.err.splitlines()) == 1
    assert names(tmp_path) == set()


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    done = call("certify", tmp_path)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "expected a run's folder with audit.json, or a saved model's with model.json" in done.err


def test_boxes_belong_to_certify(tmp_path):
    done = call("audit", "--boxes", "9", "--out", tmp_path / "run")
    assert done.code == 2
    assert "--boxes: expected with --certify" in done.err


def test_a_model_of_another_kind_is_refused_at_once(tmp_path):
    import planted

    table = planted.random_table(20)
    with pytest.raises(
        package.ModelError, match="cannot be certified; what can: fully connected ReLU"
    ):
        package.audit(
            lambda rows: rows[:, :2], table, attacks=(), certify=True, out=tmp_path / "run"
        )
    assert names(tmp_path) == set()

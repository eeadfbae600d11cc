"""Wrapped models: judged by every attack, saved, loaded, exported, and audited as before."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import planted
import rafair
import rederive
from commands import call, document, names, without
from commands import rafair as command
from rafair.attacks.registry import ATTACKS
from rafair.engine.digest_json import sealed
from rafair.errors import InputError, ModelError
from rafair.hardening.counterpart_adversarial import CounterpartAdversarial
from rafair.hardening.training_loop import Hardening
from rafair.models.fit_to_table import as_classifier
from rafair.models.model_folder import DESCRIPTION, ONNX, Hardened, load_model, save_model
from rafair.models.torch_module import TorchClassifier
from rafair.models.training import TrainConfig, train
from rafair.models.wrapper_description import BenignWrapper, ConsensusWrapper
from rafair.sources.saved_models import open_saved, open_saved_for, wrapped
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.table import Table

EVERY = tuple(ATTACKS)
RATES = ("clean", "attacks", "repairs")
QUICK = ("--instances", "30", "--steps", "5")


@pytest.fixture(scope="module")
def affairs():
    return rafair.load_dataset("affairs")


@pytest.fixture(scope="module")
def network(affairs):
    return train(affairs.train, TrainConfig(epochs=3))


def saved(folder: Path, network, dataset, **more) -> Path:
    folder.mkdir()
    save_model(
        folder,
        network,
        dataset=dataset.name,
        variant=dataset.variant,
        dataset_sha256=dataset.table.sha256,
        schema=dataset.table.schema,
        training=TrainConfig(epochs=3).to_dict(),
        **more,
    )
    return folder


def consensus(model, table: Table):
    return wrapped(as_classifier(model), table.schema, ConsensusWrapper())


def all_fair(found: dict, n: int) -> bool:
    """Whether no instance was ever unfair, clean or attacked, and none was left out."""
    attacks = found["attacks"]
    robust = [one["robust"]["individual_fairness"] for one in attacks.values()]
    iterates = [
        one["iterates"]["individual_fairness"] for one in attacks.values() if one.get("iterates")
    ]
    clean = found["clean"]["individual_fairness"]
    every = [clean, *robust, *iterates]
    return all(rate["count"] == rate["n"] >= n for rate in every) and len(attacks) > 0


@pytest.mark.parametrize(
    "options",
    [{}, {"perturbation": "feasible"}, {"k": 5.0}, {"black_box": True}, {"chunk_rows": 7}],
    ids=["paper", "feasible", "k", "black-box", "chunks"],
)
def test_a_consensus_is_fair_under_every_attack_there_is(affairs, network, options):
    table = affairs.test
    blind = options.get("black_box", False)
    attacks = ("rafair",) if blind else ("rafair", *EVERY)
    few = {"instances": 8, "steps": 3, "attacks": attacks, "labels": None, **options}
    bare = rafair.audit(network, table, **few).document
    found = rafair.audit(consensus(network, table), table, **few).document
    assert bare["clean"]["individual_fairness"]["count"] < 8
    assert all_fair(found, 8)
    assert len(found["attacks"]) == (4 if blind else len(ATTACKS) + 1)
    moved = found["attacks"]["rafair-ff"]["iterates"]["accuracy"]["value"]
    assert moved <= found["clean"]["accuracy"]["value"]


def test_a_consensus_of_a_planted_network_is_fair_under_every_attack():
    table = planted.random_table(40, domains=(9, 5))
    few = {"instances": 20, "steps": 6, "attacks": ("rafair", *EVERY)}
    for model in (planted.network(5), planted.Smooth(5)):
        assert not all_fair(rafair.audit(model, table, **few).document, 20)
        assert all_fair(rafair.audit(consensus(model, table), table, **few).document, 20)


def test_a_consensus_of_a_sample_is_fair_over_the_whole_domain():
    table = planted.random_table(30, domains=(40, 30))
    model = wrapped(as_classifier(planted.network(5)), table.schema, ConsensusWrapper(sample=20))
    few = {"instances": 20, "steps": 4, "attacks": ("rafair", *EVERY)}
    assert all_fair(rafair.audit(model, table, **few).document, 20)


def test_a_saved_consensus_is_audited_as_it_was_before(tmp_path, affairs, network):
    folder = saved(tmp_path / "net", network, affairs, wrapper=ConsensusWrapper())
    options = {"instances": 30, "steps": 5, "attacks": ("rafair", "pgd")}
    before = rafair.audit(consensus(network, affairs.test), affairs.test, **options).document
    run = tmp_path / "run"
    attacks = ("--attack", "rafair", "--attack", "pgd")
    command("audit", "--model", folder, *QUICK, *attacks, "--out", run)
    after = document(run)
    for section in RATES:
        assert without(("seconds",), after[section]) == without(("seconds",), before[section])
    assert after["clean"]["individual_fairness"]["count"] == 30
    for one in after["attacks"].values():
        assert one["robust"]["individual_fairness"]["count"] == 30
    assert after["model"]["name"] == "consensus of fcnn"
    assert after["model"]["sha256"] == open_saved(folder)[0].sha256
    assert names(folder) <= names(run)

    attacked, repaired = tmp_path / "attacked", tmp_path / "repaired"
    command("attack", run, "--attack", "adf", "--out", attacked)
    assert document(attacked)["attacks"]["adf"]["robust"]["individual_fairness"]["count"] == 30
    command("repair", run, "--out", repaired)
    again = document(repaired)["repairs"]
    # gradients at the rows that an attack ended at are not stored, and are asked for again
    cost = ("seconds", "gradient_rows")
    assert without(cost, again) == without(cost, after["repairs"])

    findings = rederive.check(run)
    assert findings.lines() == []
    assert findings.looked_at["stored rows"] > 0
    assert sum(findings.near_ties.values()) <= 5

    bare = tmp_path / "bare"
    command("audit", "--model", saved(tmp_path / "plain", network, affairs), *QUICK, "--out", bare)
    shutil.copy(bare / ONNX, run / ONNX)  # an auditor must notice the model without its wrapper
    assert rederive.check(run).lines()


def test_the_onnx_file_decides_alike(tmp_path, affairs, network):
    folder = saved(tmp_path / "net", network, affairs, wrapper=ConsensusWrapper())
    session = onnxruntime.InferenceSession(folder / ONNX, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"rows": affairs.test.rows})
    expected = open_saved(folder)[0].logits(affairs.test.rows)
    near = np.abs(expected[:, 0] - expected[:, 1]) < 1e-4
    assert near.sum() <= 3
    assert (found.argmax(axis=1) == expected.argmax(axis=1))[~near].all()
    assert (
        found.argmax(axis=1) != TorchClassifier(network).logits(affairs.test.rows).argmax(1)
    ).any()


def test_a_file_and_another_schema_get_the_wrapper_as_well(tmp_path, affairs, network):
    folder = saved(tmp_path / "net", network, affairs, wrapper=ConsensusWrapper())
    some = affairs.test.take(np.arange(60) * 20)
    frame = some.frame.reset_index(drop=True)
    frame = frame.assign(affairs=np.array(some.schema.classes)[some.labels])
    frame.to_parquet(tmp_path / "people.parquet")
    frame.to_csv(tmp_path / "people.csv", index=False)
    for kind in ("parquet", "csv"):
        out = tmp_path / kind
        data = tmp_path / f"people.{kind}"
        command("audit", "--model", folder, "--data", data, *QUICK, "--out", out)
        found = document(out)
        assert found["model"]["name"] == "consensus of fcnn"
        fair = found["attacks"]["rafair"]["robust"]["individual_fairness"]
        assert fair["count"] == fair["n"] > 0
    assert document(tmp_path / "parquet")["whole"]["individual_fairness"]["count"] == 60
    # what the model itself calls sensitive counts, not what a table does
    other = affairs.test.schema.model_copy(
        update={
            "features": tuple(
                one.model_copy(update={"sensitive": one.name == "age"})
                for one in affairs.test.schema.features
            )
        }
    )
    assert open_saved_for(folder, other).sha256 == open_saved(folder)[0].sha256


def test_a_network_that_was_hardened_by_training_comes_back_alike(tmp_path, affairs):
    method = CounterpartAdversarial()
    hardening = Hardening(method, 0.05, TrainConfig(epochs=1))
    network, _ = hardening.train(affairs.train.take(np.arange(1500)))
    hardened = Hardened(method="counterpart-adversarial", epsilon=0.05, options={"share": 0.5})
    folder = saved(tmp_path / "net", network, affairs, hardened=hardened)
    description = load_model(folder)[1]
    assert (description.hardened, description.wrapper) == (hardened, None)
    assert description.model_version == 1  # any rafair that reads models answers alike
    classes = affairs.test.schema.classes  # hardly trained, it ranks them the wrong way round
    before = rafair.audit(
        network, affairs.test, instances=30, steps=5, model_classes=classes
    ).document
    command("audit", "--model", folder, *QUICK, "--out", tmp_path / "run")
    after = document(tmp_path / "run")
    for section in RATES:
        assert without(("seconds",), after[section]) == without(("seconds",), before[section])
    assert rederive.check(tmp_path / "run").lines() == []
    session = onnxruntime.InferenceSession(folder / ONNX, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"rows": affairs.test.rows})
    expected = TorchClassifier(network).logits(affairs.test.rows)
    near = np.abs(expected[:, 0] - expected[:, 1]) < 1e-4
    assert (found.argmax(axis=1) == expected.argmax(axis=1))[~near].all()


@pytest.mark.parametrize(
    "more", [{"wrapper": ConsensusWrapper()}, {"hardened": Hardened(method="trades")}]
)
def test_training_takes_no_hardened_network_for_its_own(tmp_path, affairs, more):
    training = ("--epochs", "1", "--seed", "3")
    command("train", *training, "--out", tmp_path / "net")
    plain = json.loads((tmp_path / "net" / DESCRIPTION).read_text())
    network = load_model(tmp_path / "net")[0]
    shutil.rmtree(tmp_path / "net")
    folder = tmp_path / "net"
    folder.mkdir()
    save_model(
        folder,
        network,
        **{key: plain[key] for key in ("dataset", "variant", "dataset_sha256", "training")},
        schema=affairs.table.schema,
        **more,
    )
    done = call("train", *training, "--out", folder)
    assert done.code == 2
    assert "done before" not in done.err


def test_what_does_not_know_wrappers_refuses_them(tmp_path, affairs, network):
    folder = saved(tmp_path / "net", network, affairs, wrapper=ConsensusWrapper(sample=5, seed=2))
    description = json.loads((folder / DESCRIPTION).read_text())
    # what rafair asked before it knew wrappers: this number alone
    assert description["model_version"] == 2
    assert load_model(folder)[1].wrapper == ConsensusWrapper(sample=5, seed=2)
    for change in (
        {"model_version": 1},
        {"wrapper": None},
        {"wrapper": {"kind": "median"}},
        {"wrapper": {"kind": "consensus", "over": "age"}},
        {"wrapper": {"kind": "consensus", "sample": 0}},
        {"wrapper": {"kind": "benign", "steps": "many"}},
    ):
        (folder / DESCRIPTION).write_text(json.dumps(sealed(description | change)))
        with pytest.raises(ModelError, match="expected a model description written by rafair"):
            load_model(folder)
    (folder / DESCRIPTION).write_text(json.dumps(sealed(description | {"model_version": 4})))
    done = call("audit", "--model", folder, "--out", tmp_path / "run")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "found 4" in done.err
    assert not (tmp_path / "run").exists()


def test_an_interrupted_audit_is_not_carried_on_with_another_wrapper(tmp_path, affairs, network):
    plans = [
        load_model(saved(tmp_path / str(i), network, affairs, wrapper=wrapper))[1].plan
        for i, wrapper in enumerate((None, ConsensusWrapper(), ConsensusWrapper(sample=4)))
    ]
    assert len({json.dumps(plan, sort_keys=True) for plan in plans}) == 3
    assert plans[0] == {"model": plans[1]["model"]}


def test_a_saved_repair_is_audited_as_a_black_box(tmp_path, affairs, network):
    wrapper = BenignWrapper(steps=3)
    folder = saved(tmp_path / "net", network, affairs, wrapper=wrapper)
    assert ONNX not in names(folder)  # the bare network would answer otherwise
    few = {"instances": 6, "steps": 2, "attacks": ("rafair-ff",)}
    model = wrapped(as_classifier(network), affairs.test.schema, wrapper)
    before = rafair.audit(model, affairs.test, **few).document
    options = ("--instances", "6", "--steps", "2", "--attack", "rafair-ff")
    command("audit", "--model", folder, *options, "--out", tmp_path / "run")
    after = document(tmp_path / "run")
    for section in RATES:
        assert without(("seconds",), after[section]) == without(("seconds",), before[section])
    assert after["config"]["black_box"]
    assert ONNX not in names(tmp_path / "run")


def test_a_domain_that_is_too_large_leaves_nothing_half_written(tmp_path):
    table = planted.random_table(10, domains=(400, 400))
    with pytest.raises(InputError, match="sample=N"):
        save_model(
            tmp_path,
            planted.network(5),
            dataset="planted",
            variant="clean",
            dataset_sha256=table.sha256,
            schema=table.schema,
            training={},
            wrapper=ConsensusWrapper(),
        )
    assert not names(tmp_path)


def test_counterparts_of_a_repaired_row_may_still_differ(affairs, network):
    """Nothing is fair by construction: said in the docs, and so."""
    table = affairs.test.take(np.arange(60))
    model = wrapped(as_classifier(network), table.schema, BenignWrapper(steps=3))
    bare = as_classifier(network)
    counterparts = Counterparts.of(table.schema)
    fair = []
    for asked in (bare, model):
        every = [np.concatenate(list(counterparts.enumerate(row))) for row in table.rows]
        answers = asked.logits(np.concatenate(every)).argmax(axis=1).reshape(60, 24)
        fair.append((answers == answers[:, :1]).all(axis=1).mean())
    assert fair[0] < fair[1] < 1

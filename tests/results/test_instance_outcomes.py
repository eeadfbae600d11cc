from __future__ import annotations

import json
import math
import shutil

import numpy as np
import pytest

import planted
import rafair
from rafair.engine.digest_json import sealed
from rafair.errors import InputError, RunFolderError, UnfinishedRunError, UnknownNameError
from rafair.results.instance_outcomes import PerInstance
from rafair.results.rate_names import RateName, rate_named, rates_of
from rafair.results.verification import finished_run, verified_run


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    table = planted.random_table(120, n_free=3, domains=(4, 3), seed=8)
    return rafair.audit(
        planted.network(5, seed=1),
        table,
        attacks=("rafair", "pgd"),
        steps=5,
        step_size=0.05,
        out=tmp_path_factory.mktemp("runs") / "run",
    )


def test_the_mean_over_instances_is_every_rate_of_the_document(result):
    each = PerInstance.read(result.folder)
    checked = 0
    for name, rate in rates_of(result.record).items():
        if name.kind == "model":
            continue
        holds = each.holds(name)
        if rate is None:
            assert holds is None or np.isnan(holds).all() or not len(holds), name
            continue
        assert holds is not None, name
        assert math.isclose(np.nanmean(holds), rate.value), name
        counted = ~np.isnan(holds)
        steps = rate.n // int(counted.sum())
        assert round(float(np.nansum(holds)) * steps) == rate.count, name
        checked += 1
    assert checked > 100
    assert sorted(each.instances) == list(range(120))


def test_names_that_an_audit_does_not_have_are_told_with_the_nearest(result):
    record = result.record
    assert rate_named(record, "clean.accuracy") == RateName("clean", "accuracy")
    with pytest.raises(UnknownNameError, match=r"did you mean 'robust\.accuracy'"):
        rate_named(record, "robust.acuracy", "rafair")
    with pytest.raises(UnknownNameError, match="did you mean 'rafair-tb'"):
        rate_named(record, "robust.accuracy", "rafair-tp")
    with pytest.raises(InputError, match="expected an attack, one of rafair-tb"):
        rate_named(record, "robust.accuracy")
    with pytest.raises(InputError, match="expected no attack"):
        rate_named(record, "clean.accuracy", "rafair")


def test_a_run_as_it_was_written_is_verified(result):
    assert verified_run(result.folder).document == json.loads(json.dumps(result.document))


@pytest.mark.parametrize(
    ("section", "key"), [("value", 0.99), ("low", 0.0), ("count", 3), ("n", 12)]
)
def test_an_edited_document_is_refused_and_the_figure_named(result, section, key, tmp_path):
    folder = shutil.copytree(result.folder, tmp_path / "run")
    document = json.loads((folder / "audit.json").read_text())
    document["attacks"]["rafair"]["robust"]["accuracy"][section] = key
    (folder / "audit.json").write_text(json.dumps(sealed(document)))
    with pytest.raises(
        RunFolderError, match=rf"edited: attacks\.rafair\.robust\.accuracy\.{section}"
    ):
        verified_run(folder)


def test_unfinished_work_is_told_from_no_work(tmp_path):
    (tmp_path / "run.partial").mkdir()
    (tmp_path / "run.partial" / "plan.json").write_text("{}")
    for name in ("run", "run.partial"):
        with pytest.raises(UnfinishedRunError, match="that is not; the command that began it"):
            finished_run(tmp_path / name)
    with pytest.raises(RunFolderError, match="expected a finished run folder"):
        finished_run(tmp_path / "other")


def test_a_hardening_is_told_from_no_run(tmp_path):
    (tmp_path / "harden.json").write_text("{}")
    with pytest.raises(RunFolderError, match="found that of a hardening; `rafair audit --model`"):
        finished_run(tmp_path)

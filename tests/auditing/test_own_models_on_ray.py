"""Models of others on a Ray cluster: the same figures, or one line."""

from __future__ import annotations

import shutil
import threading

import pytest
import skops.io

import own_models
import planted
import rafair as package
from commands import hashes, rafair
from rafair.errors import InputError

ray = pytest.importorskip("ray")


@pytest.fixture(scope="module", autouse=True)
def _cluster():
    yield
    ray.shutdown()


def test_a_pipeline_gives_the_same_figures_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own_models.write_people(tmp_path)
    skops.io.dump(own_models.pipeline(), "pipeline.skops")
    own = ("--data", "people.csv", "--label", "affair", "--sensitive", "age,religious")
    command = ("audit", *own, "--model", "pipeline.skops", "--instances", "120", "--steps", "1")
    rafair(*command, "--out", "here")
    rafair(*command, "--out", "there", "--engine", "ray", "--workers", "2")
    assert hashes(tmp_path / "here") == hashes(tmp_path / "there")
    shutil.rmtree("there")


def test_what_cannot_be_sent_is_refused():
    lock = threading.Lock()

    def model(rows):
        with lock:
            return rows[:, :2]

    with pytest.raises(InputError, match=r"engine ray: .* can be pickled.*lock.*--engine serial"):
        package.audit(model, planted.random_table(30), attacks=(), engine="ray")

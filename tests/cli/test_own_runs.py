"""What may follow an audit of one's own data, and networks of rafair's on tables of one's own."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest
import skops.io

import own_models
import rafair as package
from commands import call, document, hashes, rafair
from rafair.auditing import run as running

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


@pytest.mark.parametrize("name", ["attack", "repair"])
def test_what_needs_rows_and_model_in_the_folder_is_refused(here, name):
    rafair("audit", *OWN, "--model", "pipeline.skops", *QUICK, "--out", "run")
    done = call(name, "run")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "found one on a file" in done.err


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

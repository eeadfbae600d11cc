"""A run folder that others made decides neither what runs here nor who is asked."""

from __future__ import annotations

import dataclasses
import http.server
import os
import pickle
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from torch import nn

import own_models
from commands import Done, call
from rafair.errors import ModelError
from rafair.monitoring.references.freezing import FreezeOptions, freeze, open_watched
from rafair.monitoring.references.frozen_reference import Reference
from rafair.monitoring.references.reference_record import ModelPlace
from rafair.sources.user_named import Named

EVIL = "from pathlib import Path\nPath(__file__).with_name('went off').touch()\n"


@pytest.fixture
def asked() -> Iterator[list[str]]:
    """What a server of 127.0.0.1 is sent; first of all, its address."""
    heard: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(str(self.headers))
            self.send_error(500)

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        heard.append(f"http://127.0.0.1:{server.server_address[1]}/v2/models/m")
        yield heard
        server.shutdown()
        thread.join()


@pytest.fixture
def planted(watched_plainly: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of somebody else's, where the command is run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.py").write_text(EVIL)
    return shutil.copytree(watched_plainly, tmp_path / "run")


def says(run: Path, place: str, **more: object) -> None:
    """A reference as who made the folder could have it written, its hashes all in order."""
    reference = Reference.read(run / "monitor")
    model = dataclasses.replace(reference.model, place=ModelPlace(where=place), **more)
    (run / "monitor" / "reference.json").unlink()
    dataclasses.replace(reference, model=model).sealed().write(run / "monitor")


def checked(run: Path) -> Done:
    own_models.people().head(40).to_csv("rows.csv", index=False)
    done = call("monitor", "check", run, "--data", "rows.csv")
    assert done.code == 2
    (line,) = [line for line in done.err.splitlines() if line.startswith("rafair: ")]
    assert not Path("went off").exists()
    return dataclasses.replace(done, err=line)


def pickled(_: str) -> str:
    Path("m.pkl").write_bytes(pickle.dumps(own_models.pipeline()))
    return "m.pkl"


def torchscript(_: str) -> str:
    own_models.save_torchscript(nn.Sequential(nn.Linear(8, 2)), Path("m.pt"), 8)
    return "m.pt"


@pytest.mark.parametrize(
    "place",
    [
        lambda address: "evil.py:score",
        lambda address: str(Path("evil.py").resolve()),
        lambda address: address,
        pickled,
        torchscript,
        lambda address: "model",
    ],
    ids=["function", "file", "address", "pickle", "torchscript", "other"],
)
def test_what_acts_is_not_opened_on_the_folder_s_word(planted, asked, monkeypatch, place):
    monkeypatch.setenv("RAFAIR_TOKEN", "a-secret-token")
    says(planted, place(asked[0]))
    assert "--model: expected " in checked(planted).err
    assert asked[1:] == []


def test_a_hash_is_compared_before_anything_is_opened(planted):
    """A graph is parsed, as it may have weights beside it; all others are not even that."""
    for name in ("m.onnx", "m.skops", "m.json", "m.ubj", "m.txt"):
        content = (planted / "model.onnx").read_bytes() if name == "m.onnx" else b"no model at all"
        Path(name).write_bytes(content)
        says(planted, name, sha256="0" * 64)
        assert "expected the model that was audited, sha256 000" in checked(planted).err


def test_only_files_are_opened(planted):
    os.mkfifo("m.onnx")
    says(planted, "m.onnx")
    assert "m.onnx': cannot be read: not a regular file" in checked(planted).err
    says(planted, "/dev/zero/m.onnx")
    assert "cannot be read" in checked(planted).err


def test_code_that_is_named_again_runs_only_if_it_is_the_same(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = "import numpy as np\ndef one(rows):\n    return rows[:, :2]\n"
    Path("old.py").write_text(source)
    data = Path("people.csv")
    own_models.people().to_csv(data, index=False)
    words = ("--label", "affair", "--sensitive", ",".join(own_models.SENSITIVE))
    quick = ("--instances", "20", "--steps", "1", "--model-classes", "yes,no")
    done = call("audit", "--data", data, "--model", "old.py:one", *words, *quick, "--out", "run")
    assert done.code == 0, done.err
    named = Named("old.py:one", data)
    freeze(Path("run"), FreezeOptions(probes=()), named)
    Path("old.py").write_text(source + EVIL)
    for again in (
        lambda: open_watched(Path("run"), named),
        lambda: freeze(Path("run"), named=named),
    ):
        with pytest.raises(ModelError, match="expected the model that was audited, sha256"):
            again()
    assert not Path("went off").exists()

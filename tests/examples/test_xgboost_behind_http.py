"""The example of a model behind HTTP, by the very commands of its README."""

from __future__ import annotations

import os
import re
import shlex
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from subprocess import Popen
from urllib.parse import urlsplit

import pandas as pd
import pytest

from commands import call, document

EXAMPLE = Path(__file__).parents[2] / "examples" / "xgboost_behind_http"

pytestmark = pytest.mark.skipif(
    "--sensitive" not in call("audit", "--help").out,
    reason="rafair audit takes no table of one's own yet (--sensitive, --schema)",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What train.py writes."""
    made = tmp_path_factory.mktemp("example")
    run = [sys.executable, EXAMPLE / "train.py", made]
    done = subprocess.run(run, check=True, capture_output=True, text=True)
    assert re.search(r"right for [67]\d\.\d% of 1,274 others", done.stdout)
    return made


@contextmanager
def served(folder: Path, port: int = 0, **environment: str) -> Iterator[tuple[str, Popen[str]]]:
    """The address where serve.py serves, and its process."""
    command = [sys.executable, str(EXAMPLE / "serve.py"), str(folder), str(port)]
    variables = os.environ | environment
    with Popen(command, stdout=subprocess.PIPE, text=True, env=variables) as process:
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.kill()


def readme(folder: Path, address: str, out: Path) -> list[str]:
    """The README's `rafair audit`, with the test's own folders and port."""
    text = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```bash\nrafair (audit .*?)```", text, flags=re.DOTALL)
    command = block.replace("\\\n", " ").replace("runs/example/audit", str(out))
    command = command.replace("runs/example", str(folder))
    command = command.replace("examples/xgboost_behind_http", str(EXAMPLE))
    assert "http://127.0.0.1:8000/predict" in command
    return shlex.split(command.replace("http://127.0.0.1:8000/predict", address))


def kill_when_asked(process: Popen[str], store: Path, answers: int) -> None:
    """Kills a server once it has given so many answers."""
    while process.poll() is None:
        time.sleep(0.005)
        with (
            suppress(sqlite3.Error),
            closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as c,
        ):
            if c.execute("SELECT count(*) FROM answers").fetchone()[0] >= answers:
                process.kill()


def test_the_readme_s_command_outlives_the_server(folder, tmp_path):
    """The server is killed half-way: exit code 3; it comes back: the same command finishes."""
    out = tmp_path / "audit"
    store = tmp_path / "audit.partial" / "shards" / "answers.sqlite"
    with served(folder) as (address, process):
        command = [*readme(folder, address, out), "--retries", "1"]
        killer = threading.Thread(target=kill_when_asked, args=(process, store, 1000))
        killer.start()
        stopped = call(*command)
        process.kill()  # had it not come so far, the test would wait for ever
        killer.join()
    assert stopped.code == 3, stopped.err
    assert "what was done is kept, and the same command again carries on" in stopped.err
    assert store.is_file()
    with served(folder, urlsplit(address).port):
        done = call(*command)
    assert done.code == 0, done.err
    assert {path.name for path in tmp_path.iterdir()} == {"audit"}
    check_feasible(folder, out)


def check_feasible(folder: Path, out: Path) -> None:
    """Every stored row is one that could be, and some of them are violations."""
    found = document(out)
    assert found["clean"]["accuracy"]["n"] == 20
    assert "rafair" in found["attacks"]
    rows = pd.read_parquet(out / "adversarial.parquet")
    people = pd.read_csv(folder / "people.csv")
    clean = people.loc[rows["instance"]].reset_index(drop=True)
    for column in people.columns.drop("affair"):
        raw = rows[f"raw.{column}"].astype(people[column].dtype)  # levels are stored as texts
        assert raw.isin(people[column].unique()).all(), column
        if column in ("age", "religious", "occupation_husb"):
            assert (raw == clean[column]).all(), column
    children = rows["raw.children"].astype(float)
    assert (children >= clean["children"]).all()
    assert (children > clean["children"]).any()
    assert (rows["raw.occupation"] != clean["occupation"]).any()
    assert (rows["verdict"] != "true fair").any()


def test_a_token_is_needed_where_the_server_wants_one(folder, tmp_path, monkeypatch):
    with served(folder, MODEL_TOKEN="s3cr3t") as (address, _):
        command = [*readme(folder, address, tmp_path / "audit"), "--steps", "1"]
        monkeypatch.delenv("RAFAIR_TOKEN", raising=False)
        refused = call(*command)
        assert refused.code == 2
        assert refused.err.strip().splitlines()[-1].startswith("rafair: model 'http://127.0.0.1")
        assert "bearer token in RAFAIR_TOKEN (none was found there), got status 401" in refused.err
        assert not list(tmp_path.iterdir())
        monkeypatch.setenv("RAFAIR_TOKEN", "s3cr3t")
        done = call(*command)
        assert done.code == 0, done.err
    for path in (tmp_path / "audit").iterdir():
        assert b"s3cr3t" not in path.read_bytes()

"""The example of a model behind HTTP, by the very commands of its README."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
def served(folder: Path, **environment: str) -> Iterator[str]:
    """The address where serve.py serves."""
    command = [sys.executable, str(EXAMPLE / "serve.py"), str(folder), "0"]
    variables = os.environ | environment
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def readme(folder: Path, address: str, *, queries: int | None = None) -> list[str]:
    """The README's `rafair audit`, with the test's own folder and port."""
    text = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```bash\nrafair (audit .*?)```", text, flags=re.DOTALL)
    command = block.replace("runs/example", str(folder)).replace("\\\n", " ")
    command = command.replace("examples/xgboost_behind_http", str(EXAMPLE))
    assert "http://127.0.0.1:8000/predict" in command
    command = command.replace("http://127.0.0.1:8000/predict", address)
    if queries is not None:
        command = re.sub(r"--max-queries \d+", f"--max-queries {queries}", command)
    return shlex.split(command)


def test_the_readme_s_command_finds_violations_that_could_really_happen(folder, tmp_path):
    with served(folder) as address:
        command = readme(folder, address)
        command[-1] = str(tmp_path / "audit")
        stopped = call(*readme(folder, address, queries=400)[:-1], command[-1])
        assert stopped.code == 3, stopped.err
        assert "--max-queries carries on" in stopped.err
        assert (tmp_path / "audit.partial" / "shards" / "answers.sqlite").is_file()
        done = call(*command)
        assert done.code == 0, done.err
    assert {path.name for path in tmp_path.iterdir()} == {"audit"}
    found = document(tmp_path / "audit")
    assert found["clean"]["accuracy"]["n"] == 40
    assert set(found["attacks"]) >= {"rafair"}
    rows = pd.read_parquet(tmp_path / "audit" / "adversarial.parquet")
    people = pd.read_csv(folder / "people.csv")
    clean = people.loc[rows["instance"]].reset_index(drop=True)
    for column in people.columns.drop("affair"):
        raw = rows[f"raw.{column}"]
        assert raw.isin(people[column].unique()).all(), column
        if column in ("age", "religious", "occupation_husb"):
            assert (raw == clean[column]).all(), column
    assert (rows["raw.children"] >= clean["children"]).all()
    assert (rows["verdict"] != "true fair").any()


def test_a_token_is_needed_where_the_server_wants_one(folder, tmp_path, monkeypatch):
    with served(folder, MODEL_TOKEN="s3cr3t") as address:
        command = [*readme(folder, address)[:-1], str(tmp_path / "audit")]
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

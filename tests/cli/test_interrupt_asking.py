"""Ctrl-C while a model behind HTTP is asked: the process ends, whatever the server does."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import hostility
import servers
from commands import names
from forked import Forked

TABLE = servers.affairs().test
PATIENCE = 60
LONGEST = 20
"""Seconds after Ctrl-C. It takes less than one, but servers here hold a request for minutes."""


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frame = TABLE.frame.assign(
        **{TABLE.schema.label: [TABLE.schema.classes[i] for i in TABLE.labels]}
    )
    frame.to_csv(path := tmp_path_factory.mktemp("people") / "people.csv", index=False)
    return path


def audit(people: Path, address: str, out: Path) -> list[str]:
    return [
        *("audit", "--data", str(people), "--label", TABLE.schema.label),
        *("--sensitive", "age,religious", "--model-classes", ",".join(TABLE.schema.classes)),
        *("--model", address, "--instances", "200", "--steps", "2", "--threads", "2"),
        *("--timeout", "600", "--out", str(out)),
    ]


def answers_in(folder: Path) -> int:
    """How many answers unfinished work has kept."""
    with closing(sqlite3.connect(folder / "shards" / "answers.sqlite")) as store:
        (count,) = store.execute("SELECT count(*) FROM answers").fetchone()
    return count


def interrupted(arguments: list[str], reached: Callable[[], bool]) -> None:
    """Starts a command, and presses Ctrl-C once something was reached."""
    with Forked(*arguments) as process:
        try:
            until = time.monotonic() + PATIENCE
            while not reached():
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < until
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=LONGEST)
        finally:
            process.kill()
    assert process.returncode == 130
    assert err.splitlines()[-1].startswith("rafair: interrupted")
    assert "Traceback" not in err


def after(seconds: float) -> Callable[[], bool]:
    """Whether so much time has gone by since this was first asked."""
    asked: list[float] = []

    def reached() -> bool:
        asked.append(time.monotonic())
        return asked[-1] > asked[0] + seconds

    return reached


UNKIND: dict[str, servers.Fault] = {
    "silence": hostility.silent,
    "a long pause": 503,
}


@pytest.mark.parametrize("fault", UNKIND.values(), ids=UNKIND)
def test_ctrl_c_while_a_server_holds_the_work(people, tmp_path, fault):
    with servers.plain_server() as server:
        server.retry_after = "60"
        server.fault = lambda number: fault if number > 40 else None
        command = audit(people, f"{server.address}/predict", tmp_path / "run")
        interrupted(command, lambda: server.requests > 41)  # both threads wait, or soon will
        assert names(tmp_path) == {"run.partial"}
        # what was under way is lost, as when the process is killed
        assert answers_in(tmp_path / "run.partial") > len(server.answered) // 2


def test_ctrl_c_while_no_connection_comes_about(people, tmp_path):
    with hostility.unaccepting() as address:
        command = audit(people, f"{address}/v2/models/m", tmp_path / "run")
        interrupted(command, after(2))
    assert not names(tmp_path)

"""Audits of a model behind HTTP that goes away: what was paid for is kept, and not paid again."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import commands
import servers
from rafair.auditing.audit_run import run_audit
from rafair.auditing.audit_setup import AuditConfig
from rafair.engine.run_settings import RunSettings
from rafair.errors import ModelError, ModelGoneError, QueryBudgetError
from rafair.models.classifier import Classifier
from rafair.models.function_classifier import FunctionClassifier
from rafair.models.http.http_classifier import HttpOptions, open_endpoint
from rafair.models.stored_answers import ASKED_AGAIN, with_answers
from rafair.sources.opened_model import OpenedModel
from rafair.sources.row_sources import InMemory
from rafair.sources.source import Source

BATCH = 64
AT_ONCE = 4
THREADS = 2
CONFIG = AuditConfig(attacks=(), instances=300, labels=None)


@dataclass(frozen=True)
class Endpoint(OpenedModel):
    """A model whose answers are kept while the work is under way."""

    max_queries: int | None = None
    identified: bool = field(default=True)

    def stand_in(self, data: Any) -> Classifier:
        # asks nobody: the server's log is what these tests are about
        return FunctionClassifier(lambda rows: np.zeros((len(rows), 2), np.float32))

    def check(self, table: Any) -> None:
        """Asks nobody either."""

    def ready(self, data: Any, folder: Path, progress: Any) -> Classifier:
        return with_answers(self.classifier, folder, data.table.rows, self.max_queries)


def audit(address: str, out: Path, config: AuditConfig = CONFIG, **options: Any):
    table = servers.affairs().test
    http = HttpOptions(batch_rows=BATCH, concurrency=AT_ONCE, retries=1, backoff_s=0.01)
    model = open_endpoint(address + "/predict", table.schema, http=http)
    source = Source(Endpoint(model, **options), InMemory.of_table(table))
    return run_audit(source, config, RunSettings(out=out, threads=THREADS))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """An audit during which nothing happened: its folder, and the requests it took."""
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    with servers.plain_server() as server:
        audit(server.address, out)
        assert max(server.answered.values()) == 1
        return out, server.requests, server.port


def same(out: Path, whole: Path) -> None:
    """Two runs on different ports gave the same figures."""
    assert commands.hashes(out) == commands.hashes(whole)
    assert commands.names(out) == {"audit.json", "adversarial.parquet"}
    ours, theirs = (commands.document(folder) for folder in (out, whole))
    for section in ("clean", "attacks", "dataset"):
        assert ours[section] == theirs[section]


def repeated(server: servers.ModelServer) -> int:
    """How many answers were given for rows that had one."""
    return sum(server.answered.values()) - len(server.answered)


def test_a_server_that_dies_half_way_is_carried_on_with(tmp_path, undisturbed):
    whole, requests, _ = undisturbed
    out = tmp_path / "run"
    with servers.plain_server() as server:

        def dies(number: int) -> servers.Fault:
            if number == 2 * requests // 3:
                server.stop()
                return "closed"
            return None

        server.fault = dies
        with pytest.raises(ModelGoneError, match="what was done is kept") as told:
            audit(server.address, out)
        assert told.value.exit_code == 3
        finished = list((tmp_path / "run.partial" / "shards").glob("[0-9]*"))
        assert finished
        stamps = {path: path.stat().st_mtime_ns for path in finished}
        assert not out.exists()
        before = sum(server.answered.values())

        server.fault = lambda number: None
        server.start()
        audit(server.address, out)
        assert stamps  # whose folders are gone now, as the run is whole
        assert repeated(server) <= ASKED_AGAIN
        assert before + ASKED_AGAIN < sum(server.answered.values())
    same(out, whole)
    assert commands.names(tmp_path) == {"run"}


def test_a_server_that_stays_away_is_told_each_time_and_loses_nothing(tmp_path, undisturbed):
    whole, requests, _ = undisturbed
    out = tmp_path / "run"
    with servers.plain_server() as server:
        for _ in range(4):
            limit = server.requests + requests // 6
            server.fault = lambda number, limit=limit: None if number <= limit else 500
            with pytest.raises(ModelGoneError, match="status 500"):
                audit(server.address, out)
        server.fault = lambda number: None
        audit(server.address, out)
        assert repeated(server) <= 4 * ASKED_AGAIN
    same(out, whole)


SCRIPT = """
import sys
from pathlib import Path
sys.path[:0] = {path!r}
from auditing.test_http_audits import audit
audit({address!r}, Path({out!r}))
"""


def test_a_killed_audit_repeats_no_more_than_what_was_under_way(tmp_path, undisturbed):
    whole, requests, _ = undisturbed
    out = tmp_path / "run"
    with servers.plain_server() as server:
        tests = str(Path(__file__).parent.parent)
        script = SCRIPT.format(path=[tests, *sys.path], address=server.address, out=str(out))
        with subprocess.Popen([sys.executable, "-c", script]) as process:
            while server.requests < requests // 2 and process.poll() is None:
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        audit(server.address, out)
        assert repeated(server) <= ASKED_AGAIN + THREADS * AT_ONCE * BATCH
    same(out, whole)


def test_a_model_that_changed_meanwhile_is_refused_and_nothing_lost(tmp_path, undisturbed):
    _, requests, _ = undisturbed
    out = tmp_path / "run"
    with servers.plain_server() as server:
        server.fault = lambda number: None if number <= requests // 2 else 500
        with pytest.raises(ModelGoneError):
            audit(server.address, out)
        server.fault = lambda number: None
        server.answer = lambda request: {"probabilities": [[0.5, 0.5]] * len(request["rows"])}
        with pytest.raises(ModelError, match="expected the answers that it gave"):
            audit(server.address, out)
        server.answer = servers.plain_answer
        audit(server.address, out)


def test_the_query_budget_ends_the_call_and_a_larger_one_carries_on(tmp_path, undisturbed):
    whole, _, _ = undisturbed
    out = tmp_path / "run"
    with servers.plain_server() as server:
        with pytest.raises(QueryBudgetError, match="larger `max_queries` carries on"):
            audit(server.address, out, max_queries=2000)
        assert 0 < len(server.answered) <= 2000
        audit(server.address, out)
        assert repeated(server) <= ASKED_AGAIN
    same(out, whole)


def test_a_larger_limit_carries_on_with_a_cascade_that_shares_it(tmp_path):
    """What was answered is not paid for again, and figures are those of that limit alone."""
    cascade = AuditConfig(
        attacks=("strongest",),
        instances=6,
        steps=5,
        epsilon=0.3,
        perturbation="feasible",
        labels=None,
    )

    def limited(address, out, limit):
        return audit(address, out, replace(cascade, max_queries=limit), max_queries=limit).document

    with servers.plain_server() as server:
        with pytest.raises(QueryBudgetError, match="larger `max_queries` carries on"):
            limited(server.address, tmp_path / "run", 1450)
        assert sum(server.answered.values()) <= 1450
        carried = limited(server.address, tmp_path / "run", 100_000)
        assert repeated(server) <= ASKED_AGAIN
    with servers.plain_server() as server:
        alone = limited(server.address, tmp_path / "alone", 100_000)
        spare = limited(server.address, tmp_path / "spare", 3_000)
    sections = [one["attacks"]["strongest"] for one in (carried, alone, spare)]
    first, second, third = ({**section, "seconds": 0} for section in sections)
    assert first == second != third
    assert commands.hashes(tmp_path / "run") == commands.hashes(tmp_path / "alone")
    assert spare["config"]["plan"] != alone["config"]["plan"]


def test_the_token_is_sent_and_stored_nowhere(tmp_path, undisturbed, monkeypatch):
    _, requests, _ = undisturbed
    token, out = "s3cr3t-0f-the-house", tmp_path / "run"
    monkeypatch.setenv("RAFAIR_TOKEN", token)
    with servers.plain_server(token=token) as server:
        server.fault = lambda number: None if number <= requests // 2 else 500
        with pytest.raises(ModelGoneError) as told:
            audit(server.address, out)
        assert token not in str(told.value)
        unfinished = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert any(path.name == "answers.sqlite" for path in unfinished)
        assert all(token.encode() not in path.read_bytes() for path in unfinished)
        server.fault = lambda number: None
        audit(server.address, out)
        assert server.authorizations == {f"Bearer {token}"}
    assert all(token.encode() not in path.read_bytes() for path in out.iterdir())


def test_a_model_that_does_not_fit_leaves_nothing_behind(tmp_path):
    three = {"probabilities": [[0.2, 0.3, 0.5]] * 2}
    with (
        servers.ModelServer(lambda request: three) as server,
        pytest.raises(ModelError, match="each of 2 classes, got 3"),
    ):
        audit(server.address, tmp_path / "new" / "run")
    assert not list(tmp_path.iterdir())

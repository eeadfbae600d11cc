"""The same figures from a Ray cluster as from one process, whatever happens to its workers."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import skops.io

import own_models
import planted
from commands import MAY_DIFFER, call, document, hashes, names, rafair, without
from rafair.auditing import entry
from rafair.datasets.loading import load_dataset
from rafair.engine import executors, ray_executor
from rafair.engine.ray_executor import RayExecutor
from rafair.engine.shards import cut
from rafair.engine.thread_pool import Workers
from rafair.errors import ClusterError, InputError, UnknownNameError

OPTIONS = ("--attack", "rafair-ff", "--instances", "350", "--steps", "3", "--epochs", "1")
RAY = ("--engine", "ray")
PROGRAM = "from rafair.cli.main import main; main()"
PATIENCE_S = 240


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two workers on this machine, started as the program starts them."""
    ray = pytest.importorskip("ray", reason="Ray is an extra, and is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ray_executor, "STORE_BYTES", 100_000_000)
        with Workers(1) as workers:
            assert RayExecutor(workers=2).cores(workers) == 2
    assert ray.get_runtime_context().gcs_address.startswith("127.0.0.1:")
    yield ray
    ray.shutdown()


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that the others must equal."""
    folder = tmp_path_factory.mktemp("serial") / "run"
    rafair("audit", *OPTIONS, "--out", folder)
    return folder


def check_same(ours: Path, theirs: Path) -> None:
    assert without(MAY_DIFFER, document(ours)) == without(MAY_DIFFER, document(theirs))
    assert hashes(ours) == hashes(theirs)


def results(executor: RayExecutor, work: Any, parts: Any) -> list[tuple[int, Any]]:
    with Workers(1) as workers:
        found = executor.map(work, parts, workers, lambda amount: None)
        return sorted((shard.number, result) for shard, result in found)


# the same figures -----------------------------------------------------------------------------


def test_certificates_are_the_same(cluster, serial, tmp_path):
    one, two = (shutil.copytree(serial, tmp_path / name) for name in ("one", "two"))
    words = ("--epsilons", ".01,.05", "--instances", "120")
    rafair("certify", one, *words)
    rafair("certify", two, *words, *RAY)
    check_same(one, two)
    assert hashes(one) == hashes(two)


def test_an_audit(cluster, serial, tmp_path):
    done = rafair("audit", *OPTIONS, *RAY, "--out", tmp_path / "run")
    assert done.err.count("\n") == 1
    assert "on 2 threads" in done.err
    check_same(tmp_path / "run", serial)


def test_attacks_repairs_and_clean_verdicts(cluster, serial, tmp_path):
    model = ("--model", serial, "--attack", "noise", "--instances", "150", "--steps", "2")
    commands = {
        "verdicts": ["audit", *model, "--budget", "gradient_rows=9"],
        "attack": ["attack", serial, "--attack", "dice", "--attack", "pgd", "--steps", "2"],
        "repair": ["repair", serial, "--labels", "consensus"],
    }
    for name, command in commands.items():
        folders = tmp_path / "serial" / name, tmp_path / "ray" / name
        for folder, engine in zip(folders, ((), RAY), strict=True):
            rafair(*command, *engine, "--out", folder)
        check_same(*folders)


def test_a_reproduction(cluster, tmp_path):
    quick = ("--instances", "120", "--steps", "2", "--epochs", "1", "--datasets", "affairs")
    for name, engine in (("serial", ()), ("ray", RAY)):
        rafair("reproduce", "table4", *quick, *engine, "--out", tmp_path / name)
    tables = [(tmp_path / name / "table4.csv").read_bytes() for name in ("serial", "ray")]
    assert tables[0] == tables[1]
    (ours,), (theirs,) = ((tmp_path / n / "audits").iterdir() for n in ("ray", "serial"))
    check_same(ours, theirs)


def test_a_file(cluster, serial, tmp_path, monkeypatch):
    monkeypatch.setattr("rafair.auditing.whole_file_verdicts.COMPUTED_ROWS", 1 << 15)
    monkeypatch.setattr("rafair.auditing.whole_file_verdicts.LEAST_ROWS", 64)
    table = load_dataset("affairs").table
    classes = [table.schema.classes[label] for label in table.labels]
    people = table.frame.assign(**{table.schema.label: classes})
    people.to_parquet(tmp_path / "people.parquet")
    options = ("--model", serial, "--data", tmp_path / "people.parquet", "--steps", "2")
    for name, engine in (("serial", ()), ("ray", RAY)):
        rafair("audit", *options, *engine, "--out", tmp_path / name)
    check_same(tmp_path / "ray", tmp_path / "serial")


def test_a_worker_that_is_killed_in_the_middle_of_its_work(cluster, serial, tmp_path, monkeypatch):
    """Its shard is computed, and lost with the process before it is handed over."""
    lost = tmp_path / "lost"

    class Deadly(RayExecutor):
        def map(self, work: Any, parts: Any, workers: Any, advance: Any) -> Any:
            def fatal(part: Any, workers: Any, advance: Any) -> Any:
                result = work(part, workers, advance)
                if not lost.exists():
                    lost.touch()
                    os.kill(os.getpid(), signal.SIGKILL)
                return result

            return super().map(fatal, parts, workers, advance)

    monkeypatch.setattr(executors, "engine_named", lambda *_: Deadly())
    done = rafair("audit", *OPTIONS, *RAY, "--out", tmp_path / "run")
    assert lost.exists()
    assert done.err.count("\n") == 1, done.err
    check_same(tmp_path / "run", serial)


def wait_for_a_shard(process: subprocess.Popen[str], shards: Path) -> None:
    until = time.monotonic() + PATIENCE_S
    while not (shards.is_dir() and any(shards.glob("[0-9]*"))):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)


def test_interrupted_on_a_cluster_that_runs_and_taken_up_without_it(cluster, serial, tmp_path):
    """Ctrl-C in a process of its own, which is told the cluster's address."""
    out = tmp_path / "run"
    address = cluster.get_runtime_context().gcs_address
    shards = tmp_path / "run.partial" / "shards"
    command = [*OPTIONS[:-5], "900", "--steps", "10", "--epochs", "1", "--out", str(out)]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "audit", *command, *RAY, "--address", address],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            wait_for_a_shard(process, shards)
            process.send_signal(signal.SIGINT)
            out_text, err = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    assert (process.returncode, out_text) == (130, ""), err
    *before, last = err.splitlines()
    assert last.startswith("rafair: interrupted")
    assert len(before) == 2
    assert " of 9 parts (of up to 100 instances) " in before[1]
    stored = len(list(shards.glob("[0-9]*")))
    assert 0 < stored < 9
    done = rafair("audit", *command)
    assert f"carrying on where it was left, {stored} of 9 parts done" in done.err
    assert names(tmp_path) == {"run"}


# how it is done -------------------------------------------------------------------------------


def test_few_shards_are_under_way_and_results_come_as_they_are_ready(cluster, tmp_path):
    """The first shard ends after another one: the others do not wait for it, nor pile up."""
    taken, seen, another = [], [], tmp_path / "another"

    def parts() -> Iterator[Any]:
        for shard in cut(1200):
            taken.append(shard.number)
            yield shard, shard.number

    def work(part: int, workers: Workers, advance: Any) -> tuple[int, int]:
        if part:
            another.touch()
        else:
            until = time.monotonic() + PATIENCE_S
            while not another.exists() and time.monotonic() < until:
                time.sleep(0.05)
            time.sleep(0.5)
        advance(part)
        return part * part, workers.threads

    with Workers(1) as workers:
        moved: list[int] = []
        for shard, result in RayExecutor().map(work, parts(), workers, moved.append):
            assert result == (shard.number**2, 1)
            seen.append(shard.number)
            assert len(taken) - len(seen) < 2 * ray_executor.SHARDS_PER_CORE
    assert sorted(seen) == sorted(moved) == list(range(12))
    assert seen[0] != 0


def test_the_work_is_shipped_once_to_each_worker(cluster, tmp_path):
    class Work:
        def __setstate__(self, state: dict[str, Any]) -> None:
            self.__dict__ = state
            (self.folder / f"{os.getpid()}-{time.monotonic_ns()}").touch()

        def __call__(self, part: int, workers: Workers, advance: Any) -> int:
            return os.getpid()

    work = Work()
    work.folder = tmp_path
    processes = {pid for _, pid in results(RayExecutor(), work, [(s, 0) for s in cut(2000)])}
    assert {int(path.name.partition("-")[0]) for path in tmp_path.iterdir()} == processes
    assert len(names(tmp_path)) == len(processes)


def test_errors_of_ours_reach_the_driver_as_they_are(cluster):
    def unknown(part: int, workers: Workers, advance: Any) -> None:
        raise UnknownNameError("verdict", "true fai", ["true fair"])

    with pytest.raises(UnknownNameError, match=r"^unknown verdict 'true fai': did"):
        results(RayExecutor(), unknown, [(shard, 0) for shard in cut(100)])


def test_a_bug_on_a_worker_keeps_its_traceback(cluster):
    def broken(part: int, workers: Workers, advance: Any) -> None:
        raise ZeroDivisionError("in here")

    with pytest.raises(ZeroDivisionError, match=r"in broken(.|\n)*in here"):
        results(RayExecutor(), broken, [(shard, 0) for shard in cut(100)])


def test_a_shard_that_kills_all_its_workers(cluster, monkeypatch):
    def fatal(part: int, workers: Workers, advance: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(ray_executor, "RETRIES", 0)
    ray_executor._task.cache_clear()
    with pytest.raises(ClusterError, match=r"instances 0 to 99 could not be done.*carries on") as e:
        results(RayExecutor(), fatal, [(shard, 0) for shard in cut(100)])
    ray_executor._task.cache_clear()
    assert "\n" not in str(e.value)


def test_other_versions_on_a_node(cluster, tmp_path, monkeypatch):
    ours = ray_executor.versions() | {"torch": "1.0"}
    monkeypatch.setattr(ray_executor, "versions", lambda: ours)
    done = call("audit", *OPTIONS, *RAY, "--out", tmp_path / "run")
    assert done.code == 2
    assert done.err.splitlines()[-1].startswith("rafair: ray: expected torch 1.0 on every node")


# own models -----------------------------------------------------------------------------------


def test_a_pipeline_gives_the_same_figures_there(cluster, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own_models.write_people(tmp_path)
    skops.io.dump(own_models.pipeline(), "pipeline.skops")
    own = ("--data", "people.csv", "--label", "affair", "--sensitive", "age,religious")
    command = ("audit", *own, "--model", "pipeline.skops", "--instances", "120", "--steps", "1")
    rafair(*command, "--out", "here")
    rafair(*command, "--out", "there", "--engine", "ray", "--workers", "2")
    assert hashes(tmp_path / "here") == hashes(tmp_path / "there")
    shutil.rmtree("there")


def test_what_cannot_be_sent_is_refused(cluster):
    lock = threading.Lock()

    def model(rows):
        with lock:
            return rows[:, :2]

    with pytest.raises(InputError, match=r"engine: .* can be pickled.*lock.*`engine='serial'`"):
        entry.audit(model, planted.random_table(30), attacks=(), engine="ray")


# what is wrong --------------------------------------------------------------------------------


def refused(code: int, *arguments: str) -> str:
    done = call("audit", "--out", "/nowhere/run", *arguments)
    assert (done.code, done.out, done.err.count("\n")) == (code, "", 1), done.err
    return done.err


def test_an_engine_that_is_none():
    assert "did you mean 'ray'" in refused(2, "--engine", "rai")


@pytest.mark.parametrize("option", [("--address", "auto"), ("--workers", "2")])
def test_options_of_another_engine(option):
    assert "only with --engine ray" in refused(2, *option)


def test_ray_is_not_installed(monkeypatch):
    monkeypatch.setattr(executors.importlib.util, "find_spec", lambda name: None)
    assert "pip install 'rafair[ray]'" in refused(2, *RAY)


def test_a_device_that_workers_may_not_have():
    pytest.importorskip("ray")
    assert "expected cpu with --engine ray" in refused(2, *RAY, "--device", "meta")


@pytest.mark.parametrize("address", ["", "host", "host:", ":6379", "host:0", "host:x", "ray://a:1"])
def test_an_address_that_cannot_be_read(address):
    pytest.importorskip("ray")
    assert "expected HOST:PORT" in refused(2, *RAY, "--address", address)


def test_an_address_where_nothing_answers():
    pytest.importorskip("ray")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        line = refused(3, *RAY, "--address", address)
    assert f"'{address}': no Ray cluster answers: Connection refused" in line


@pytest.mark.parametrize("noted", [None, "127.0.0.1:1"], ids=["none", "one that is gone"])
def test_a_cluster_of_this_machine_that_is_not_there(tmp_path, monkeypatch, noted):
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if noted:
        (tmp_path / "ray").mkdir()
        (tmp_path / "ray" / "ray_current_cluster").write_text(noted)
    line = refused(3, "--engine", "ray", "--address", "auto")
    assert (noted or "belongs to no Ray cluster") in line


def test_an_address_where_something_else_answers():
    """Ray itself would ask there for minutes."""
    pytest.importorskip("ray")
    code = """
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    while True:
        connection, _ = server.accept()
        with connection:
            connection.recv(99)
            connection.sendall(b"HTTP/1.1 400 Bad Request")
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as server:
        address = f"127.0.0.1:{server.stdout.readline().strip()}"
        try:
            line = refused(3, *RAY, "--address", address)
        finally:
            server.kill()
    assert "what answers is no Ray cluster's head node" in line


def test_the_python_interface(cluster):
    import numpy as np

    import rafair as package

    table = package.load_dataset("affairs").test
    model = lambda rows: np.stack([rows[:, 0], 1 - rows[:, 0]], axis=1)  # noqa: E731
    found = [
        entry.audit(model, table, attacks=(), instances=150, engine=engine).document["clean"]
        for engine in ("serial", "ray")
    ]
    assert found[0] == found[1]
    with pytest.raises(InputError, match="device: expected cpu"):
        entry.audit(model, table, attacks=(), engine="ray", device="meta")

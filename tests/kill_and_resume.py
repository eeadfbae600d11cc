"""Kills a command where it hurts, gives it again, and compares with a run that nobody disturbed.

    python tests/kill_and_resume.py --kills 50 --dataset adult --instances 400 --steps 5 --epochs 2
    python tests/kill_and_resume.py --operations --dataset affairs --instances 120 --epochs 1
    python tests/kill_and_resume.py --kills 20 --command harden --epochs 2 --instances 30

The first kills an audit with SIGKILL at moments drawn uniformly from its duration; the second once
before each of its operations on the run folder; the third another command. Exit 0 if every run that
was taken up gave the same files and the same JSON documents (but for `created`, `command`,
`environment` and `seconds`), and an audit repeated no more than one checkpoint's work; exit 1 and a
line per disagreement if not.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from forked import Forked
from rafair.auditing import evaluation, row_estimate
from rafair.engine.checkpoints import Checkpoints
from rafair.models.classifier import Queries
from rafair.sources import network_sources

MAY_DIFFER = ("created", "command", "environment", "seconds", "digest")
SLACK = 1.25  # a run may take longer than the first; kills that come too late are drawn again
MOST_TRIES = 3  # for each kill, where the command was done before its moment came


def instrumented(log: str, root: str, operation: int | None) -> None:
    """What a command does is written down, and outlives a kill; for the process that runs it.

    Args:
        log: Where it is written.
        root: The folder below which operations are counted.
        operation: Before which of them, counted from 1, the process dies; 0 counts alone, None
            does not count.
    """
    row_estimate.PROBE_SECONDS = 1e-3
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, b"begun 1\n")

    class Watched(Queries):
        def add(self, **rows: int) -> None:
            super().add(**rows)
            os.write(file, f"rows {sum(rows.values())}\n".encode())

    def train(*arguments: Any, **options: Any) -> Any:
        os.write(file, b"training 1\n")
        return was[0](*arguments, **options)

    def store(*arguments: Any) -> None:
        was[1](*arguments)
        os.write(file, b"stored 1\n")

    was = network_sources.train, Checkpoints.store
    evaluation.Queries, network_sources.train, Checkpoints.store = Watched, train, store
    if operation is not None:
        _stop_before(operation, root, file)


def _stop_before(number: int, root: str, file: int) -> None:
    changing = {"os.mkdir", "os.rename", "os.remove", "os.rmdir"}
    seen = 0

    def hook(event: str, arguments: Any) -> None:
        nonlocal seen
        if event == "open":
            ours = arguments[2] is not None and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        else:
            ours = event in changing
        if not ours or isinstance(arguments[0], int):
            return
        path = os.fsdecode(arguments[0])
        if path.startswith(root) or not path.startswith("/"):
            seen += 1
            os.write(file, b"operation 1\n")
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


@dataclass
class Log:
    """What one run did, killed or not."""

    rows: int = 0
    by_checkpoint: list[int] = field(default_factory=list)
    stored_last: int = 0  # by the last of several processes
    trainings: int = 0
    operations: int = 0

    @classmethod
    def read(cls, path: Path) -> Log:
        log, since = cls(), 0
        for line in path.read_text().splitlines() if path.exists() else []:
            what, amount = line.split()
            if what == "begun":
                since = log.stored_last = 0
            elif what == "rows":
                log.rows += int(amount)
                since += int(amount)
            elif what == "stored":
                log.by_checkpoint.append(since)
                log.stored_last += 1
                since = 0
            elif what == "training":
                log.trainings += 1
            else:
                log.operations += 1
        return log


@dataclass
class Findings:
    """What came of all kills."""

    undisturbed: Log
    landed: int = 0
    too_late: int = 0
    repeated_rows: list[int] = field(default_factory=list)
    repeated_checkpoints: list[int] = field(default_factory=list)
    trained_again: int = 0
    found_checkpoints: list[int] = field(default_factory=list)
    disagreements: list[str] = field(default_factory=list)

    @property
    def most_allowed(self) -> int:
        """The rows of the largest checkpoint."""
        return max(self.undisturbed.by_checkpoint, default=0)

    def summary(self) -> str:
        rows, allowed = self.repeated_rows, self.most_allowed
        found = ", ".join(
            f"{self.found_checkpoints.count(n)} × {n}" for n in sorted(set(self.found_checkpoints))
        )
        return (
            f"{self.landed} kills landed ({self.too_late} came too late and were drawn again); "
            f"{'all results identical' if not self.disagreements else 'NOT all as they should be'}"
            f"\nrows of an undisturbed run {self.undisturbed.rows:,}, of its largest checkpoint "
            f"{allowed:,}; repeated after a kill: mean {sum(rows) / max(len(rows), 1):,.0f}, most "
            f"{max(rows, default=0):,}\nfinished checkpoints computed again: "
            f"{sum(self.repeated_checkpoints)}; networks trained again: {self.trained_again}; "
            f"checkpoints found by the second run: {found}"
        )


def same(folder: Path) -> tuple[Any, dict[str, str]]:
    """All of a run folder that must not differ: its JSON documents, and its files' hashes."""
    files = {
        str(path.relative_to(folder)): path
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".html" and path.name != "cost.csv"  # tell seconds
    }
    documents = {
        name: _without_what_may_differ(json.loads(path.read_text(encoding="utf-8")))
        for name, path in files.items()
        if path.suffix == ".json"
    }
    hashes = {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in files.items()
        if path.suffix != ".json"
    }
    return documents, hashes


def _without_what_may_differ(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_what_may_differ(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {k: _without_what_may_differ(v) for k, v in value.items() if k not in MAY_DIFFER}


class Place:
    """A folder in which one command is given, killed, and given again."""

    def __init__(self, folder: Path, arguments: list[str]) -> None:
        folder.mkdir()
        self.folder, self.out = folder, folder / "runs" / "run"
        self.arguments = [*arguments, "--out", str(self.out)]
        self.log = folder / "log"

    def stored(self) -> int:
        shards = self.out.with_name("run.partial") / "shards"
        return len(list(shards.glob("[0-9]*")))


def judge(place: Place, expected: Any, before: int, findings: Findings) -> None:
    """Compares a run that was killed and taken up with the undisturbed one."""
    at, log = place.folder.name, Log.read(place.log)
    findings.landed += 1
    if place.out.is_dir() and same(place.out) != expected:
        findings.disagreements.append(f"{at}: other results")
    left = [path.name for path in place.out.parent.iterdir()] if place.out.is_dir() else []
    if left != ["run"]:
        findings.disagreements.append(f"{at}: found {left}, expected one finished run")
    whole = findings.undisturbed
    repeated = log.rows - whole.rows
    stored_again = max(before + log.stored_last - len(whole.by_checkpoint), 0)
    findings.repeated_rows.append(repeated)
    findings.repeated_checkpoints.append(stored_again)
    findings.trained_again += log.trainings - whole.trainings
    findings.found_checkpoints.append(before)
    if place.arguments[0] != "audit":  # which other work has which checkpoints is not counted here
        return
    if not 0 <= repeated <= findings.most_allowed or stored_again or log.trainings > 2:
        findings.disagreements.append(
            f"{at}: repeated {repeated} rows, {stored_again} checkpoints, {log.trainings} trainings"
        )


@dataclass(frozen=True)
class Ended:
    """How a command ended, and after how long."""

    code: int
    seconds: float


def run(place: Place, *, seconds: float | None = None, operation: int | None = None) -> Ended:
    """Gives the command; kills it after some seconds, or before an operation."""
    prepare = partial(instrumented, str(place.log), str(place.out.parent), operation)
    with (place.folder / "said").open("a") as said:
        process = Forked(*place.arguments, stdout=said, stderr=said, prepare=prepare)
    begun = time.perf_counter()  # the first is forked only when all is loaded
    if seconds is not None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        process.kill()
    return Ended(process.wait(), time.perf_counter() - begun)


def run_whole(place: Place) -> Ended:
    """Gives the command, and lets it finish."""
    ended = run(place, operation=0)
    if ended.code:
        raise RuntimeError(f"exit code {ended.code}: {(place.folder / 'said').read_text()}")
    return ended


def kill_at_random(arguments: list[str], kills: int, folder: Path, seed: int = 0) -> Findings:
    """Kills at moments drawn uniformly from a command's duration, once in each of many runs."""
    draw = random.Random(seed)
    first = Place(folder / "undisturbed", arguments)
    duration = run_whole(first).seconds
    expected, findings = same(first.out), Findings(Log.read(first.log))
    for number in range(kills * MOST_TRIES):
        if findings.landed == kills:
            break
        place = Place(folder / f"kill-{number}", arguments)
        ended = run(place, seconds=draw.uniform(0, SLACK * duration))
        take_up(place, ended, expected, findings)
    return findings


def kill_before_operations(arguments: list[str], folder: Path, every: int = 1) -> Findings:
    """Kills before every n-th operation on the run folder, and before the last ones in any case."""
    first = Place(folder / "undisturbed", arguments)
    run_whole(first)
    expected, findings = same(first.out), Findings(Log.read(first.log))
    operations = range(1, findings.undisturbed.operations + 1)
    for number in sorted({*operations[::every], *operations[-3:]}):
        place = Place(folder / f"operation-{number}", arguments)
        take_up(place, run(place, operation=number), expected, findings)
    return findings


def take_up(place: Place, ended: Ended, expected: Any, findings: Findings) -> None:
    """Gives a command again that was killed, and compares."""
    if ended.code != -signal.SIGKILL:
        findings.too_late += 1
        return
    before = place.stored()
    run_whole(place)
    judge(place, expected, before, findings)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--command", default="audit", help="what to kill")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--operations", action="store_true", help="kill before each operation")
    parser.add_argument("--every", type=int, default=1, help="kill before every n-th operation")
    parser.add_argument("--seed", type=int, default=0)
    options, arguments = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [options.command, *arguments]
        if options.operations:
            findings = kill_before_operations(command, Path(folder), options.every)
        else:
            findings = kill_at_random(command, options.kills, Path(folder), options.seed)
    print(findings.summary())
    for line in findings.disagreements:
        print(line)
    return 1 if findings.disagreements else 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())

"""Kills a watch at random moments, again and again, and compares with one that nobody disturbed.

    python tests/kill_watch.py --run RUN --kills 50
    python tests/kill_watch.py --run RUN --kills 50 --store postgresql --source pipe

RUN is a run folder of the affairs data with a frozen reference. The stream has 100,000 rows and
more, in files of all formats or over a pipe: some malformed, some that contradict others, some with
labels that come before them, after them, or alone. Over a pipe the sender begins anew after each
kill. Exit 0 if no row was lost, none counted twice, and all figures are those of the undisturbed
watch (over a pipe, but for the count of what was known before); 1 and a line for each that is not.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

import forked
import rafair
from postgres import own_server
from rafair.engine.run_folder import MONITOR
from rafair.monitoring.entry import Place
from rafair.monitoring.references.frozen_reference import Reference
from streams import frame_of, write_folder
from watch_commands import history_of

START_S = 0.5
"""About how long a watch takes until it reads; some kills fall in there."""

AT_START = 5
"""One kill of so many falls at the start."""


def make_frames(
    rows: int, seed: int = 0
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame], list[str]]:
    """Rows; those of which something else is told too, by the name of their file; bad lines."""
    data = rafair.load_dataset("affairs").table
    generator = np.random.default_rng(seed)
    frame = frame_of(data, generator.integers(0, len(data), rows))
    some = rows // 50
    unlabelled = frame.drop(columns="label").iloc[:some]
    unlabelled = unlabelled.assign(id=[f"u{n}" for n in range(some)])
    labels = frame[["label"]].iloc[:some].assign(id=[f"u{n}" for n in range(some)])
    other = data.schema.classes[::-1]
    turned = labels.assign(
        label=labels["label"].map(dict(zip(data.schema.classes, other, strict=True)))
    )
    parts = {
        "day1-early": labels.iloc[::3],
        "day3-unlabelled": unlabelled,
        "day7-late": labels.iloc[1::3],
        "day7-turned": turned.iloc[1::6],
        "day8-again": frame.sample(some, random_state=seed),
    }
    bad = [f'{{"id": "b{number}", "age": "old"}}\nnot json\n' for number in range(rows // 100)]
    return frame, parts, bad


def make_files(folder: Path, rows: int) -> Path:
    """The stream as a folder."""
    frame, parts, bad = make_frames(rows)
    inbox = write_folder(frame, folder, 9)
    for name, part in parts.items():
        part.to_csv(inbox / f"{name}.csv", index=False)
    (inbox / "day5-bad.jsonl").write_text("".join(bad))
    return inbox


def make_lines(path: Path, rows: int) -> Path:
    """The stream as JSON lines, all of it mixed up."""
    frame, parts, bad = make_frames(rows)
    lines = [*bad]
    for part in (frame, *parts.values()):
        lines += [f"{line}\n" for line in part.to_json(orient="records", lines=True).splitlines()]
    random.Random(1).shuffle(lines)
    path.write_text("".join(lines))
    return path


@dataclass(frozen=True)
class Watch:
    """One watch of a stream, which can be begun again and again.

    Args:
        run: The run folder.
        stream: A folder, or a file that is sent over a pipe.
        store: Where it keeps its windows.
        window_rows: Of each window.
    """

    run: Path
    stream: Path
    store: str
    window_rows: int

    @property
    def piped(self) -> bool:
        return self.stream.is_file()

    @contextmanager
    def begun(self) -> Iterator[forked.Forked]:
        """It at work; killed in the end."""
        source = "-" if self.piped else str(self.stream)
        options = [
            "--once",
            "--window-rows",
            self.window_rows,
            "--store",
            self.store,
            "--json",
            "-",
        ]
        command = ("monitor", "watch", self.run, source, *map(str, options))
        with ExitStack() as stack:
            sent: IO[Any] | int = subprocess.DEVNULL
            if self.piped:
                sender = subprocess.Popen(["cat", self.stream], stdout=subprocess.PIPE)
                stack.callback(sender.wait)
                assert sender.stdout is not None
                sent = sender.stdout
            said = stack.enter_context(tempfile.TemporaryFile("w+"))
            process = forked.Forked(*command, stdin=sent, stderr=said)
            if self.piped:
                sent.close()  # type: ignore[union-attr]  # the watch alone has it, so that its end is heard
            try:
                yield process
            finally:
                process.kill()
                process.communicate()
            said.seek(0)
            text = said.read()
            if "Traceback" in text or process.returncode not in (0, 1, -9):
                raise RuntimeError(f"exit code {process.returncode}: {text[-500:]}")

    def to_end(self) -> tuple[int, float]:
        """Runs it undisturbed; returns its last window's number, and its seconds."""
        begun = time.monotonic()
        with self.begun() as process:
            last = reach(process, None)
            process.wait()
        return last, time.monotonic() - begun

    def figures(self) -> dict[str, Any]:
        """All that must not differ."""
        found = history_of(self.run, self.store)
        del found["created"]
        for window in found["windows"]:
            for key in ("opened", "closed", *(("duplicates",) if self.piped else ())):
                del window[key]
        if self.piped:
            del found["totals"]["duplicates"]
            # a reason says what stood in the way, which may be another record than at first
            with Place(self.run, store=self.store).open_store(
                Reference.read(self.run / MONITOR)
            ) as store:
                all_of_it = store.quarantine(1_000_000)
            refusals = [[window, one.number, one.content] for window, one in all_of_it]
            found["quarantine"] = sorted(refusals)
        return found


def reach(process: forked.Forked, window: float | None) -> int:
    """Waits until a watch tells of a window, or ends; returns the last one told."""
    last = 0
    assert process.stdout is not None
    while (window is None or last < window) and (line := process.stdout.readline()):
        last = int(json.loads(line)["window"])
    return last


@dataclass
class Kills:
    """Where kills landed: behind which windows, and how many before the first of a start."""

    behind: list[int] = field(default_factory=list)
    at_start: int = 0

    @property
    def landed(self) -> int:
        return len(self.behind) + self.at_start


def kill_often(watch: Watch, kills: int, windows: int, seconds: float, seed: int = 0) -> Kills:
    """Kills a watch at moments drawn from each of equal shares of its work.

    Within a share it is killed behind a window that is drawn, after a part of the time that a
    window takes: while it reads, judges, or stores the next.

    Args:
        watch: To be begun again after each kill.
        kills: How many shares.
        windows: How many windows the whole work has.
        seconds: How long that takes undisturbed.
        seed: Of all that is drawn.
    """
    draw, found = random.Random(seed), Kills()
    window_s = max(seconds - START_S, 1) / windows
    for number in range(kills):
        at_start = number % AT_START == AT_START - 1
        with watch.begun() as process:
            if at_start:
                time.sleep(draw.uniform(0, START_S))
                last = 0
            else:
                last = reach(process, (windows - 2) * (number + draw.random()) / kills)
                time.sleep(draw.uniform(0, 1.5 * window_s))
            if process.poll() is not None:
                continue
            process.kill()
        if at_start:
            found.at_start += 1
        else:
            found.behind.append(last)
    return found


def disagreements(undisturbed: Any, killed: Any, path: str = "") -> list[str]:
    """Where two histories differ."""
    if isinstance(undisturbed, dict) and isinstance(killed, dict):
        keys = dict.fromkeys([*undisturbed, *killed])
        return [
            line
            for key in keys
            for line in disagreements(undisturbed.get(key), killed.get(key), f"{path}.{key}")
        ]
    if isinstance(undisturbed, list) and isinstance(killed, list):
        if len(undisturbed) != len(killed):
            return [f"{path}: {len(undisturbed)} against {len(killed)}"]
        pairs = zip(undisturbed, killed, strict=True)
        return [
            line for n, (a, b) in enumerate(pairs) for line in disagreements(a, b, f"{path}[{n}]")
        ]
    return [] if undisturbed == killed else [f"{path}: {undisturbed!r} against {killed!r}"]


@dataclass(frozen=True)
class Findings:
    """What killing came to."""

    kills: Kills
    totals: dict[str, Any]
    disagreements: list[str]


@dataclass(frozen=True)
class Undisturbed:
    """What a watch came to that nobody disturbed, and how long it took."""

    figures: dict[str, Any]
    windows: int
    seconds: float

    @classmethod
    def of(cls, watch: Watch) -> Undisturbed:
        windows, seconds = watch.to_end()
        return cls(watch.figures(), windows, seconds)


def kill_and_compare(undisturbed: Undisturbed, watch: Watch, kills: int, seed: int = 0) -> Findings:
    """Kills a watch and begins it again, to its end; compares what it stored."""
    found = kill_often(watch, kills, undisturbed.windows, undisturbed.seconds, seed)
    watch.to_end()
    first, second = undisturbed.figures, watch.figures()
    return Findings(found, first["totals"], disagreements(first, second))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--window-rows", type=int, default=300)
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--source", choices=("files", "pipe"), default="files")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        run = shutil.copytree(given.run, folder / "run")
        make = make_lines if given.source == "pipe" else make_files
        stream = make(folder / "stream", given.rows)
        stores = [str(folder / f"{name}.sqlite") for name in ("undisturbed", "killed")]
        if given.store == "postgresql":
            server = stack.enter_context(own_server())
            for name in ("undisturbed", "killed"):
                server.execute(f"CREATE DATABASE {name}")
            stores = [server.url(name) for name in ("undisturbed", "killed")]
        first, second = (Watch(run, stream, store, given.window_rows) for store in stores)
        found = kill_and_compare(Undisturbed.of(first), second, given.kills, given.seed)
    totals = ", ".join(f"{key} {value}" for key, value in found.totals.items())
    print(f"{given.store}, {given.source}: undisturbed: {totals}")
    print(
        f"{found.kills.landed} kills landed, {found.kills.at_start} of them at a start, the others"
    )
    print(f"behind windows {', '.join(map(str, found.kills.behind))}")
    print(f"{len(found.disagreements)} disagreements")
    for line in found.disagreements[:20]:
        print(line)
    return bool(found.disagreements) or found.kills.landed < given.kills


if __name__ == "__main__":
    sys.exit(main())

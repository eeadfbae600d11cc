"""`rafair monitor` in processes of its own, which tests can signal, kill, and hear."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import forked
from rafair.monitoring.finished_windows import Kept, history_at

COMMAND = "import sys; from rafair.cli.main import main; main(sys.argv[1:])"
LONGEST_S = 120.0


def run(*arguments: str | Path, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    return forked.run("monitor", *arguments, given=given, timeout=LONGEST_S)


def history_of(run_folder: Path, store: str) -> dict[str, Any]:
    """All that is told of a store."""
    return history_at(Kept(run_folder, store=store)).to_dict()


def the_line(stderr: str) -> str:
    """The error that a command ended with: one line, no traceback, beside the notes."""
    assert "Traceback" not in stderr
    lines = stderr.splitlines()
    errors = [line for line in lines if line.startswith("rafair: ")]
    assert len(errors) == 1, stderr
    assert lines[-1] == errors[0]
    return errors[0]


class Running:
    """A command at work; use it in a `with` statement, which kills what is left of it.

    Args:
        arguments: Of `rafair monitor`.
        stdin: Where it reads; None for nothing, PIPE for `send`.
        environment: Variables to add to those of the tests, for an interpreter of its own.
    """

    def __init__(
        self,
        *arguments: str | Path,
        stdin: IO[Any] | int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        source = subprocess.DEVNULL if stdin is None else stdin
        self.process: subprocess.Popen[str] | forked.Forked
        if environment is None:
            self.process = forked.Forked("monitor", *arguments, stdin=source)
        else:
            self.process = subprocess.Popen(
                [sys.executable, "-c", COMMAND, "monitor", *map(str, arguments)],
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, **environment},
            )
        self.out: list[str] = []
        self.err: list[str] = []
        self._readers = [
            threading.Thread(target=self._read, args=(stream, lines), daemon=True)
            for stream, lines in ((self.process.stdout, self.out), (self.process.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _read(self, stream: IO[str], lines: list[str]) -> None:
        lines.extend(line.rstrip("\n") for line in iter(stream.readline, ""))

    def send(self, text: str) -> None:
        """Writes to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def until(self, holds: Callable[[], object], timeout_s: float = LONGEST_S) -> None:
        """Waits until something holds; fails if the command ends before, or the time is up."""
        end = time.monotonic() + timeout_s
        while not holds():
            if self.process.poll() is not None:
                for reader in self._readers:
                    reader.join()
                assert holds(), f"it ended with {self.process.returncode}: {self.err}"
                return
            assert time.monotonic() < end, f"not within {timeout_s} s: {self.out} {self.err}"
            time.sleep(0.01)

    def until_windows(self, n: int, timeout_s: float = LONGEST_S) -> None:
        """Waits until it has told so many windows."""
        self.until(lambda: len(self.out) >= n, timeout_s)

    def until_said(self, words: str, timeout_s: float = LONGEST_S) -> None:
        """Waits until it has said something on stderr."""
        self.until(lambda: any(words in line for line in self.err), timeout_s)

    @property
    def documents(self) -> list[dict[str, Any]]:
        """What it told with `--json -`."""
        return [json.loads(line) for line in self.out]

    def signal(self, number: int = signal.SIGINT) -> None:
        self.process.send_signal(number)

    def end(self, timeout_s: float = LONGEST_S) -> int:
        """Waits for its end; returns its exit code."""
        code = self.process.wait(timeout_s)
        for reader in self._readers:
            reader.join()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        return code

    def kill(self) -> None:
        """As `kill -9` does."""
        self.process.kill()
        self.end()


def figures_of(run_folder: Path, store: str) -> dict[str, Any]:
    """What a store holds, without what tells the time."""
    found = history_of(run_folder, store)
    del found["created"]
    for window in found["windows"]:
        del window["opened"], window["closed"]
    return found

"""Commands in processes forked from one that has loaded all they need: starting one costs little.

What is under test may be killed and interrupted as a process of its own, which it is; but it has
not paid three seconds of imports. Where the interpreter's own start matters, start a real one.
"""

from __future__ import annotations

import contextlib
import functools
import json
import multiprocessing
import os
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import IO, Any

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "rafair.cli.main",
        "rafair.auditing.entry",
        "rafair.hardening.entry",
        "rafair.monitoring.entry",
        "rafair.monitoring.finished_windows",
        "rafair.monitoring.store.monitor_store",
        "rafair.blocks.terminal",
        "rafair.reports.monitor_text",
        "sqlalchemy.dialects.sqlite",
        "sqlalchemy.dialects.postgresql",
        "torch._dynamo",  # loaded by the first optimizer
    ]
)


def _nothing() -> None:
    """Prepares nothing."""


class Forked:
    """A `rafair` command in a process of its own, which is used as one of `subprocess.Popen`.

    Args:
        arguments: Of `rafair`.
        stdin: Where it reads: PIPE, a file, or nothing.
        stdout: Where it writes: PIPE, a file, or nowhere.
        stderr: Where it writes notes and errors.
        environment: All its variables; None for those of the tests.
        prepare: Called there before the command.
    """

    def __init__(
        self,
        *arguments: str | Path,
        stdin: IO[Any] | int = subprocess.DEVNULL,
        stdout: IO[Any] | int = subprocess.PIPE,
        stderr: IO[Any] | int = subprocess.PIPE,
        environment: Mapping[str, str] | None = None,
        prepare: Callable[[], object] = _nothing,
    ) -> None:
        self.args = list(map(str, arguments))
        given, self.stdin = _end(stdin, reads=True)
        out, self.stdout = _end(stdout, reads=False)
        err, self.stderr = _end(stderr, reads=False)
        # a daemon ends with the tests, whatever becomes of them
        self._process = CONTEXT.Process(
            target=_command,
            args=(
                self.args,
                str(Path.cwd()),
                dict(os.environ if environment is None else environment),
                tuple(map(_Passed, (given, out, err))),
                prepare,
            ),
            daemon=True,
        )
        self._process.start()
        for end in (given, out, err):
            os.close(end)
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, below 0 that of a signal; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            assert self.pid is not None
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def communicate(
        self, given: str | None = None, timeout: float | None = None
    ) -> tuple[Any, Any]:
        """Sends it a text, and takes all it says."""
        said: dict[int, str] = {}

        def take(number: int, stream: IO[str]) -> None:
            with contextlib.suppress(ValueError):  # closed by an earlier call
                said[number] = stream.read()
                stream.close()

        readers = [
            threading.Thread(target=take, args=(number, stream), daemon=True)
            for number, stream in enumerate((self.stdout, self.stderr))
            if stream is not None
        ]
        for reader in readers:
            reader.start()
        if self.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.stdin.write(given or "")
                self.stdin.close()
        self.wait(timeout)
        for reader in readers:
            reader.join()
        return said.get(0), said.get(1)

    def __enter__(self) -> Forked:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        self.wait()


PROGRAM = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [b"."], [0, 1, 2])
    server.sendall(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode())
    server.shutdown(socket.SHUT_WR)
    sys.exit(int(server.recv(9)))
"""


@contextlib.contextmanager
def program(folder: Path) -> Iterator[Path]:
    """The program `rafair` in a folder, for scripts that call it: what it does is forked."""
    with (
        tempfile.TemporaryDirectory() as short,  # as the address of a socket has to be
        socketserver.ThreadingUnixStreamServer(f"{short}/s", _Answering) as server,
    ):
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        path = folder / "rafair"
        path.write_text(PROGRAM.format(python=sys.executable, address=server.server_address))
        path.chmod(0o755)
        yield path
        server.shutdown()


class _Answering(socketserver.BaseRequestHandler):
    """Does what one call of the program asks for."""

    def handle(self) -> None:
        _, ends, *_ = socket.recv_fds(self.request, 1, 3)
        with self.request.makefile() as asked:
            arguments, folder, environment = json.load(asked)
        stdin, stdout, stderr = ends
        process = Forked(
            *arguments,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            environment=environment,
            prepare=functools.partial(os.chdir, folder),
        )
        for end in ends:
            os.close(end)
        self.request.sendall(str(process.wait()).encode())


def run(
    *arguments: str | Path, given: str | None = None, timeout: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    stdin = subprocess.DEVNULL if given is None else subprocess.PIPE
    process = Forked(*arguments, stdin=stdin)
    out, err = process.communicate(given, timeout)
    return subprocess.CompletedProcess(process.args, process.wait(), out, err)


class _Passed:
    """A descriptor that goes along with what starts a process, and is a number there.

    One that the process had to fetch would stay open here for good where it is killed before.
    """

    def __init__(self, number: int) -> None:
        self._number = number

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (DupFd(self._number),)


def _received(end: Any) -> int:
    number: int = end.detach()
    return number


def _end(what: IO[Any] | int, *, reads: bool) -> tuple[int, IO[str] | None]:
    """The process's end, which is to be closed here, and ours of a pipe."""
    if what == subprocess.PIPE:
        there, here = os.pipe() if reads else os.pipe()[::-1]
        return there, os.fdopen(here, "w" if reads else "r", encoding="utf-8")
    if what == subprocess.DEVNULL:
        return os.open(os.devnull, os.O_RDWR), None
    return os.dup(what if isinstance(what, int) else what.fileno()), None


def _command(
    arguments: Sequence[str],
    folder: str,
    environment: Mapping[str, str],
    ends: Sequence[int],
    prepare: Callable[[], object],
) -> None:
    for number, end in enumerate(ends):
        os.dup2(end, number)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(
        2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False
    )
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    prepare()
    from rafair.cli.main import main

    main(list(arguments))

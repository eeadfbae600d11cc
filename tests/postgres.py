"""A PostgreSQL of the tests' own: in a temporary folder, on a free port, gone afterwards.

The folder is in memory where there is room: a server that was ended as by a crash syncs a thousand
files to disk before it answers again, and each new database as many. No test takes the power away.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PASSWORD = "p@ss w:rd/1"
QUOTED_PASSWORD = "p%40ss%20w%3Ard%2F1"
PROGRAMS = ("initdb", "pg_ctl")
MEMORY = Path("/dev/shm")
ROOM = 1 << 30
"""Bytes that are free in memory for a server to lie there; it takes a fifth of them."""


def programs() -> Path | None:
    """The folder with the newest PostgreSQL's programs; None where none is installed."""
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    folders = sorted(debian, key=lambda path: int(path.parent.name), reverse=True)
    on_path = shutil.which("initdb")
    for folder in [*folders, *([Path(on_path).parent] if on_path else [])]:
        if all((folder / name).is_file() for name in PROGRAMS):
            return folder
    return None


class Postgres:
    """A server with its data in a folder; it syncs to disk as by default.

    Args:
        bin_: The folder with its programs.
        folder: Where its data lies.
    """

    def __init__(self, bin_: Path, folder: Path) -> None:
        self._bin, self.folder, self.port = bin_, folder, _free_port()
        self._data, self._log = folder / "data", folder / "log"
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:  # as which PostgreSQL refuses to run
            user = _user()
            self._user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(folder, user.pw_uid, user.pw_gid)
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        options = ("--username=watch", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C")
        self._run("initdb", "-D", self._data, "--pwfile", password, *options)

    def start(self) -> None:
        """Returns when it answers."""
        options = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.folder} -c max_wal_size=64MB"
        )
        self._run("pg_ctl", "-D", self._data, "-l", self._log, "-w", "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        """Ends it; by default as a crash would."""
        self._run("pg_ctl", "-D", self._data, "-m", mode, "-w", "stop")

    @property
    def runs(self) -> bool:
        return (self._data / "postmaster.pid").exists()

    def url(self, database: str = "postgres", *, user: str = "watch", **query: str) -> str:
        """As users write it."""
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        at = f"127.0.0.1:{self.port}/{database}"
        return f"postgresql://{user}:{QUOTED_PASSWORD}@{at}{'?' if asked else ''}{asked}"

    def execute(self, query: Any, *values: Any, database: str = "postgres") -> list[Any]:
        """Runs one statement outside of a transaction."""
        import psycopg

        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="watch",
            password=PASSWORD,
            dbname=database,
            autocommit=True,
        ) as connection:
            cursor = connection.execute(query, values or None)
            return cursor.fetchall() if cursor.description else []

    def _run(self, program: str, *arguments: str | Path) -> None:
        # the server keeps the outputs open, so they are files
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(
                [str(self._bin / program), *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={name: os.environ[name] for name in ("PATH", "PYTHONPATH")} | {"LC_ALL": "C"},
                check=False,
                **self._user,
            )
            said.seek(0)
            log = self._log.read_text(errors="replace")[-2000:] if self._log.exists() else ""
            assert done.returncode == 0, f"{program}: {said.read().decode()}\n{log}"


@contextmanager
def own_server() -> Iterator[Postgres]:
    """A server that runs; to be asked for only where `programs` finds some."""
    folder = programs()
    assert folder is not None
    # a short path: the names of sockets may have 107 bytes
    with tempfile.TemporaryDirectory(prefix="pg-", dir=_memory()) as place:
        server = Postgres(folder, Path(place))
        server.start()
        try:
            yield server
        finally:
            if server.runs:
                server.stop()


def _memory() -> Path | None:
    """A folder in memory with room for a server; None where none is, as in many containers."""
    if not (MEMORY.is_mount() and os.access(MEMORY, os.W_OK | os.X_OK)):
        return None
    return MEMORY if shutil.disk_usage(MEMORY).free >= ROOM else None


def _user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise AssertionError("there is no user as whom PostgreSQL could run")


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])

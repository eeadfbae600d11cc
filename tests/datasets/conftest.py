"""A cache of one's own, the real files where they are, and a web server for them."""

from __future__ import annotations

import hashlib
import io
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rafair.datasets import affairs
from rafair.datasets.info import DatasetInfo, SourceFile, Variant
from rafair.datasets.registry import DATASETS

TINY = b"age;y\n30;no\n40;yes\n"


@pytest.fixture(autouse=True)
def _read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """What reads the embedded data set is under test here, and is not spared."""
    monkeypatch.setattr(affairs, "read", affairs.read.__wrapped__)  # type: ignore[attr-defined]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where files are kept: an empty cache, and no data folder beside it."""
    monkeypatch.delenv("RAFAIR_DATA", raising=False)
    monkeypatch.setenv("RAFAIR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "datasets"


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> SourceFile:
    """A data set 'tiny' of one small file in a zip, whose publisher does not answer."""
    file = SourceFile(
        "tiny.csv", hashlib.sha256(TINY).hexdigest(), "http://127.0.0.1:1/tiny.zip", ("tiny.csv",)
    )
    info = DatasetInfo(
        name="tiny",
        title="Tiny",
        source="",
        citation="",
        licence="",
        label="",
        problems=(),
        rows=2,
        features=dict.fromkeys(Variant, 1),
        sensitive={"age": 2},
        files=(file,),
    )
    monkeypatch.setitem(DATASETS, "tiny", info)
    return file


def zipped(members: Mapping[str, bytes]) -> bytes:
    """A zip archive of some files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.fixture
def zip_of() -> Callable[[Mapping[str, bytes]], bytes]:
    return zipped


@dataclass(frozen=True)
class Answer:
    """What the server sends: perhaps fewer bytes than it says, or in pieces with a pause."""

    body: bytes
    missing: int = 0
    pieces: int = 1
    pause: float = 0
    status: int = 200


@pytest.fixture
def answer() -> type[Answer]:
    return Answer


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], str]]:
    """Serves one answer at every address; returns the server's address."""
    servers: list[ThreadingHTTPServer] = []

    def start(reply: Answer) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(reply))
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def _handler(reply: Answer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(reply.status)
            self.send_header("Content-Length", str(len(reply.body) + reply.missing))
            self.end_headers()
            size = max(-(-len(reply.body) // reply.pieces), 1)
            try:
                for start in range(0, len(reply.body), size):
                    self.wfile.write(reply.body[start : start + size])
                    self.wfile.flush()
                    time.sleep(reply.pause)
            except OSError:  # the client has given up, as some tests want it to
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    return Handler

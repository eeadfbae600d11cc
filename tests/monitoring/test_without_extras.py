"""The watch where the libraries of its extra are not installed: a line that says which one is."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from streams import frame_of, write_stream

MISSING = """
import sys
for name in ("sqlalchemy", "alembic", "tenacity", "httpx", "prometheus_client", "psycopg"):
    sys.modules[name] = None  # as if it were not there
from rafair.cli.main import main
main(sys.argv[1:])
"""


def without(*arguments):
    command = [sys.executable, "-c", MISSING, "monitor", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def run(watched, tmp_path):
    return shutil.copytree(watched, tmp_path / "run")


def test_a_reference_is_frozen_without_them(run):
    done = without("init", run)
    assert done.returncode == 0, done.stderr
    assert "done before" in done.stderr


@pytest.mark.parametrize("command", ["check", "watch", "report", "webhook"])
def test_what_needs_them_says_how_to_install_them(run, affairs, tmp_path, command):
    new = write_stream(frame_of(affairs.test).iloc[:5], tmp_path / "new.csv")
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (run / "monitor" / "watch.sqlite").touch()
    arguments = {
        "check": ("check", run, "--data", new),
        "watch": ("watch", run, inbox, "--once"),
        "report": ("report", run),
        "webhook": ("check", run, "--data", new, "--webhook", "http://localhost/"),
    }[command]
    done = without(*arguments)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert "is not installed; pip install 'rafair[monitor]' installs it" in done.stderr

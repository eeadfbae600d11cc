"""A real browser, and a real audit to show in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import ARGUMENTS

from commands import rafair
from once import made_once


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One Chromium for the tests of a module, or a skip that says why there is none.

    Playwright runs an event loop in this thread until it ends, beside which no other can run.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no program 'chromium' to show the report in")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as player:
        started = player.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def run(request: pytest.FixtureRequest) -> Path:
    """The folder of a real audit, with its report; copy it before anything is changed."""
    options = ("--epochs", "5", "--instances", "100", "--steps", "10")
    return made_once(request, "report", lambda out: rafair("audit", *options, "--out", out))

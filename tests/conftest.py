"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rafair.engine.workers import Workers

pytest_plugins = ["watch_fixtures"]  # one conftest.py is all that doctests can be collected beside

DATA = os.environ.get("RAFAIR_DATA")


@pytest.fixture
def data_folder() -> Path:
    """The folder with the papers' files, or a skip."""
    if not DATA:
        pytest.skip("RAFAIR_DATA does not name a folder with the papers' data files")
    return Path(DATA)


@pytest.fixture
def workers() -> Iterator[Workers]:
    with Workers(2) as pool:
        yield pool

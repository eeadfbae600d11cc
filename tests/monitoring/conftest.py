"""What tests of the watch share that others have no use for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def folder(watched_plainly: Path, tmp_path: Path) -> Path:
    """A run folder; with a place for files beside it."""
    (tmp_path / "in").mkdir()
    return shutil.copytree(watched_plainly, tmp_path / "run")

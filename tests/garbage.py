"""Looks for garbage in what tests make alone, not in all the modules that were loaded before.

Loading them makes a million objects that stay: looking through them again and again would take a
third of the time until the first test runs, and some of each test's time after it.
"""

from __future__ import annotations

import gc

import pytest

gc.disable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()

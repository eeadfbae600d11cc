"""What all tests share; at the root, so that the examples in `src` are tested under the same."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from garbage import pytest_runtestloop  # noqa: F401 - before what takes long to load
from rafair.engine.thread_pool import Workers

# one conftest.py is all that doctests can be collected beside
pytest_plugins = ["closed_off", "slow_tests", "spared", "watch_fixtures"]
collect_ignore = ["tests/every_process"]  # Python may have another module of this name


# a busy machine takes its time: nothing is said of seconds in tests
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Three more than cores: many tests wait for servers, browsers and other processes."""
    return (os.cpu_count() or 1) + 3


@pytest.fixture
def workers() -> Iterator[Workers]:
    """Two threads."""
    with Workers(2) as pool:
        yield pool

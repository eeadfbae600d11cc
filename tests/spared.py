"""What tests need not do again and again, as its result is known: nothing is spared of a result.

A command line is built once, a file of templates is compiled once, the embedded data set is read
once, and the probe that tells a user how long an audit will take is short. Threads that wait for
others sleep, as many processes share the cores.
"""

from __future__ import annotations

import functools
import os
import pickle
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import typer.main

from rafair.auditing import row_estimate
from rafair.datasets import affairs
from rafair.datasets.info import Variant
from rafair.tabular.table import Table

PROBE_SECONDS = 0.005


def pytest_configure() -> None:
    # read when the library of threads is loaded: by the processes that what hands out tests starts
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@pytest.fixture(scope="session", autouse=True)
def _spared() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_estimate, "PROBE_SECONDS", PROBE_SECONDS)
        patch.setattr(typer.main, "get_command", functools.cache(typer.main.get_command))
        patch.setattr(affairs, "read", functools.wraps(affairs.read)(_read_once(affairs.read)))
        yield


def _read_once(read: Any) -> Any:
    """The same table for everyone, and to each one of its own: a test may change it."""
    kept: dict[Variant, bytes] = {}

    def reading(contents: Mapping[str, bytes], variant: Variant) -> Table:
        if variant not in kept:
            kept[variant] = pickle.dumps(read(contents, variant))
        table: Table = pickle.loads(kept[variant])
        return table

    return reading

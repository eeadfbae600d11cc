"""What the tests of the watch share: databases, and a network audited and frozen once."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import rafair
from once import made_once
from postgres import Postgres, own_server, programs
from rafair.auditing.entry import audit_named
from rafair.engine.run_settings import RunSettings
from rafair.monitoring.references.freezing import FreezeOptions, freeze
from rafair.sources.user_named import Named

NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def postgres_session() -> Iterator[Postgres]:
    if programs() is None:
        pytest.skip("PostgreSQL is not installed: no initdb in /usr/lib/postgresql or PATH")
    with own_server() as server:
        yield server


@pytest.fixture
def postgres(postgres_session: Postgres) -> Iterator[Postgres]:
    """A PostgreSQL that runs, whatever the test before has done to it."""
    if not postgres_session.runs:
        postgres_session.start()
    yield postgres_session
    if not postgres_session.runs:
        postgres_session.start()


@pytest.fixture
def new_database(postgres: Postgres) -> Iterator[str]:
    """The URL of an empty database; it is dropped, as a restart costs what its files are."""
    name = f"watch{next(NUMBERS)}"
    postgres.execute(f"CREATE DATABASE {name}")
    yield postgres.url(name)
    if not postgres.runs:
        postgres.start()
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store can be made: a path, or a URL."""
    if request.param == "sqlite":
        return str(tmp_path / "watch.sqlite")
    return str(request.getfixturevalue("new_database"))


@pytest.fixture(scope="session")
def affairs() -> rafair.Dataset:
    return rafair.load_dataset("affairs")


@pytest.fixture(scope="session")
def audited(request: pytest.FixtureRequest) -> Path:
    """A run folder with a network; copy it before anything is changed."""
    options = {"instances": 30, "steps": 2, "labels": None}

    def make(folder: Path) -> None:
        audit_named(Named(), options, RunSettings(out=folder), rafair.TrainConfig(epochs=2))

    return made_once(request, "audited", make)


@pytest.fixture(scope="session")
def watched(audited: Path, request: pytest.FixtureRequest) -> Path:
    """The same with a reference; copy it before anything is changed."""

    def make(folder: Path) -> None:
        freeze(Path(shutil.copytree(audited, folder)))

    return made_once(request, "watched", make)


@pytest.fixture(scope="session")
def watched_plainly(audited: Path, request: pytest.FixtureRequest) -> Path:
    """The same without probes, which is faster; copy it before anything is changed."""

    def make(folder: Path) -> None:
        freeze(Path(shutil.copytree(audited, folder)), FreezeOptions(probes=()))

    return made_once(request, "watched-plainly", make)

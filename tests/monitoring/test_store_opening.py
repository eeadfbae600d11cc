"""Which databases are opened, which are refused in one line, and how tables come to be."""

from __future__ import annotations

import datetime
import os
import re
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psycopg
import psycopg.sql
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from closed_off import EVERY_PROCESS
from made_windows import made_window
from postgres import PASSWORD, QUOTED_PASSWORD
from rafair.errors import InputError, StorageError
from rafair.monitoring.judged_rows import JudgedRows
from rafair.monitoring.probes import PROBES
from rafair.monitoring.store import database_address
from rafair.monitoring.store.connections import engine_of
from rafair.monitoring.store.database_address import address_of
from rafair.monitoring.store.open_store import open_store
from rafair.monitoring.store.run_migrations import configure, current_version
from rafair.monitoring.store.store_tables import METADATA, VERSION_TABLE
from rafair.monitoring.store.stored_values import StoredWindow

SECRETS = (PASSWORD, QUOTED_PASSWORD, "w:rd", "p%40")


def refusal(place: str | Path, kind: type[Exception] = InputError) -> str:
    said: list[str] = []
    with pytest.raises(kind) as told:
        open_store(place, "m", {}, patience_s=0.5, say=said.append)
    line = str(told.value)
    assert "\n" not in line
    assert not any(secret in text for secret in SECRETS for text in (line, *said))
    return line


# tables -----------------------------------------------------------------------------------------


def test_migrations_make_the_tables_that_the_code_uses(place):
    open_store(place, "m", {}, patience_s=10).close()
    with engine_of(address_of(place)).connect() as connection:
        options = configure(connection)
        context = MigrationContext.configure(connection, opts={**options, "compare_type": True})
        assert compare_metadata(context, METADATA) == []
        assert set(inspect(connection).get_table_names()) == {*METADATA.tables, VERSION_TABLE}
        assert current_version(connection) == "0002"


def test_what_is_stored_outlives_the_process_and_migrations_are_made_once(place):
    for number in (1, 2):
        with open_store(place, "m", {"a": "\ud800\0"}, patience_s=10) as store:
            assert store.last_number() == number - 1
            assert store.commit(made_window(number))


def test_processes_that_open_a_new_store_at_once(place):
    program = (
        "import sys; from rafair.monitoring.store.open_store import open_store\n"
        "from made_windows import made_window\n"
        "sys.stdin.readline()\n"
        "with open_store(sys.argv[1], 'm', {}, patience_s=60) as store:\n"
        "    print(store.commit(made_window(1)))"
    )
    start = [sys.executable, "-c", program, place]
    pipe = subprocess.PIPE
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join([EVERY_PROCESS, *sys.path])}
    children = [
        subprocess.Popen(start, stdin=pipe, stdout=pipe, text=True, env=paths) for _ in range(4)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    said = sorted(child.communicate()[0].strip() for child in children)
    assert said == ["False"] * 3 + ["True"]
    with open_store(place, "m", {}, patience_s=10) as store:
        assert store.totals().rows == 20


def test_a_store_of_a_newer_rafair(place):
    open_store(place, "m", {}, patience_s=10).close()
    with engine_of(address_of(place)).begin() as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '0999'")
    line = refusal(place)
    assert "expected tables of version 0002 or older, found '0999': a newer rafair" in line


def test_a_store_of_an_older_rafair_is_read_as_it_is_and_brought_up_to_date(place):
    with open_store(place, "m", {}, patience_s=10) as store:
        assert store.commit(made_window(1))
    engine = engine_of(address_of(place))
    with engine.begin() as connection:  # what 0002 has made
        connection.exec_driver_sql("DROP TABLE evidence")
        connection.exec_driver_sql("DROP INDEX ix_quarantine_monitor_number")
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '0001'")
    with open_store(place, "m", {}, patience_s=10, existing=True) as store:
        assert [window.number for window in store.windows()] == [1]
    with engine.connect() as connection:
        assert current_version(connection) == "0001", "who only reads changes nothing"
    with open_store(place, "m", {}, patience_s=10) as store:
        assert store.evidence() is None
        assert store.commit(made_window(2, evidence=b"kept"))
        assert store.evidence() == b"kept"
        assert store.totals().rows == 40
    with engine.connect() as connection:
        assert current_version(connection) == "0002"


def test_a_store_that_is_older_than_a_probe(place):
    older, newer = {"conditions": ["clean", "noise"]}, {"conditions": ["clean", "rafair"]}
    rates = ["clean.accuracy", "noise.individual_fairness"]

    def looked() -> tuple[list[StoredWindow], list[str]]:
        with open_store(place, "m", older, patience_s=10) as store:
            return store.windows(), list(store.violations(1, rates).rows.ids)

    def columns() -> set[str]:
        with engine_of(address_of(place)).connect() as connection:
            return {column["name"] for column in inspect(connection).get_columns("rows")}

    open_store(place, "m", older, patience_s=10).close()
    with engine_of(address_of(place)).begin() as connection:
        for name in ("rafair_kept", "rafair_fair"):
            connection.exec_driver_sql(f"ALTER TABLE rows DROP COLUMN {name}")
    with open_store(place, "m", older, patience_s=10) as store:
        for number in (1, 2):
            rows = made_window(number).rows
            judged = rows.judged
            kept = {name: judged.kept[name] for name in older["conditions"]}
            fair = {name: judged.fair[name] for name in older["conditions"]}
            rows = replace(rows, judged=JudgedRows(judged.predictions, kept, fair))
            assert store.commit(made_window(number, rows=rows))
        assert store.rows_of(["1/0"]).judged.conditions == ("clean", "noise")
    before = looked()
    assert "rafair_kept" not in columns(), "a watch without the probe needs no columns"
    with open_store(place, "another", newer, patience_s=10) as store:
        assert store.commit(made_window(1))
        assert store.rows_of(["1/0"]).judged.conditions == ("clean", "rafair")
    assert {"rafair_kept", "rafair_fair"} <= columns()
    assert looked() == before
    assert [window.number for window in before[0]] == [1, 2]
    assert before[1]


def test_a_database_of_something_else(place):
    engine = engine_of(address_of(place), make=True)
    with engine.begin() as connection:
        for name in ("pets", "owners", "a\u202eb", "visits"):
            connection.exec_driver_sql(f'CREATE TABLE "{name}" (n INTEGER)')
    line = refusal(place)
    assert "found tables of something else (a⟨U+202E⟩b, owners, pets and 1 more)" in line
    with engine.connect() as connection:
        assert len(inspect(connection).get_table_names()) == 4


# files ------------------------------------------------------------------------------------------


def test_paths_that_cannot_be_a_store(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("age,income\n" * 1000)
    assert "expected a file, found a folder" in refusal(tmp_path / "folder")
    assert "a folder that exists, found no" in refusal(tmp_path / "none" / "watch.sqlite")
    assert "file is not a database" in refusal(tmp_path / "text")
    assert (tmp_path / "text").read_text() == "age,income\n" * 1000
    assert "the path of a file" in refusal("")
    assert "the path of a file" in refusal("a\0b")


def test_ways_to_name_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["a.sqlite", "b %20?mode=ro#x.sqlite", ":memory:", os.fsdecode(b"\xff.sqlite")]
    for name in names:
        with open_store(name, "m", {}) as store:
            store.commit(made_window(1))
    with open_store(f"sqlite:///{tmp_path}/a.sqlite", "m", {}) as store:
        assert store.last_number() == 1
    assert {path.name for path in tmp_path.iterdir()} == set(names)


def test_a_file_keeps_what_was_committed_with_full_syncs(tmp_path):
    with open_store(tmp_path / "w", "m", {}) as store:
        store.commit(made_window(1))
        with store._link.engine.connect() as connection:
            pragmas = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys")
            }
        assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_file_that_may_not_be_written(tmp_path):
    tmp_path.chmod(0o555)
    assert "unable to open database file" in refusal(tmp_path / "watch.sqlite")


def test_a_store_that_was_damaged(tmp_path):
    path = tmp_path / "watch.sqlite"
    with open_store(path, "m", {}) as store:
        store.commit(made_window(1, 2000))
        content = path.read_bytes()
        path.write_bytes(content[:8192] + b"\xa5" * (len(content) - 8192))
        with pytest.raises(StorageError, match="malformed"):
            store.rows_of([f"1/{i}" for i in range(2000)])


# servers ----------------------------------------------------------------------------------------


def test_urls_that_cannot_be_read():
    for url in (
        "mysql://me:secret@h/d",
        "postgresql://me:sec@ret@h/d",
        "postgresql://me:secret@h:port/d",
        "postgresql+asyncpg://me:secret@h/d",
        "postgresql://me:secret@127.0.0.1:1/d?no_such_option=secret",
    ):
        line = refusal(url)
        assert "secret" not in line
        assert "ret@" not in line
        assert line.startswith("store")


def test_a_host_without_a_name(no_names):
    line = refusal("postgresql://me:secret@nowhere.invalid/d")
    assert line.startswith("store")
    assert "secret" not in line


def test_servers_that_refuse(postgres, new_database):
    wrong = new_database.replace(QUOTED_PASSWORD, "wrong-one")
    line = refusal(wrong)
    assert "password authentication failed for user" in line
    assert "wrong-one" not in line
    assert 'database "nowhere" does not exist' in refusal(postgres.url("nowhere"))
    assert "password" in refusal(postgres.url(user="stranger"))
    assert "does not support SSL" in refusal(f"{new_database}?sslmode=require")
    assert "watch@127.0.0.1" in line


def test_a_role_that_may_only_read(postgres, new_database):
    name, reader = new_database.rpartition("/")[2], new_database.replace("watch:", "reader:")
    postgres.execute(
        psycopg.sql.SQL("CREATE ROLE reader LOGIN PASSWORD {}").format(
            psycopg.sql.Literal(PASSWORD)
        )
    )
    try:
        assert "permission denied for schema public" in refusal(reader)
        with open_store(new_database, "m", {}) as store:
            store.commit(made_window(1))
        postgres.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader", database=name)
        with open_store(reader, "m", {}) as store:
            assert store.totals().rows == 20
            with pytest.raises(StorageError, match="permission denied for table windows"):
                store.commit(made_window(2))
    finally:
        postgres.execute("DROP OWNED BY reader", database=name)
        postgres.execute("DROP ROLE reader")


def test_a_server_that_is_not_there(postgres, new_database):
    postgres.stop()
    line = refusal(new_database, StorageError)
    assert "away (" in line
    assert "refused" in line
    assert "tried for 0.5 s" in line


def test_ways_to_name_a_server(postgres, new_database):
    rest = new_database.partition("://")[2]
    socket = f"postgresql://watch:{QUOTED_PASSWORD}@/{new_database.rpartition('/')[2]}"
    for url in (
        f"postgres://{rest}",
        f"postgresql+psycopg://{rest}",
        f"{socket}?host={postgres.folder}&port={postgres.port}",
    ):
        with open_store(url, "m", {}, patience_s=10) as store:
            assert store.last_number() == 0


def test_the_driver_is_not_installed(monkeypatch):
    monkeypatch.setattr(database_address.importlib.util, "find_spec", lambda name: None)
    assert "pip install 'rafair[monitor]' installs it" in refusal("postgresql://h/d")
    real = ("sqlalchemy", "alembic", "tenacity")
    monkeypatch.setattr(
        database_address.importlib.util, "find_spec", lambda name: name if name in real else None
    )
    assert "pip install 'rafair[postgresql]' installs it" in refusal("postgresql://h/d")


def test_a_schema_of_a_larger_database(postgres, new_database):
    name = new_database.rpartition("/")[2]
    postgres.execute("CREATE TABLE pets (n INTEGER)", database=name)
    assert "something else (pets)" in refusal(new_database)
    postgres.execute("CREATE SCHEMA rafair", database=name)
    url = f"{new_database}?options=-csearch_path%3Drafair"
    for number in (1, 2):
        with open_store(url, "m", {}, patience_s=10) as store, store.hold():
            assert store.commit(made_window(number))
    assert postgres.execute("SELECT count(*) FROM rafair.rows", database=name) == [(40,)]


# what the docs promise --------------------------------------------------------------------------


DOCS = (Path(__file__).parents[2] / "docs" / "monitor-store.md").read_text(encoding="utf-8")


def test_the_docs_name_all_tables_and_columns():
    tables = set(re.findall(r"^\*\*`(\w+)`\*\*", DOCS, re.MULTILINE))
    assert tables == {*METADATA.tables, VERSION_TABLE}
    named = set(re.findall(r"`(\w+)`", DOCS))
    named |= {name.replace("PROBE", probe) for name in named for probe in PROBES}
    assert {column.name for table in METADATA.tables.values() for column in table.columns} <= named


def test_another_program_reads_what_the_docs_promise(place):
    (query,) = re.findall(r"^    (SELECT w\.closed.*?)\n\n", DOCS, re.DOTALL | re.MULTILINE)
    with open_store(place, "m", {"conditions": ["clean"]}, patience_s=10) as store:
        for number in (1, 2):
            store.commit(made_window(number))
        windows = store.windows()
    if place.startswith("postgresql"):
        connection = psycopg.connect(place, options="-c timezone=Asia/Kolkata")
    else:
        connection = sqlite3.connect(place)
    found = connection.execute(query).fetchall()
    connection.close()
    for (closed, accuracy), window in zip(found, windows, strict=True):
        count, n = window.counts["clean"]["accuracy"]
        assert float(accuracy) == pytest.approx(count / n)
        if isinstance(closed, str):  # SQLite's, which says no zone
            closed = datetime.datetime.fromisoformat(closed).replace(tzinfo=datetime.UTC)
        assert closed == window.closed


def test_what_libraries_log_of_lost_connections_is_not_printed():
    program = """
import logging
import rafair.monitoring.store.connections
for name in ("psycopg", "sqlalchemy.pool"):
    logging.getLogger(name).error("said")
logging.getLogger("another").error("shown")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr == "shown\n"

"""A folder that is watched: each row once, whatever happens to the files meanwhile."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rafair
from rafair.monitoring.incoming.watched_folder import Folder
from rafair.monitoring.stream_record import Position, Record

ROW = '{{"id": {}}}\n'


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watched(tmp_path, clock):
    """A folder, and how a watcher of it is started; `said` collects its lines."""
    path = tmp_path / "in"
    path.mkdir()

    def start(positions=None, **options) -> Folder:
        folder = Folder(path, positions, clock=clock, say=start.said.append, **options)
        start.path = path
        return folder

    start.said, start.path = [], path
    return start


def ids(records) -> list:
    return [record.values["id"] if record.values else record.problem for record in records]


def test_files_are_read_in_the_order_of_their_names(watched):
    for name in ("day10.jsonl", "day9.jsonl", "b.ndjson", "A.jsonl"):
        (watched.path / name).write_text(ROW.format(f'"{name}"'))
    folder = watched()
    assert ids(folder.look()) == ["A.jsonl", "b.ndjson", "day9.jsonl", "day10.jsonl"]
    assert ids(folder.look()) == []


def test_real_rows_that_come_in_three_formats_are_each_read_once(watched, tmp_path):
    frame = rafair.load_dataset("affairs").table.frame.iloc[:90].astype(object)
    frame.insert(0, "id", [f"r{n}" for n in range(90)])
    folder = watched()
    found = []
    for start, name in ((0, "a.csv"), (30, "b.jsonl"), (60, "c.parquet")):
        part = frame.iloc[start : start + 30]
        hidden = watched.path / f".{name}"
        if name == "a.csv":
            part.to_csv(hidden, index=False)
        elif name == "b.jsonl":
            part.to_json(hidden, orient="records", lines=True)
        else:
            part.to_parquet(hidden)
        found += ids(folder.look())
        hidden.rename(watched.path / name)  # whole at once
        found += ids(folder.look())
    assert found == frame["id"].tolist()
    assert watched.said == []


def test_names_that_are_not_read_are_said_once_or_passed_over(watched, tmp_path):
    for name in (".a.csv", "_b.csv", "c.csv.tmp", "d.part", "e.csv.partial", "f.CRDOWNLOAD"):
        (watched.path / name).write_text("x")
    (watched.path / "notes.txt").write_text("x")
    (watched.path / "inner").mkdir()
    (watched.path / "a\u202e.csv").write_text("id,b\n1,2\n")
    os.mkfifo(watched.path / "pipe.csv")
    (watched.path / "nowhere.csv").symlink_to(tmp_path / "nothing")
    (tmp_path / "real.jsonl").write_text(ROW.format(1))
    (watched.path / "link.jsonl").symlink_to(tmp_path / "real.jsonl")
    folder = watched(complete=True)
    assert ids(folder.look()) == [1]
    assert ids(folder.look()) == []
    said = [line.removeprefix(f"'{watched.path}/") for line in watched.said]
    assert said == [
        "a⟨U+202E⟩.csv': expected a name of printable characters; it is ignored",
        "inner': a folder in the folder that is watched; it is not looked into",
        "notes.txt': expected a name that ends in .csv, .jsonl, .ndjson, .parquet, .pq; it is "
        "ignored",
        "pipe.csv': neither a file nor a folder; it is ignored",
    ]


def test_a_last_line_without_an_end_waits_until_the_file_is_at_rest(watched, clock):
    path = watched.path / "a.csv"
    path.write_text("id,b\n1,x\n2,")
    folder = watched(settle_s=5)
    assert ids(folder.look()) == ["1"]
    clock.now += 4
    with path.open("a") as file:
        file.write("y\n3,z")
    assert ids(folder.look()) == ["2"]
    clock.now += 4
    assert ids(folder.look()) == []
    clock.now += 1
    assert ids(folder.look()) == ["3"]
    clock.now += 100
    assert ids(folder.look()) == []
    path.write_text(path.read_text() + "\n4,w\n")
    assert ids(folder.look()) == ["4"]


def test_a_file_that_cannot_be_read_yet_is_tried_again(watched, clock, tmp_path):
    pd.DataFrame({"id": [1, 2]}).to_parquet(tmp_path / "whole.parquet")
    content = (tmp_path / "whole.parquet").read_bytes()
    path = watched.path / "a.parquet"
    folder = watched()
    path.write_bytes(content[:50])
    assert ids(folder.look()) == []
    clock.now += 60
    path.write_bytes(content)
    assert ids(folder.look()) == [1, 2]
    clock.now += 60
    assert ids(folder.look()) == []


def test_a_file_that_is_useless_is_refused_once_also_after_a_restart(watched, clock):
    path = watched.path / "a.parquet"
    path.write_text("no Parquet")
    folder = watched()
    assert list(folder.look()) == []
    clock.now += 5
    [record] = folder.look()
    assert (record.number, record.values, record.after.records) == (0, None, -1)
    assert "expected a whole Parquet file" in record.problem
    clock.now += 5
    assert list(folder.look()) == []
    assert list(watched(folder.positions, complete=True).look()) == []
    path.write_text("none again")
    [again] = watched(folder.positions, complete=True).look()
    assert again.after != record.after
    pd.DataFrame({"id": [1, 2]}).to_parquet(path)
    assert ids(folder.look()) == [1, 2]
    assert ids(watched(folder.positions, complete=True).look()) == []


def test_an_empty_file_is_told_from_one_that_begins(watched, clock):
    path = watched.path / "a.csv"
    path.touch()
    folder = watched()
    assert ids(folder.look()) == []
    path.write_text("id,b\n1,x\n")
    assert ids(folder.look()) == ["1"]
    (watched.path / "b.csv").touch()
    list(folder.look())
    clock.now += 5
    [problem] = ids(folder.look())
    assert problem.endswith("expected a line with the columns' names, found none")


def test_an_altered_file_is_refused_once_and_never_counted_again(watched, clock):
    path = watched.path / "a.jsonl"
    path.write_text(ROW.format(1) + ROW.format(2))
    folder = watched()
    assert ids(folder.look()) == [1, 2]
    path.write_text(ROW.format(3) + ROW.format(2))
    assert ids(folder.look()) == []  # it may be in the midst of being written again
    clock.now += 5
    [record] = folder.look()
    assert "expected what was read of it before, found other content" in record.problem
    assert (record.number, record.after.taken, record.after.is_refused) == (0, 2, True)
    clock.now += 5
    assert ids(folder.look()) == []
    assert ids(watched(folder.positions, complete=True).look()) == []
    path.write_text(ROW.format(1) + ROW.format(2) + ROW.format(3))
    [once_more] = watched(folder.positions, complete=True).look()
    assert once_more.number == 0


def test_a_file_that_is_written_anew_with_what_it_held_goes_on(watched, clock):
    path = watched.path / "a.jsonl"
    path.write_text(ROW.format(1))
    folder = watched()
    assert ids(folder.look()) == [1]
    path.write_text("")
    assert ids(folder.look()) == []
    path.write_text(ROW.format(1) + ROW.format(2))
    assert ids(folder.look()) == [2]


def test_files_and_folders_may_vanish_and_come_back(watched, tmp_path):
    (watched.path / "a.jsonl").write_text(ROW.format(1))
    folder = watched()
    look = folder.look()
    (watched.path / "b.jsonl").write_text(ROW.format(2))
    assert ids(look) == [1, 2]
    (watched.path / "b.jsonl").unlink()
    assert ids(folder.look()) == []
    watched.path.rename(tmp_path / "elsewhere")
    assert ids(folder.look()) == ids(folder.look()) == []
    (tmp_path / "elsewhere").rename(watched.path)
    (watched.path / "c.jsonl").write_text(ROW.format(3))
    assert ids(folder.look()) == [3]
    assert watched.said == [
        f"'{watched.path}': cannot be read: No such file or directory; waiting for it",
        f"'{watched.path}': can be read again",
    ]


def test_a_file_that_vanishes_while_it_is_looked_for_is_no_error(watched, monkeypatch):
    for name in "ab":
        (watched.path / f"{name}.jsonl").write_text(ROW.format(1))
    look = watched().look()
    assert next(look).source == "a.jsonl"
    (watched.path / "b.jsonl").unlink()
    assert list(look) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused_and_read_once_it_may(watched):
    path = watched.path / "a.jsonl"
    path.write_text(ROW.format(1))
    path.chmod(0)
    folder = watched(complete=True)
    assert ids(folder.look()) == [f"'{path}': cannot be read: Permission denied"]
    assert ids(folder.look()) == []
    path.chmod(0o600)
    assert ids(folder.look()) == [1]


def test_a_look_that_is_left_goes_on_where_it_was(watched):
    (watched.path / "a.jsonl").write_text("".join(ROW.format(n) for n in range(5)))
    folder = watched()
    look = folder.look()
    assert ids([next(look), next(look)]) == [0, 1]
    look.close()
    assert folder.positions["a.jsonl"].records == 2
    assert ids(folder.look()) == [2, 3, 4]


WRITER = """
import os, random, sys, time
draw = random.Random(0)
rows = "".join(f'{n},"two|lines"|' for n in range(3000))
content = ("id,b|" + rows).replace("|", chr(10)).encode()
with open(sys.argv[1], "ab", buffering=0) as file:
    while content:
        cut = draw.randint(1, 400)
        file.write(content[:cut])
        content = content[cut:]
        time.sleep(0.001)
"""


def test_rows_that_another_process_writes_meanwhile_are_each_read_once(tmp_path):
    folder, found = Folder(tmp_path), []
    with subprocess.Popen([sys.executable, "-c", WRITER, tmp_path / "a.csv"]) as writer:
        while writer.poll() is None:
            found += ids(folder.look())
    n_meanwhile = len(found)
    found += ids(folder.look())
    assert found == [str(n) for n in range(3000)]
    assert n_meanwhile > 0


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_pieces_and_restarts_at_random_count_each_row_once(data, tmp_path_factory):
    path, clock = tmp_path_factory.mktemp("stream"), Clock()
    contents = {
        "a.jsonl": "".join(ROW.format(n) for n in range(12)).encode(),
        "b.csv": b"id,b\n" + b"".join(f'{n},"x\ny"\n'.encode() for n in range(12, 24)),
    }
    # a file that stands half-written for longer than this is taken as it is
    folder, found = Folder(path, clock=clock, settle_s=1_000), []

    def take(most: int) -> list[Record]:
        look = folder.look()
        taken = list(itertools.islice(look, most))
        look.close()
        return taken

    while any(contents.values()):
        name = data.draw(st.sampled_from([name for name, rest in contents.items() if rest]))
        cut = data.draw(st.integers(1, len(contents[name])))
        with Path(path, name).open("ab") as file:
            file.write(contents[name][:cut])
        contents[name] = contents[name][cut:]
        clock.now += 1
        known: dict[str, Position] = dict(folder.positions)
        taken = take(data.draw(st.integers(0, 9)))
        if data.draw(st.booleans()):  # killed before it could store what it took, or behind that
            stored = data.draw(st.integers(0, len(taken)))
            known |= {record.source: record.after for record in taken[:stored]}
            folder = Folder(path, known, clock=clock, settle_s=1_000)
            taken = taken[:stored]
        found += taken
    found += take(100)
    assert sorted(int(record.values["id"]) for record in found) == list(range(24))

"""Malformed records and labels of any order, through whole watches: each is counted, once."""

from __future__ import annotations

import json
import subprocess

import numpy as np
import pandas as pd
import pytest

from small_disks import mounted
from streams import frame_of, write_stream
from watch_commands import figures_of, history_of, run, the_line


@pytest.fixture
def rows(affairs) -> pd.DataFrame:
    return frame_of(affairs.test).sample(300, random_state=1).astype({"age": object})


def watch(folder, *more) -> list[dict]:
    """Reads all that is there; the windows."""
    done = run("watch", folder, folder.parent / "in", "--once", "--json", "-", *more)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_malformed_records_of_all_formats_are_quarantined_and_counted(folder, rows):
    inbox, n_bad = folder.parent / "in", 0
    for number, ending in enumerate((".csv", ".jsonl", ".parquet")):
        part = rows.iloc[100 * number : 100 * (number + 1)].copy()
        part.iloc[3, part.columns.get_loc("age")] = -1.0
        part.iloc[7, part.columns.get_loc("label")] = "perhaps <b>"
        if ending != ".parquet":
            part.iloc[9, part.columns.get_loc("age")] = "old<script>alert(1)</script>"
        path = write_stream(part, inbox / f"part{number}{ending}")
        n_bad += 2 if ending == ".parquet" else 3
        if ending == ".csv":
            path.write_bytes(path.read_bytes() + b"a,b\n" + b"\xff\xfe,1\n")
            n_bad += 2
        if ending == ".jsonl":
            text = path.read_text()
            path.write_text(f"{text}no json\n[1, 2]\n{text.partition(chr(10))[0]}\n")
            n_bad += 2
    (inbox / "whole.parquet").write_text("no Parquet")
    windows = watch(folder, "--window-rows", "80")
    n_bad += 1
    n_outside = sum(window["outside"].get("age", 0) for window in windows)
    kept = 300 - (n_bad - 5) + n_outside  # a number outside its range may be a row all the same
    done = run("report", folder, "--json", "-", "--out", folder / "page.html")
    found = json.loads(done.stdout)
    totals, page = found["totals"], (folder / "page.html").read_text()
    assert totals["quarantined"] == n_bad - n_outside == len(found["quarantine"])
    assert (totals["rows"], totals["duplicates"]) == (kept, 1)
    # 300 rows, two lines more of either text, the first one again, and a file as a whole
    assert totals["rows"] + totals["quarantined"] + totals["duplicates"] == 300 + 4 + 1 + 1
    assert sum(window["quarantined"] for window in windows) == totals["quarantined"]
    sources = {one["source"] for one in found["quarantine"]}
    assert sources == {"part0.csv", "part1.jsonl", "part2.parquet", "whole.parquet"}
    assert all(one["reason"] for one in found["quarantine"])
    assert "expected one of no affair, affair, found" in page
    assert "<script>alert(1)" not in page


def test_labels_before_with_and_after_their_rows_and_restarts(folder, rows):
    """Each file is read by a watch of its own; a record of each kind is told by hand."""
    inbox = folder.parent / "in"
    bare = rows.drop(columns="label")
    other = {"affair": "no affair", "no affair": "affair"}

    def told(place, *, turned=False):
        label = rows["label"].iloc[place]
        return {"id": rows["id"].iloc[place], "label": other[label] if turned else label}

    def step(number, *records, **counted):
        content = "".join(f"{json.dumps(dict(record), default=float)}\n" for record in records)
        (inbox / f"step{number}.jsonl").write_text(content)
        windows = watch(folder, "--window-rows", "100", "--least-judged", "0")
        totals = history_of(folder, str(folder / "monitor" / "watch.sqlite"))["totals"]
        assert {key: totals[key] for key in counted} == counted
        return windows

    row = bare.iloc
    # a label whose row comes never or later; a row whose label does; both in one window
    step(1, told(0), told(1), row[2], told(3), row[3], row[4], told(4), row[5],
         rows=4, labelled=2, waiting_labels=2)  # fmt: skip
    # the row of a label that waits; the label of a row of before; the same label again
    step(2, row[0], told(2), told(2), told(1), rows=5, labelled=4, waiting_labels=1, duplicates=2)
    # others for one that waits, for a row of before, for one of this window: the first counts
    turned = [told(place, turned=True) for place in (1, 0, 6)]
    # and a row of before with other values, beside its label, which counts all the same
    altered = {**row[5], "age": 32.0 if row[5]["age"] != 32 else 27.0}
    windows = step(3, *turned[:2], row[6], told(6), turned[2], altered, told(5),
                   rows=6, labelled=6, waiting_labels=1, quarantined=4)  # fmt: skip
    assert windows[0]["quarantined"] == 4
    # before its row, in the same batch, and then with another label; and what is known already
    both = {**row[7], "label": told(7, turned=True)["label"]}
    step(4, told(7), both, row[1], row[2], told(2),
         rows=8, labelled=8, waiting_labels=0, quarantined=5, duplicates=4)  # fmt: skip
    found = history_of(folder, str(folder / "monitor" / "watch.sqlite"))
    assert found["totals"]["windows"] == 4
    assert {one["number"] for one in found["quarantine"] if one["source"] == "step4.jsonl"} == {2}
    # with the labels that counted, the accuracy is that of a file which has them at once
    at_once = rows.iloc[:8]
    data = write_stream(at_once, folder.parent / "at-once.csv")
    done = run("check", folder, "--data", data, "--store", folder / "other", "--json", "-")
    rate = json.loads(done.stdout)["rates"]["clean"]["accuracy"]
    sums = [window["rates"]["clean"]["accuracy"] for window in found["windows"]]
    assert sum(one["count"] for one in sums if one) == rate["count"]
    assert sum(one["n"] for one in sums if one) == rate["n"] == 8


@pytest.fixture
def disk(tmp_path):
    """A file system of 1 MiB."""
    yield from mounted(tmp_path / "disk", "1m")


def test_a_full_disk_and_room_made_later(folder, affairs, disk):
    table = affairs.table
    frame = frame_of(table, np.random.default_rng(0).integers(0, len(table), 20_000))
    write_stream(frame, folder.parent / "in" / "all.csv")
    options = ["--once", "--window-rows", "500", "--store"]
    arguments = ["watch", folder, folder.parent / "in", *options]
    done = run(*arguments, disk / "store")
    assert done.returncode == 3
    assert "what was stored before is kept" in the_line(done.stderr)
    n_windows = len(done.stdout.splitlines())
    assert history_of(folder, str(disk / "store"))["totals"]["windows"] == n_windows
    assert 0 < n_windows < len(frame) // 500
    subprocess.run(["mount", "-o", "remount,size=40m", str(disk)], check=True)
    assert run(*arguments, disk / "store").returncode == 0
    assert run(*arguments, folder / "undisturbed").returncode == 0
    after, undisturbed = disk / "store", folder / "undisturbed"
    assert figures_of(folder, str(after)) == figures_of(folder, str(undisturbed))
